/** A stream of the embedding program, handed to a run in a worker piece by piece, as the guest asks. */
import { putMail, roomOf } from './mailbox.ts'
import type { FromWorker, MessageOf } from './protocol.ts'
import type { Reply } from './tool-calls.ts'

type Pull = MessageOf<FromWorker, 'pull'>
type Piece = { chunk?: Uint8Array<ArrayBuffer>; failed: boolean }

const utf8 = new TextEncoder()

export class InputFeed {
  readonly #run: number
  readonly #reply: Reply
  readonly #reader: ReadableStreamDefaultReader<unknown> | undefined
  #pulled: Pull | undefined
  /** Of a piece that was larger than a mailbox. */
  #rest: Uint8Array<ArrayBuffer> | undefined

  /** @param stream to read; without one nothing may be asked for */
  constructor(run: number, stream: ReadableStream | undefined, reply: Reply) {
    this.#run = run
    this.#reply = reply
    this.#reader = stream?.getReader()
  }

  /**
   * Reads the next piece.
   * @returns false when no worker of ours asks that
   */
  pull(pull: Pull): boolean {
    if (!this.#reader || this.#pulled) return false
    this.#pulled = pull
    if (this.#rest) this.#answer({ chunk: this.#rest, failed: false })
    else this.#read(this.#reader)
    return true
  }

  #read(reader: ReadableStreamDefaultReader<unknown>): void {
    reader.read().then(
      ({ done, value }) => this.#answer(done ? { failed: false } : pieceOf(value)),
      () => this.#answer({ failed: true }),
    )
  }

  /** The run is over: the stream is let go. */
  end(): void {
    this.#pulled = undefined
    // The program's own trouble with its stream is not the run's.
    this.#reader?.cancel().catch(() => {})
  }

  #answer({ chunk, failed }: Piece): void {
    const pulled = this.#pulled
    if (!pulled) return
    this.#pulled = undefined
    this.#rest = undefined
    const { mailbox } = pulled
    if (!mailbox) return this.#reply.post({ kind: 'input', run: this.#run, ...(chunk ? { chunk } : {}), failed })
    if (chunk) this.#put(mailbox, chunk)
    else putMail(mailbox, failed ? { state: 'failed', payload: new Uint8Array(0) } : { state: 'ended' })
    this.#reply.mailed()
  }

  #put(mailbox: SharedArrayBuffer, chunk: Uint8Array<ArrayBuffer>): void {
    const room = roomOf(mailbox)
    putMail(mailbox, { state: 'done', payload: chunk.subarray(0, room) })
    if (chunk.length > room) this.#rest = chunk.slice(room)
  }
}

function pieceOf(value: unknown): Piece {
  if (typeof value === 'string') return { chunk: utf8.encode(value), failed: false }
  return value instanceof Uint8Array ? { chunk: new Uint8Array(value), failed: false } : { failed: true }
}
