/** What a guest writes to stdout and stderr: kept up to a limit, told to a listener, the rest dropped. */
import { errno } from './errno.ts'
import type { FileStat } from './host-port.ts'
import type { OpenFile } from './open-file.ts'

/** First capacity in bytes. One growing array: a list of chunks would let one-byte writes cost the host a hundredfold. */
const FIRST_BYTES = 1_024

export class OutputStream implements OpenFile {
  readonly #limit: number
  readonly #listener: ((bytes: Uint8Array) => void) | undefined
  #buffer = new Uint8Array(0)
  #size = 0
  #truncated = false
  #total = 0

  /**
   * @param limit bytes that are kept
   * @param listener gets a copy of each piece that is kept, in order, while the guest runs; must not throw
   */
  constructor(limit: number, listener?: (bytes: Uint8Array) => void) {
    this.#limit = limit
    this.#listener = listener
  }

  /** Whether bytes were dropped. */
  get truncated(): boolean {
    return this.#truncated
  }

  /** Bytes that the guest wrote, dropped ones too. */
  get total(): number {
    return this.#total
  }

  /** A copy of what is kept. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#size)
  }

  /** What is kept as text; bytes that are no UTF-8 become U+FFFD, a character cut by the limit is left out. */
  text(): string {
    const kept = this.#buffer.subarray(0, this.#size)
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(kept, { stream: this.#truncated })
  }

  /** Takes everything and says so: a guest cannot tell that output is dropped. */
  write(bytes: Uint8Array): number {
    const kept = bytes.subarray(0, Math.max(this.#limit - this.#size, 0))
    this.#total += bytes.length
    if (kept.length < bytes.length) this.#truncated = true
    if (kept.length > 0) {
      this.#append(kept)
      this.#listener?.(kept.slice())
    }
    return bytes.length
  }

  read(): Uint8Array {
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

  close(): void {}

  #append(bytes: Uint8Array): void {
    const end = this.#size + bytes.length
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(
        Math.min(Math.max(end, this.#buffer.length * 2, FIRST_BYTES), Math.max(this.#limit, end)),
      )
      grown.set(this.#buffer.subarray(0, this.#size))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#size)
    this.#size = end
  }
}

/** What `fstat` says of a stream. */
export function streamStat(): FileStat {
  return { kind: 'other', size: 0, modifiedMs: 0, accessedMs: 0, changedMs: 0, inode: 0, links: 1 }
}
