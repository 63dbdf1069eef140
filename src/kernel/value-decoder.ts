/** Hostile bytes to plain values: one strict pass over deterministic CBOR, every size checked before allocation. */
import { TokaError } from '../errors.ts'
import { fitsSingle, fromHalf, NAN_HALF, toHalf } from './value-floats.ts'
import { DATE_LIMIT_MS, Simple, Tag, type ValueLimits } from './value-format.ts'

/** Below this length a loop beats TextDecoder (measured: equal near 30 on V8). */
const SHORT_TEXT = 24

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const define = Object.defineProperty
const sliceBytes = Uint8Array.prototype.slice

/** Decodes one value; see `decodeValue`. */
export function decodeBytes(bytes: Uint8Array, limits: Readonly<ValueLimits>): unknown {
  // A Buffer's slice shares memory and its species is not ours: read through a plain view.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const major = (plain[0] ?? 0) >>> 5
  const most = major === 2 || major === 3 ? limits.flatBytes : limits.structuredBytes
  if (plain.length > most)
    throw new TokaError('TOKA_VALUE_SIZE', `the encoded value is larger than ${most.toLocaleString('en')} bytes`)
  return new ValueDecoder(plain, limits).decode()
}

class ValueDecoder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limits: Readonly<ValueLimits>
  #position = 0
  #nodes = 0
  #depth = 0

  constructor(bytes: Uint8Array, limits: Readonly<ValueLimits>) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
  }

  decode(): unknown {
    const value = this.#any()
    if (this.#position !== this.#bytes.length) throw this.#malformed('bytes after the value')
    return value
  }

  #any(): unknown {
    this.#count(1)
    const initial = this.#byte()
    const low = initial & 0x1f
    switch (initial >>> 5) {
      case 0:
        return this.#integer(low)
      case 1:
        return -1 - this.#negative(low)
      case 2:
        return this.#binary(this.#length(low))
      case 3:
        return this.#text(this.#length(low))
      case 4:
        return this.#array(this.#size(low, 1))
      case 5:
        return this.#record(this.#size(low, 2))
      case 6:
        return this.#tagged(this.#argument(low))
      default:
        return this.#simple(initial)
    }
  }

  #integer(low: number): number {
    const value = this.#argument(low)
    if (value > Number.MAX_SAFE_INTEGER) throw this.#malformed('an integer beyond 2^53 - 1 (larger ones are bignums)')
    return value
  }

  #negative(low: number): number {
    const value = this.#argument(low)
    if (value >= Number.MAX_SAFE_INTEGER)
      throw this.#malformed('an integer beyond -(2^53 - 1) (larger ones are bignums)')
    return value
  }

  #simple(initial: number): unknown {
    switch (initial) {
      case Simple.false:
        return false
      case Simple.true:
        return true
      case Simple.null:
        return null
      case Simple.undefined:
        return undefined
      case Simple.half:
        return this.#half()
      case Simple.single:
        return this.#single()
      case Simple.double:
        return this.#double()
      default:
        throw this.#malformed('an unknown simple value or an indefinite length')
    }
  }

  #half(): number {
    const bits = this.#view.getUint16(this.#take(2))
    const value = fromHalf(bits)
    if (Number.isNaN(value) && bits !== NAN_HALF) throw this.#malformed('a NaN other than 7e00')
    return this.#float(value)
  }

  #single(): number {
    const value = this.#view.getFloat32(this.#take(4))
    if (Number.isNaN(value) || toHalf(value) >= 0) throw this.#malformed('a float that is not the shortest')
    return this.#float(value)
  }

  #double(): number {
    const value = this.#view.getFloat64(this.#take(8))
    if (Number.isNaN(value) || fitsSingle(value)) throw this.#malformed('a float that is not the shortest')
    return this.#float(value)
  }

  #float(value: number): number {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) throw this.#malformed('an integer written as a float')
    return value
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length)
    return sliceBytes.call(this.#bytes, start, start + length)
  }

  #text(length: number): string {
    const start = this.#take(length)
    const end = start + length
    if (length < SHORT_TEXT) {
      let short = ''
      let at = start
      for (; at < end; at++) {
        const unit = this.#bytes[at] as number
        if (unit > 0x7f) break
        short += String.fromCharCode(unit)
      }
      if (at === end) return short
    }
    try {
      return text.decode(this.#bytes.subarray(start, end))
    } catch {
      throw this.#malformed('text that is not UTF-8')
    }
  }

  #array(count: number): unknown[] {
    this.#enter()
    const items: unknown[] = new Array(count)
    for (let index = 0; index < count; index++) items[index] = this.#any()
    this.#depth--
    return items
  }

  #record(count: number): Record<string, unknown> {
    this.#enter()
    const record: Record<string, unknown> = {}
    for (let index = 0; index < count; index++) {
      const key = this.#key()
      if (Object.hasOwn(record, key)) throw this.#malformed('a key that occurs twice')
      const value = this.#any()
      // What Object.prototype holds (`__proto__`, `constructor`) is never assigned: a setter would run.
      if (key in Object.prototype) define(record, key, { value, writable: true, enumerable: true, configurable: true })
      else record[key] = value
    }
    this.#depth--
    return record
  }

  #key(): string {
    this.#count(1)
    const initial = this.#byte()
    if (initial >>> 5 !== 3) throw this.#malformed('an object key that is not text')
    return this.#text(this.#length(initial & 0x1f))
  }

  #tagged(tag: number): unknown {
    const initial = this.#byte()
    const low = initial & 0x1f
    const major = initial >>> 5
    if (tag === Tag.positive && major === 2) return this.#magnitude(this.#length(low))
    if (tag === Tag.negative && major === 2) return -1n - this.#magnitude(this.#length(low))
    if (tag === Tag.set && major === 4) return this.#set(this.#size(low, 1))
    if (tag === Tag.map && major === 5) return this.#map(this.#size(low, 2))
    if (tag === Tag.error && major === 5) return this.#error(this.#size(low, 2))
    if (tag === Tag.date) return this.#date(initial, low, major)
    throw this.#malformed('an unknown tag, or a tag on the wrong content')
  }

  #magnitude(length: number): bigint {
    const start = this.#take(length)
    if (length === 0) return 0n
    if (this.#bytes[start] === 0) throw this.#malformed('a bignum with a leading zero')
    let digits = '0x'
    for (let at = start; at < start + length; at++) digits += (this.#bytes[at] as number).toString(16).padStart(2, '0')
    return BigInt(digits)
  }

  #set(count: number): Set<unknown> {
    this.#enter()
    const set = new Set<unknown>()
    for (let index = 0; index < count; index++) {
      const item = this.#any()
      if (set.has(item) || Object.is(item, -0)) throw this.#malformed('a member that occurs twice, or is -0')
      set.add(item)
    }
    this.#depth--
    return set
  }

  #map(count: number): Map<unknown, unknown> {
    this.#enter()
    const map = new Map<unknown, unknown>()
    for (let index = 0; index < count; index++) {
      const key = this.#any()
      if (map.has(key) || Object.is(key, -0)) throw this.#malformed('a key that occurs twice, or is -0')
      map.set(key, this.#any())
    }
    this.#depth--
    return map
  }

  #error(count: number): Error {
    this.#enter()
    if (count !== 2 && count !== 3) throw this.#malformed('an error without name and message')
    const name = this.#errorField('name')
    const message = this.#errorField('message')
    if (typeof name !== 'string' || typeof message !== 'string')
      throw this.#malformed('an error without name and message')
    const error = count === 3 ? new Error(message, { cause: this.#errorField('cause') }) : new Error(message)
    if (name !== 'Error') define(error, 'name', { value: name, writable: true, enumerable: false, configurable: true })
    // The frames of this decoder are no fact about the error.
    define(error, 'stack', { value: `${name}: ${message}`, writable: true, enumerable: false, configurable: true })
    this.#depth--
    return error
  }

  #errorField(name: string): unknown {
    if (this.#key() !== name) throw this.#malformed('an error whose fields are not name, message, cause in this order')
    return this.#any()
  }

  #date(initial: number, low: number, major: number): Date {
    const seconds = major === 0 ? this.#integer(low) : major === 1 ? -1 - this.#negative(low) : this.#simple(initial)
    if (typeof seconds !== 'number' || Object.is(seconds, -0))
      throw this.#malformed('a date that is not a number of seconds')
    const milliseconds = toMilliseconds(seconds)
    if (!(Math.abs(milliseconds) <= DATE_LIMIT_MS)) throw this.#malformed('a date out of range')
    return new Date(milliseconds)
  }

  /** The count of an array (`each` = 1) or map (2): no more than the rest of the bytes and of the nodes can hold. */
  #size(low: number, each: number): number {
    const count = this.#argument(low)
    if (each * count > this.#bytes.length - this.#position) throw this.#malformed('a count beyond the end')
    if (each * count > this.#limits.nodes - this.#nodes) throw this.#large()
    return count
  }

  #length(low: number): number {
    const length = this.#argument(low)
    if (length > this.#bytes.length - this.#position) throw this.#malformed('a length beyond the end')
    return length
  }

  /** The argument of an initial byte, in the shortest form only (RFC 8949, section 4.2.1). */
  #argument(low: number): number {
    if (low < 24) return low
    let value: number
    let least: number
    if (low === 24) {
      value = this.#byte()
      least = 24
    } else if (low === 25) {
      value = this.#view.getUint16(this.#take(2))
      least = 0x100
    } else if (low === 26) {
      value = this.#view.getUint32(this.#take(4))
      least = 0x10000
    } else if (low === 27) {
      const high = this.#view.getUint32(this.#take(8))
      // Above 2^53 the sum is rounded; every caller refuses such values whatever their low bits.
      value = high * 0x100000000 + this.#view.getUint32(this.#position - 4)
      least = 0x100000000
    } else {
      throw this.#malformed('an indefinite length or a reserved form')
    }
    if (value < least) throw this.#malformed('a number that is not in its shortest form')
    return value
  }

  #enter(): void {
    if (++this.#depth > this.#limits.depth)
      throw new TokaError('TOKA_VALUE_SIZE', `the encoded value is deeper than ${this.#limits.depth} levels`)
  }

  #count(nodes: number): void {
    this.#nodes += nodes
    if (this.#nodes > this.#limits.nodes) throw this.#large()
  }

  #byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw this.#malformed('the end of the bytes')
    this.#position++
    return byte
  }

  /** Moves over `length` bytes and answers where they start. */
  #take(length: number): number {
    const start = this.#position
    if (length > this.#bytes.length - start) throw this.#malformed('the end of the bytes')
    this.#position = start + length
    return start
  }

  #large(): TokaError {
    return new TokaError(
      'TOKA_VALUE_SIZE',
      `the encoded value has more than ${this.#limits.nodes.toLocaleString('en')} values`,
    )
  }

  #malformed(what: string): TokaError {
    return new TokaError('TOKA_VALUE_UNSUPPORTED', `not an encoded value: ${what} at byte ${this.#position}`)
  }
}

/** The milliseconds whose thousandth is nearest to these seconds: beyond 2^42 seconds a product alone is off by one. */
function toMilliseconds(seconds: number): number {
  const near = Math.round(seconds * 1_000)
  return [near, near - 1, near + 1].find((candidate) => candidate / 1_000 === seconds) ?? near
}
