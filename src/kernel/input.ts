/** What a guest reads from stdin: bytes of the request, or a stream of the host that is read as the guest asks. */
import { TokaError } from '../errors.ts'
import { errno } from './errno.ts'
import type { FileStat, MaybePromise } from './host-port.ts'
import type { OpenFile } from './open-file.ts'
import { streamStat } from './output.ts'

/** Input that lies elsewhere: asked for its next piece when the guest wants one; undefined at the end. */
export type InputPort = { pull(): MaybePromise<Uint8Array | string | undefined>; cancel(): void }

export type InputSource = string | Uint8Array | ReadableStream<Uint8Array | string> | InputPort

function portOf(stream: ReadableStream<Uint8Array | string>): InputPort {
  const reader = stream.getReader()
  return {
    pull: async () => {
      const { done, value } = await reader.read()
      return done ? undefined : value
    },
    // The host's own trouble with its stream is no longer the guest's.
    cancel: () => void reader.cancel().catch(() => {}),
  }
}

export class InputStream implements OpenFile {
  /** What has arrived and is not read. */
  #rest: Uint8Array
  #port: InputPort | undefined
  /** Reads are answered in the order in which they were asked. */
  #queue: Promise<unknown> | undefined

  constructor(source: InputSource = new Uint8Array(0)) {
    if (typeof source === 'string') this.#rest = new TextEncoder().encode(source)
    else if (source instanceof Uint8Array) this.#rest = source.slice()
    else {
      this.#rest = new Uint8Array(0)
      this.#port = 'pull' in source ? source : portOf(source)
    }
  }

  /** At most `length` bytes; waits for the host's stream when nothing has arrived; empty at the end. */
  read(length: number, offset: number): MaybePromise<Uint8Array> {
    if (offset >= 0) throw errno('ESPIPE')
    if (length === 0) return new Uint8Array(0)
    const answer = this.#queue === undefined ? this.#pull(length) : this.#queue.then(() => this.#pull(length))
    if (answer instanceof Promise) this.#hold(answer)
    return answer
  }

  /**
   * Bytes that can be read without waiting, 0 at the end: now, or once some arrive. Takes nothing; what arrives while
   * nobody reads is kept.
   */
  ready(): MaybePromise<number> {
    if (this.#queue !== undefined) return this.#queue.then(() => this.ready())
    if (this.#rest.length > 0 || this.#port === undefined) return this.#rest.length
    const arrival = this.#arrive()
    if (!(arrival instanceof Promise)) return this.#rest.length
    this.#hold(arrival)
    return arrival.then(() => this.#rest.length)
  }

  write(): number {
    throw errno('EBADF')
  }

  stat(): FileStat {
    return streamStat()
  }

  truncate(): void {
    throw errno('EINVAL')
  }

  sync(): void {}

  setTimes(): void {
    throw errno('EINVAL')
  }

  /** Lets go of the host's stream: it is cancelled. */
  close(): void {
    const port = this.#port
    this.#port = undefined
    this.#rest = new Uint8Array(0)
    port?.cancel()
  }

  #pull(length: number): MaybePromise<Uint8Array> {
    const arrival = this.#arrive()
    if (arrival instanceof Promise) return arrival.then(() => this.#take(length))
    return this.#take(length)
  }

  /** What comes after waits for this. */
  #hold(work: Promise<unknown>): void {
    const settled = work.then(
      () => {},
      () => {},
    )
    this.#queue = settled
    void settled.then(() => {
      if (this.#queue === settled) this.#queue = undefined
    })
  }

  /** Resolves when there is something to read, or nothing will be. */
  #arrive(): MaybePromise<void> {
    while (this.#rest.length === 0 && this.#port !== undefined) {
      let piece: MaybePromise<Uint8Array | string | undefined>
      try {
        piece = this.#port.pull()
      } catch (error) {
        this.#fail(error)
      }
      if (piece instanceof Promise) {
        return piece.then(
          (arrived) => {
            this.#accept(arrived)
            return this.#arrive()
          },
          (error: unknown) => this.#fail(error),
        )
      }
      this.#accept(piece)
    }
  }

  #accept(piece: Uint8Array | string | undefined): void {
    if (piece === undefined) this.#port = undefined
    else if (typeof piece === 'string') this.#rest = new TextEncoder().encode(piece)
    else if (piece instanceof Uint8Array) this.#rest = piece.slice()
    else throw errno('EIO')
  }

  #fail(error: unknown): never {
    this.#port = undefined
    throw error instanceof TokaError ? error : errno('EIO')
  }

  #take(length: number): Uint8Array {
    const taken = this.#rest.slice(0, length)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }
}
