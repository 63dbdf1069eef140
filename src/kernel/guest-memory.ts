/** A guest's memory as its imports see it: every pointer and length checked against the memory of the moment. */
import { errno } from './errno.ts'

const NOTHING = new ArrayBuffer(0)

/**
 * Reads and writes of a guest's linear memory. Pointers and lengths are the guest's word: taken as unsigned, and EFAULT
 * where they reach outside. Numbers are little-endian and need no alignment.
 */
export class GuestMemory {
  readonly #memory: () => WebAssembly.Memory | undefined
  #view = new DataView(NOTHING)
  #bytes = new Uint8Array(NOTHING)
  #revoked = false

  /** @param memory the guest's, which may grow between two calls */
  constructor(memory: () => WebAssembly.Memory | undefined) {
    this.#memory = memory
  }

  /** From here on everything fails with ECANCELED: what an answer that comes late would touch is nobody's. */
  revoke(): void {
    this.#revoked = true
    this.#view = new DataView(NOTHING)
    this.#bytes = new Uint8Array(NOTHING)
  }

  /** A view of a range, valid until the guest runs again. */
  range(pointer: number, length: number): Uint8Array {
    const start = this.#at(pointer, length)
    return this.#bytes.subarray(start, start + (length >>> 0))
  }

  /** A view of at most so many bytes: fewer where the memory ends. */
  bytesFrom(pointer: number, most: number): Uint8Array {
    const start = this.#at(pointer, 0)
    return this.#bytes.subarray(start, start + most)
  }

  /** A copy of a range. */
  copy(pointer: number, length: number): Uint8Array {
    return this.range(pointer, length).slice()
  }

  write(pointer: number, bytes: Uint8Array): void {
    this.range(pointer, bytes.length).set(bytes)
  }

  u8(pointer: number): number {
    const at = this.#at(pointer, 1)
    return this.#view.getUint8(at)
  }

  u16(pointer: number): number {
    const at = this.#at(pointer, 2)
    return this.#view.getUint16(at, true)
  }

  u32(pointer: number): number {
    const at = this.#at(pointer, 4)
    return this.#view.getUint32(at, true)
  }

  u64(pointer: number): bigint {
    const at = this.#at(pointer, 8)
    return this.#view.getBigUint64(at, true)
  }

  setU32(pointer: number, value: number): void {
    const at = this.#at(pointer, 4)
    this.#view.setUint32(at, value, true)
  }

  setU64(pointer: number, value: bigint): void {
    const at = this.#at(pointer, 8)
    this.#view.setBigUint64(at, value, true)
  }

  /** The checked start of a range. Views are looked at after it: it makes those of a grown memory anew. */
  #at(pointer: number, length: number): number {
    this.#refresh()
    const start = pointer >>> 0
    if (start + (length >>> 0) > this.#bytes.length) throw errno('EFAULT')
    return start
  }

  /** A grown memory detaches its views. */
  #refresh(): void {
    if (this.#revoked) throw errno('ECANCELED')
    const buffer = this.#memory()?.buffer ?? NOTHING
    if (buffer === this.#bytes.buffer) return
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
  }
}

/** A structure that is filled field by field and written as a whole. */
export class Structure {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  u8(at: number, value: number): this {
    this.#view.setUint8(at, value)
    return this
  }

  u16(at: number, value: number): this {
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(at: number, value: number): this {
    this.#view.setUint32(at, value, true)
    return this
  }

  u64(at: number, value: bigint): this {
    this.#view.setBigUint64(at, value, true)
    return this
  }
}
