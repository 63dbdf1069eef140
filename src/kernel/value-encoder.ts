/** Plain values to deterministic CBOR bytes: reads own data only, knows where it is, stops at the limits. */
import { TokaError } from '../errors.ts'
import { fitsSingle, toHalf } from './value-floats.ts'
import { Major, Simple, Tag, type ValueLimits } from './value-format.ts'

/** First size of the reused buffer, and the largest that is kept for the next value. */
const BUFFER_BYTES = 4_096
const KEPT_BYTES = 65_536
/** Below this length a loop beats a call of TextEncoder (measured: equal near 40 on V8). */
const SHORT_TEXT = 40
/** Longest path in a message, in UTF-16 units: where a value is, not all that leads there. */
const PATH_LENGTH = 160

const text = new TextEncoder()
const propertyOf = Object.getOwnPropertyDescriptor
const prototypeOf = Object.getPrototypeOf
const viewPrototype = prototypeOf(Uint8Array.prototype)
const viewBuffer = propertyOf(viewPrototype, 'buffer')?.get as (this: ArrayBufferView) => ArrayBufferLike
const viewOffset = propertyOf(viewPrototype, 'byteOffset')?.get as (this: ArrayBufferView) => number
const viewLength = propertyOf(viewPrototype, 'byteLength')?.get as (this: ArrayBufferView) => number
const mapForEach = Map.prototype.forEach
const setForEach = Set.prototype.forEach
const getTime = Date.prototype.getTime

let idle: ValueEncoder | undefined

/** Encodes one value; see `encodeValue`. */
export function encodeAny(value: unknown, limits: Readonly<ValueLimits>): Uint8Array {
  const encoder = idle ?? new ValueEncoder()
  idle = undefined // a Proxy's trap may come back here in the middle: it gets a buffer of its own
  try {
    return encoder.encode(value, limits)
  } finally {
    encoder.release()
    idle = encoder
  }
}

class ValueEncoder {
  #buffer = new Uint8Array(BUFFER_BYTES)
  #view = new DataView(this.#buffer.buffer)
  #position = 0
  #bytes = 0
  #nodes = 0
  #maxNodes = 0
  #maxDepth = 0
  #depth = 0
  /** The containers around the place and the keys that lead to it: for cycles and for the path in messages. */
  readonly #around: object[] = []
  readonly #keys: (string | number)[] = []

  encode(value: unknown, limits: Readonly<ValueLimits>): Uint8Array {
    const flat = typeof value === 'string' || ArrayBuffer.isView(value) || value instanceof ArrayBuffer
    this.#bytes = flat ? limits.flatBytes : limits.structuredBytes
    this.#maxNodes = limits.nodes
    this.#maxDepth = limits.depth
    try {
      this.#any(value)
    } catch (error) {
      if (error instanceof TokaError) throw error
      throw new TokaError('TOKA_VALUE_UNSUPPORTED', `${this.#path()} cannot be read`, { cause: error })
    }
    if (this.#position > this.#bytes) throw this.#size(`is larger than ${this.#bytes.toLocaleString('en')} bytes`)
    return this.#buffer.slice(0, this.#position)
  }

  release(): void {
    this.#position = 0
    this.#nodes = 0
    this.#depth = 0
    this.#around.length = 0
    this.#keys.length = 0
    if (this.#buffer.length > KEPT_BYTES) this.#resize(BUFFER_BYTES)
  }

  #any(value: unknown): void {
    this.#count(1)
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        return this.#byte(value ? Simple.true : Simple.false)
      case 'undefined':
        return this.#byte(Simple.undefined)
      case 'bigint':
        return this.#bigint(value)
      case 'object':
        return value === null ? this.#byte(Simple.null) : this.#object(value)
      default:
        throw this.#unsupported(`a ${typeof value}`)
    }
  }

