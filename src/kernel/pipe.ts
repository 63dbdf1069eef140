/** A pipe inside one process: bytes that were written wait to be read, up to a bound. */
import { errno } from './errno.ts'
import type { FileStat } from './host-port.ts'
import type { OpenFile } from './open-file.ts'
import { streamStat } from './output.ts'

/** Bytes that wait, as in Linux (pipe(7)). */
const CAPACITY = 65_536

/** What both ends share. Nobody but the process itself could write: a reader never waits, it hears EAGAIN. */
class Channel {
  #waiting = new Uint8Array(0)
  writers = 1
  readers = 1

  get size(): number {
    return this.#waiting.length
  }

  get room(): number {
    return CAPACITY - this.#waiting.length
  }

  take(length: number): Uint8Array {
    const taken = this.#waiting.slice(0, length)
    this.#waiting = this.#waiting.slice(taken.length)
    return taken
  }

  put(bytes: Uint8Array): number {
    const kept = bytes.subarray(0, this.room)
    const all = new Uint8Array(this.#waiting.length + kept.length)
    all.set(this.#waiting)
    all.set(kept, this.#waiting.length)
    this.#waiting = all
    return kept.length
  }
}

/** One end of a pipe. */
export class PipeEnd implements OpenFile {
  readonly #channel: Channel
  readonly #writes: boolean

  constructor(channel: Channel, writes: boolean) {
    this.#channel = channel
    this.#writes = writes
  }

  /** Whether a read or a write of this end would do something. */
  get ready(): boolean {
    const { size, room, writers, readers } = this.#channel
    return this.#writes ? room > 0 || readers === 0 : size > 0 || writers === 0
  }

  get writes(): boolean {
    return this.#writes
  }

  read(length: number, offset: number): Uint8Array {
    if (this.#writes) throw errno('EBADF')
    if (offset >= 0) throw errno('ESPIPE')
    if (this.#channel.size === 0 && this.#channel.writers > 0 && length > 0) throw errno('EAGAIN')
    return this.#channel.take(length)
  }

  write(bytes: Uint8Array, offset = -1): number {
    if (!this.#writes) throw errno('EBADF')
    if (offset >= 0) throw errno('ESPIPE')
    if (this.#channel.readers === 0) throw errno('EPIPE')
    if (this.#channel.room === 0 && bytes.length > 0) throw errno('EAGAIN')
    return this.#channel.put(bytes)
  }

  stat(): FileStat {
    return streamStat()
  }

  truncate(): void {
    throw errno('EINVAL')
  }

  sync(): void {}

  setTimes(): void {}

  close(): void {
    if (this.#writes) this.#channel.writers = 0
    else this.#channel.readers = 0
  }
}

/** Both ends: the one to read from first. */
export function makePipe(): [PipeEnd, PipeEnd] {
  const channel = new Channel()
  return [new PipeEnd(channel, false), new PipeEnd(channel, true)]
}
