/** What a guest reads from stdin: bytes of the request, or a stream of the host that is read as the guest asks. */
import { TokaError } from '../errors.ts'
import { errno } from './errno.ts'
import type { FileStat, MaybePromise } from './host-port.ts'
import type { OpenFile } from './open-file.ts'
import { streamStat } from './output.ts'

export type InputSource = string | Uint8Array | ReadableStream<Uint8Array | string>

export class InputStream implements OpenFile {
  /** What has arrived and is not read. */
  #rest: Uint8Array
  #reader: ReadableStreamDefaultReader<Uint8Array | string> | undefined
  /** Reads are answered in the order in which they were asked. */
  #queue: Promise<unknown> | undefined

  constructor(source: InputSource = new Uint8Array(0)) {
    if (typeof source === 'string') this.#rest = new TextEncoder().encode(source)
    else if (source instanceof Uint8Array) this.#rest = source.slice()
    else {
      this.#rest = new Uint8Array(0)
      this.#reader = source.getReader()
    }
  }

  /** At most `length` bytes; waits for the host's stream when nothing has arrived; empty at the end. */
  read(length: number, offset: number): MaybePromise<Uint8Array> {
    if (offset >= 0) throw errno('ESPIPE')
    if (length === 0) return new Uint8Array(0)
    if (this.#queue === undefined && (this.#rest.length > 0 || this.#reader === undefined)) return this.#take(length)
    const answer = (this.#queue ?? Promise.resolve()).then(() => this.#pull(length))
    const settled = answer.then(
      () => {},
      () => {},
    )
    this.#queue = settled
    void settled.then(() => {
      if (this.#queue === settled) this.#queue = undefined
    })
    return answer
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

  /** Lets go of the host's stream: it is cancelled. */
  close(): void {
    const reader = this.#reader
    this.#reader = undefined
    this.#rest = new Uint8Array(0)
    reader?.cancel().catch(() => {}) // the host's own trouble with its stream is no longer the guest's
  }

  async #pull(length: number): Promise<Uint8Array> {
    while (this.#rest.length === 0 && this.#reader !== undefined) {
      const chunk = await this.#reader.read().catch((error: unknown) => {
        this.#reader = undefined
        throw error instanceof TokaError ? error : errno('EIO')
      })
      if (chunk.done) this.#reader = undefined
      else if (typeof chunk.value === 'string') this.#rest = new TextEncoder().encode(chunk.value)
      else if (chunk.value instanceof Uint8Array) this.#rest = chunk.value.slice()
      else throw errno('EIO')
    }
    return this.#take(length)
  }

  #take(length: number): Uint8Array {
    const taken = this.#rest.slice(0, length)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }
}
