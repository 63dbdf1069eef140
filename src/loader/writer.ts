/** Numbers, names and byte ranges in, a growing wasm binary out. */

const utf8 = new TextEncoder()

/** The eight bytes that begin every core module of version 1. */
export const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const

/** An append-only byte buffer with the encodings of the WebAssembly binary format. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** Forgets what was written and keeps the room. */
  clear(): void {
    this.#length = 0
  }

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
    return this
  }

  u32(value: number): this {
    this.#reserve(5)
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#length++] = rest
    return this
  }

  /** A signed LEB128 of a 32-bit integer. */
  s32(value: number): this {
    let rest = value | 0
    for (;;) {
      const low = rest & 0x7f
      rest >>= 7
      if ((rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)) return this.byte(low)
      this.byte(low | 0x80)
    }
  }

  raw(bytes: ArrayLike<number>): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  /** Copies `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): this {
    return this.raw(source.subarray(start, end))
  }

  name(text: string): this {
    const bytes = utf8.encode(text)
    return this.u32(bytes.length).raw(bytes)
  }

  /** A block with its size before it: a section's body, a function's body. */
  sized(body: Writer): this {
    return this.u32(body.length).raw(body.view())
  }

  /** A section with its id, its size and its body. */
  section(id: number, body: Writer): this {
    return this.byte(id).sized(body)
  }

  /** What was written, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.view())
    this.#bytes = grown
  }
}
