/** Bytes of a wasm binary in, checked numbers out: strict LEB128 with bounds, and the one error that the loader throws. */
import { TokaError } from '../errors.ts'

/** A module that the loader refuses. `offset` is where in the binary, in bytes. */
export function refuseModule(reason: string, offset?: number): TokaError {
  const place = offset === undefined ? '' : ` (offset 0x${offset.toString(16)})`
  return new TokaError('TOKA_ENGINE_LOAD', `the module is refused: ${reason}${place}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A cursor over a range of a binary. Every read is checked against the range's end; nothing is read twice. */
export class Reader {
  readonly bytes: Uint8Array
  /** Offset of the next byte. */
  at: number
  /** Offset after the last readable byte. */
  readonly end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    if (start > end || end > bytes.length) throw refuseModule('a range leaves the file', start)
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  byte(): number {
    if (this.at >= this.end) throw refuseModule('it ends too early', this.at)
    return this.bytes[this.at++] as number
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw refuseModule('it ends too early', this.at)
    this.at += count
  }

  /** An unsigned 32-bit LEB128: at most five bytes, no bits beyond the 32nd (WebAssembly core specification, 5.2.2). */
  u32(): number {
    let value = this.byte()
    if (value < 0x80) return value
    value &= 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      const next = this.byte()
      value |= (next & 0x7f) << shift
      if (next < 0x80) return value >>> 0
    }
    const last = this.byte()
    if (last > 0x0f) throw refuseModule('an integer is longer than 32 bits', this.at - 1)
    return (value | (last << 28)) >>> 0
  }

  /** Passes over a signed LEB128 of `bits` bits; what lies beyond them must repeat the sign. */
  skipSigned(bits: 32 | 33 | 64): void {
    const full = Math.ceil(bits / 7)
    for (let read = 1; read < full; read++) if (this.byte() < 0x80) return
    const last = this.byte()
    const used = bits - 7 * (full - 1)
    const beyond = (last & 0x7f) >> (used - 1)
    if (last >= 0x80 || (beyond !== 0 && beyond !== 0x7f >> (used - 1))) {
      throw refuseModule(`an integer is longer than ${bits} bits`, this.at - 1)
    }
  }

  /** A byte string with its length before it, as UTF-8. */
  name(): string {
    const length = this.u32()
    const start = this.at
    this.skip(length)
    try {
      return utf8.decode(this.bytes.subarray(start, this.at))
    } catch {
      throw refuseModule('a name is not UTF-8', start)
    }
  }
}
