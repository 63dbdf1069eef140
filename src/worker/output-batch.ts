/** What a guest prints, sent to the embedding thread in few messages: many short lines are one. */
import type { FromWorker, MessageOf } from '../sandbox/protocol.ts'

type Stream = MessageOf<FromWorker, 'output'>['stream']

/** Bytes and milliseconds that wait at most while the guest goes on printing. */
const BATCH_BYTES = 32_768
const BATCH_MS = 10

export class OutputBatch {
  readonly #send: (stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void
  #stream: Stream = 'stdout'
  #pieces: Uint8Array[] = []
  #size = 0
  #since = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(send: (stream: Stream, bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send
  }

  add(stream: Stream, bytes: Uint8Array): void {
    if (stream !== this.#stream) this.flush()
    this.#stream = stream
    if (this.#size === 0) {
      this.#since = performance.now()
      this.#timer = setTimeout(() => this.flush(), BATCH_MS)
    }
    this.#pieces.push(bytes)
    this.#size += bytes.length
    if (this.#size >= BATCH_BYTES) this.flush()
    else this.tick()
  }

  /** Asked now and then: a guest that leaves the thread to nobody lets no timer fire. */
  tick(): void {
    if (this.#size > 0 && performance.now() - this.#since >= BATCH_MS) this.flush()
  }

  /** Sends what waits: before anything else that the embedding program sees of the run. */
  flush(): void {
    if (this.#size === 0) return
    clearTimeout(this.#timer)
    const bytes = new Uint8Array(this.#size)
    let at = 0
    for (const piece of this.#pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    this.#pieces = []
    this.#size = 0
    this.#send(this.#stream, bytes)
  }
}
