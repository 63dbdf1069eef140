/** The argument of a host call, read in order and checked: little-endian numbers first, then text, bytes or a value. */
import { TokaError } from '../errors.ts'
import { errno } from './errno.ts'
import { checkPath, decodePath } from './paths.ts'
import { decodeValue } from './values.ts'

/** Sizes of the small structures that paths travel in: two paths and two numbers. */
const PATH_VALUE = { structuredBytes: 16_384, flatBytes: 0, nodes: 8, depth: 1 }

export class Argument {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** A number of 32 bits without sign. EINVAL when the argument is too short, as for all that follow. */
  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** A place to read at, or -1 for the descriptor's own position. */
  offset(): number {
    const offset = this.f64()
    return offset === -1 ? -1 : wholeBytes(offset)
  }

  /** A size: a whole number of bytes, not negative. EINVAL otherwise. */
  size(): number {
    return wholeBytes(this.f64())
  }

  /** `length` bytes: a view of the argument. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** What is left: a view of the argument. */
  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.#position)
  }

  /** What is left, as a path. */
  path(): string {
    return decodePath(this.rest())
  }

  /** What is left, as an encoded array of `count` members whose first two are paths, or one path and numbers. */
  list(count: number): unknown[] {
    const bytes = this.rest()
    // Of two paths and two numbers only a path can be long.
    if (bytes.length > PATH_VALUE.structuredBytes) throw errno('ENAMETOOLONG')
    let value: unknown
    try {
      value = decodeValue(bytes, PATH_VALUE)
    } catch (error) {
      if (error instanceof TokaError) throw errno('EINVAL')
      throw error
    }
    if (!Array.isArray(value) || value.length !== count) throw errno('EINVAL')
    return value
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#position !== this.#bytes.length) throw errno('EINVAL')
  }

  #take(length: number): number {
    const start = this.#position
    if (length > this.#bytes.length - start) throw errno('EINVAL')
    this.#position = start + length
    return start
  }
}

function wholeBytes(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw errno('EINVAL')
  return value
}

/** A member of a list that must be a path. */
export function pathMember(value: unknown): string {
  if (typeof value !== 'string') throw errno('EINVAL')
  return checkPath(value)
}

/** A member of a list that must be a time in milliseconds. */
export function timeMember(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw errno('EINVAL')
  return value
}

/** An answer of one u32. */
export function u32Answer(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

/** An answer of one f64. */
export function f64Answer(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return bytes
}