  #object(value: object): void {
    if (ArrayBuffer.isView(value)) return this.#binary(value)
    if (value instanceof ArrayBuffer) return this.#binary(new Uint8Array(value))
    const prototype: unknown = prototypeOf(value)
    if (Array.isArray(value)) return this.#array(value)
    if (prototype === Date.prototype) return this.#date(value as Date)
    this.#enter(value)
    if (isPlain(prototype)) this.#record(value)
    else if (prototype === Map.prototype) this.#map(value as Map<unknown, unknown>)
    else if (prototype === Set.prototype) this.#set(value as Set<unknown>)
    else if (value instanceof Error) this.#error(value)
    else throw this.#unsupported('an instance of a class')
    this.#leave()
  }

  #record(value: object): void {
    const keys = Object.keys(value)
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#unsupported('an object with symbol keys')
    this.#count(keys.length)
    this.#head(Major.map, keys.length)
    const level = this.#depth - 1
    for (const key of keys) {
      this.#keys[level] = key
      this.#text(key)
      this.#any(this.#own(value, key))
    }
  }

  #array(value: unknown[]): void {
    this.#enter(value)
    const length = value.length
    if (!Number.isSafeInteger(length) || length < 0) throw this.#unsupported('an array of no length') // a Proxy's trap
    if (length > this.#maxNodes - this.#nodes)
      throw this.#size(`has more than ${this.#maxNodes.toLocaleString('en')} values`)
    this.#head(Major.array, length)
    const level = this.#depth - 1
    for (let index = 0; index < length; index++) {
      this.#keys[level] = index
      this.#any(this.#own(value, index))
    }
    this.#leave()
  }

  #map(value: Map<unknown, unknown>): void {
    const entries: [unknown, unknown][] = []
    mapForEach.call(value, (item, key) => entries.push([key, item]))
    this.#head(Major.tag, Tag.map)
    this.#head(Major.map, entries.length)
    const level = this.#depth - 1
    for (const [key, item] of entries) {
      this.#keys[level] = typeof key === 'string' || typeof key === 'number' ? key : '(key)'
      this.#any(key)
      this.#any(item)
    }
  }

  #set(value: Set<unknown>): void {
    const items: unknown[] = []
    setForEach.call(value, (item) => items.push(item))
    this.#head(Major.tag, Tag.set)
    this.#head(Major.array, items.length)
    const level = this.#depth - 1
    for (let index = 0; index < items.length; index++) {
      this.#keys[level] = index
      this.#any(items[index])
    }
  }

  /** Never the stack: it names files of the host. */
  #error(value: Error): void {
    const name = inherited(value, 'name')
    const message = inherited(value, 'message')
    const cause = propertyOf(value, 'cause')
    this.#head(Major.tag, Tag.error)
    this.#head(Major.map, cause === undefined ? 2 : 3)
    this.#errorField('name', typeof name === 'string' ? name : 'Error')
    this.#errorField('message', typeof message === 'string' ? message : '')
    if (cause !== undefined) this.#errorField('cause', this.#own(value, 'cause'))
  }

  #errorField(key: string, value: unknown): void {
    this.#keys[this.#depth - 1] = key
    this.#count(1)
    this.#text(key)
    this.#any(value)
  }

  #date(value: Date): void {
    const milliseconds = getTime.call(value)
    if (Number.isNaN(milliseconds)) throw this.#unsupported('an invalid Date')
    this.#head(Major.tag, Tag.date)
    this.#number(milliseconds / 1_000)
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (value >= 0) this.#head(Major.unsigned, value)
      else this.#head(Major.negative, -1 - value)
      return
    }
    const half = toHalf(value)
    this.#reserve(9)
    if (half >= 0) {
      this.#buffer[this.#position] = Simple.half
      this.#view.setUint16(this.#position + 1, half)
      this.#position += 3
    } else if (fitsSingle(value)) {
      this.#buffer[this.#position] = Simple.single
      this.#view.setFloat32(this.#position + 1, value)
      this.#position += 5
    } else {
      this.#buffer[this.#position] = Simple.double
      this.#view.setFloat64(this.#position + 1, value)
      this.#position += 9
    }
  }

  #bigint(value: bigint): void {
    this.#head(Major.tag, value < 0n ? Tag.negative : Tag.positive)
    const magnitude = value < 0n ? -1n - value : value
    if (magnitude === 0n) return this.#head(Major.bytes, 0)
    const room = this.#bytes - this.#position
    if (magnitude >> (BigInt(Math.max(room, 0)) * 8n) > 0n) throw this.#size('is too large')
    const digits = magnitude.toString(16)
    const length = (digits.length + 1) >>> 1
    this.#head(Major.bytes, length)
    this.#reserve(length)
    let end = digits.length
    for (let at = this.#position + length - 1; at >= this.#position; at--, end -= 2)
      this.#buffer[at] = Number.parseInt(digits.slice(Math.max(end - 2, 0), end), 16)
    this.#position += length
  }

  #binary(view: ArrayBufferView): void {
    const bytes = bytesOf(view)
    if (bytes.length > this.#bytes - this.#position) throw this.#long(bytes.length)
    this.#head(Major.bytes, bytes.length)
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#position)
    this.#position += bytes.length
  }

  #text(value: string): void {
    const length = value.length
    if (length < SHORT_TEXT && this.#shortText(value, length)) return
    if (!value.isWellFormed()) throw this.#unsupported('a string with a lone surrogate')
    if (length > this.#bytes - this.#position) throw this.#long(value.length)
    const bytes = text.encode(value)
    this.#head(Major.text, bytes.length)
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#position)
    this.#position += bytes.length
  }

  /** Writes a short string if it is ASCII; otherwise leaves no trace. */
  #shortText(value: string, length: number): boolean {
    const start = this.#position
    this.#head(Major.text, length)
    this.#reserve(length)
    let at = this.#position
    for (let index = 0; index < length; index++) {
      const unit = value.charCodeAt(index)
      if (unit > 0x7f) {
        this.#position = start
        return false
      }
      this.#buffer[at++] = unit
    }
    this.#position = at
    return true
  }

  /** An own data property; a hole is undefined, a getter is refused and does not run. */
  #own(holder: object, key: string | number): unknown {
    const property = propertyOf(holder, key)
    if (property === undefined) return undefined
    if (property.get !== undefined || property.set !== undefined) throw this.#unsupported('a getter or setter')
    return property.value
  }

  #enter(container: object): void {
    if (this.#depth >= this.#maxDepth) throw this.#size(`is deeper than ${this.#maxDepth} levels`)
    if (this.#around.includes(container)) throw this.#unsupported('a reference to something around it')
    this.#around.push(container)
    this.#depth++
  }

  #leave(): void {
    this.#depth--
    this.#around.pop()
    this.#keys.length = this.#depth
  }

  #count(nodes: number): void {
    this.#nodes += nodes
    if (this.#nodes > this.#maxNodes) throw this.#size(`has more than ${this.#maxNodes.toLocaleString('en')} values`)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#position++] = value
  }

  /** An initial byte with its count in the shortest form. `count` is a safe integer. */
  #head(major: number, count: number): void {
    this.#reserve(9)
    const buffer = this.#buffer
    if (count < 24) {
      buffer[this.#position++] = major | count
    } else if (count < 0x100) {
      buffer[this.#position++] = major | 24
      buffer[this.#position++] = count
    } else if (count < 0x10000) {
      buffer[this.#position++] = major | 25
      this.#view.setUint16(this.#position, count)
      this.#position += 2
    } else if (count < 0x100000000) {
      buffer[this.#position++] = major | 26
      this.#view.setUint32(this.#position, count)
      this.#position += 4
    } else {
      buffer[this.#position++] = major | 27
      this.#view.setUint32(this.#position, Math.floor(count / 0x100000000))
      this.#view.setUint32(this.#position + 4, count >>> 0)
      this.#position += 8
    }
  }

  /** Makes room. What is written so far is checked here against the limit, what comes when it is more than a head. */
  #reserve(bytes: number): void {
    const end = this.#position + bytes
    if (this.#position > this.#bytes || (bytes > 9 && end > this.#bytes))
      throw this.#size(`is larger than ${this.#bytes.toLocaleString('en')} bytes`)
    if (end > this.#buffer.length) this.#resize(Math.max(end, Math.min(this.#buffer.length * 2, this.#bytes + 16)))
  }

  #resize(bytes: number): void {
    const grown = new Uint8Array(bytes)
    grown.set(this.#buffer.subarray(0, this.#position))
    this.#buffer = grown
    this.#view = new DataView(grown.buffer)
  }

  #unsupported(what: string): TokaError {
    return new TokaError('TOKA_VALUE_UNSUPPORTED', `${this.#path()} is ${what}, which cannot cross the border`)
  }

  #size(fact: string): TokaError {
    return new TokaError('TOKA_VALUE_SIZE', `${this.#path()} ${fact}`)
  }

  /** A text or bytes that do not fit: how long they are is the help. Of a text, at least so many bytes. */
  #long(bytes: number): TokaError {
    return this.#size(
      `is ${bytes.toLocaleString('en')} bytes long; at most ${this.#bytes.toLocaleString('en')} bytes can cross`,
    )
  }

  #path(): string {
    let path = '$'
    for (const key of this.#keys.slice(0, this.#depth)) {
      if (typeof key === 'number') path += `[${key}]`
      else if (/^[A-Za-z_$][\w$]*$/.test(key)) path += `.${key}`
      else path += `[${JSON.stringify(key.slice(0, 100))}]`
    }
    return path.length > PATH_LENGTH ? `${path.slice(0, PATH_LENGTH)}…` : path
  }
}

/** Object.prototype of this realm or of another (a frame, a vm context), or none. */
function isPlain(prototype: unknown): boolean {
  if (prototype === Object.prototype || prototype === null) return true
  return typeof prototype === 'object' && prototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

/** The nearest data property along the chain of prototypes; a getter counts as absent. */
function inherited(value: object, key: string): unknown {
  for (
    let holder: object | null = value, steps = 0;
    holder !== null && steps < 16;
    holder = prototypeOf(holder), steps++
  ) {
    const property = propertyOf(holder, key)
    if (property !== undefined) return property.value
  }
  return undefined
}

/** The bytes of a view by its internal slots, whatever properties it was given. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  if (view instanceof DataView) return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  return new Uint8Array(viewBuffer.call(view), viewOffset.call(view), viewLength.call(view))
}
