/** A guest's value in, deterministic CBOR out (docs/values.md). Guest code may run in between (getters, proxies) and cannot reach the buffer. */
import { encodeUtf8 } from '../natives.ts'
import {
  bigintText,
  bufferSize,
  bytesBuffer,
  bytesLength,
  bytesOffset,
  bytesSize,
  charCodeAt,
  copyOf,
  create,
  dataBuffer,
  dataOffset,
  dataSize,
  DatePrototype,
  f16round,
  floor,
  fromHex,
  fround,
  getOwnPropertyDescriptor,
  getOwnPropertySymbols,
  getPrototypeOf,
  getTime,
  is,
  isArray,
  isError,
  isSafeInteger,
  isView,
  isWellFormed,
  keysOf,
  mapForEach,
  MapPrototype,
  mapSize,
  ObjectPrototype,
  SafeArrayBuffer,
  SafeUint8Array,
  setBytes,
  setForEach,
  SetPrototype,
  setSize,
  bytesTag,
} from '../primordials.ts'
import { ValueError } from './error.ts'
import * as format from './format.ts'

/** First size of the buffer, and the largest that is kept for the next value. */
const BUFFER_BYTES = 4_096
const KEPT_BYTES = 65_536
/** Up to this length a loop beats the native conversion (measured in quickjs-ng 0.17). */
const SHORT_TEXT = 8
/** Keys whose bytes are kept: objects of one shape are written over and over. */
const KEY_CACHE = 256
const KEY_LENGTH = 40

type Key = string | number
type Stack<T> = { [index: number]: T }

let buffer = new SafeUint8Array(BUFFER_BYTES)
let capacity = BUFFER_BYTES
let position = 0
let depth = 0
let busy = false
// Objects without a prototype: writing an index into an array asks Array.prototype for setters.
let around: Stack<object> = create(null)
let path: Stack<Key> = create(null)
let keyCache: Record<string, Uint8Array> = create(null)
let cachedKeys = 0

/**
 * Encodes a value of the guest.
 * @throws ValueError with the path of what cannot cross; whatever a getter or a proxy of the value throws
 */
export function encode(value: unknown): Uint8Array {
  if (busy) return encodeAside(value)
  busy = true
  position = 0
  depth = 0
  try {
    write(value)
    return copyOf(buffer, 0, position)
  } finally {
    around = create(null)
    path = create(null)
    busy = false
    if (capacity > KEPT_BYTES) resize(BUFFER_BYTES)
  }
}

/** A getter of a value that is being encoded has come back here: it gets a buffer of its own. */
function encodeAside(value: unknown): Uint8Array {
  const kept = [buffer, capacity, position, depth, around, path] as const
  buffer = new SafeUint8Array(BUFFER_BYTES)
  capacity = BUFFER_BYTES
  around = create(null)
  path = create(null)
  busy = false
  try {
    return encode(value)
  } finally {
    buffer = kept[0]
    capacity = kept[1]
    position = kept[2]
    depth = kept[3]
    around = kept[4]
    path = kept[5]
    busy = true
  }
}

function write(value: unknown): void {
  switch (typeof value) {
    case 'string':
      return writeText(value)
    case 'number':
      return writeNumber(value)
    case 'boolean':
      return writeByte(value ? format.TRUE : format.FALSE)
    case 'undefined':
      return writeByte(format.UNDEFINED)
    case 'bigint':
      return writeBigint(value)
    case 'object':
      return value === null ? writeByte(format.NULL) : writeObject(value)
    default:
      throw refuse(`a ${typeof value}`)
  }
}

function writeObject(value: object): void {
  if (isArray(value)) return writeArray(value)
  const prototype: unknown = getPrototypeOf(value)
  if (prototype === ObjectPrototype || prototype === null) return writeRecord(value)
  if (isView(value)) return writeBytes(bytesOf(value))
  if (prototype === SafeArrayBuffer.prototype) return writeBytes(new SafeUint8Array(value as ArrayBuffer, 0, bufferSize(value as ArrayBuffer)))
  if (prototype === DatePrototype) return writeDate(value as Date)
  if (prototype === MapPrototype) return writeMap(value as Map<unknown, unknown>)
  if (prototype === SetPrototype) return writeSet(value as Set<unknown>)
  if (isError(value)) return writeError(value)
  throw refuse('an instance of a class')
}

function writeRecord(value: object): void {
  enter(value)
  if (getOwnPropertySymbols(value).length > 0) throw refuse('an object with symbol keys')
  const keys = keysOf(value)
  const level = depth - 1
  const count = keys.length
  writeHead(format.MAJOR_MAP, count)
  for (let index = 0; index < count; index++) {
    const key = keys[index] as string
    path[level] = key
    writeKey(key)
    write((value as Record<string, unknown>)[key])
  }
  depth--
}

function writeArray(value: readonly unknown[]): void {
  enter(value)
  const level = depth - 1
  const length = value.length
  const count = isSafeInteger(length) && length > 0 ? length : 0 // a Proxy may answer anything
  writeHead(format.MAJOR_ARRAY, count)
  for (let index = 0; index < count; index++) {
    path[level] = index
    write(value[index])
  }
  depth--
}

/** Entries are read before they are written: a getter in one of them may change the map. */
function writeMap(value: Map<unknown, unknown>): void {
  enter(value)
  const level = depth - 1
  const entries: Stack<unknown> = create(null)
  let count = 0
  writeTag(format.TAG_MAP)
  writeHead(format.MAJOR_MAP, mapSize(value))
  mapForEach(value, (item, key) => {
    entries[count++] = key
    entries[count++] = item
  })
  for (let index = 0; index < count; index += 2) {
    const key = entries[index]
    path[level] = typeof key === 'string' || typeof key === 'number' ? key : '(key)'
    write(key)
    write(entries[index + 1])
  }
  depth--
}

function writeSet(value: Set<unknown>): void {
  enter(value)
  const level = depth - 1
  const items: Stack<unknown> = create(null)
  let count = 0
  writeTag(format.TAG_SET)
  writeHead(format.MAJOR_ARRAY, setSize(value))
  setForEach(value, (item) => {
    items[count++] = item
  })
  for (let index = 0; index < count; index++) {
    path[level] = index
    write(items[index])
  }
  depth--
}

/** Never the stack: it is no part of the value. */
function writeError(value: Error): void {
  enter(value)
  const level = depth - 1
  const { name, message } = value
  const cause = getOwnPropertyDescriptor(value, 'cause') === undefined ? 0 : 1
  writeTag(format.TAG_ERROR)
  writeHead(format.MAJOR_MAP, 2 + cause)
  path[level] = 'name'
  writeKey('name')
  writeText(typeof name === 'string' ? name : 'Error')
  path[level] = 'message'
  writeKey('message')
  writeText(typeof message === 'string' ? message : '')
  if (cause === 1) {
    path[level] = 'cause'
    writeKey('cause')
    write(value.cause)
  }
  depth--
}

function writeDate(value: Date): void {
  const milliseconds = getTime(value)
  if (milliseconds !== milliseconds) throw refuse('an invalid Date')
  writeTag(format.TAG_DATE)
  writeNumber(milliseconds / 1_000)
}

function writeNumber(value: number): void {
  if (isSafeInteger(value) && !is(value, -0)) {
    if (value >= 0) writeHead(format.MAJOR_UNSIGNED, value)
    else writeHead(format.MAJOR_NEGATIVE, -1 - value)
    return
  }
  reserve(9)
  if (value !== value) {
    writeReversed(format.HALF, NAN_HALF, 2)
  } else if (f16round(value) === value) {
    format.half[0] = value
    writeReversed(format.HALF, format.halfBytes, 2)
  } else if (fround(value) === value) {
    format.single[0] = value
    writeReversed(format.SINGLE, format.singleBytes, 4)
  } else {
    format.double[0] = value
    writeReversed(format.DOUBLE, format.doubleBytes, 8)
  }
}

/** The one NaN of the format, little-endian. */
const NAN_HALF = new SafeUint8Array(2)
NAN_HALF[1] = 0x7e

function writeReversed(initial: number, bytes: Uint8Array, length: number): void {
  buffer[position++] = initial
  for (let index = length - 1; index >= 0; index--) buffer[position++] = bytes[index] as number
}

function writeBigint(value: bigint): void {
  const magnitude = value < 0n ? -1n - value : value
  writeTag(value < 0n ? format.TAG_NEGATIVE : format.TAG_POSITIVE)
  if (magnitude === 0n) return writeHead(format.MAJOR_BYTES, 0)
  const digits = bigintText(magnitude, 16)
  writeBytes(fromHex(digits.length & 1 ? `0${digits}` : digits))
}

function writeBytes(bytes: Uint8Array): void {
  const length = bytesLength(bytes)
  writeHead(format.MAJOR_BYTES, length)
  reserve(length)
  setBytes(buffer, bytes, position)
  position += length
}

/** The bytes of a view by its internal slots, whatever properties it was given. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  if (bytesTag(view) === undefined) {
    const data = view as DataView
    return new SafeUint8Array(dataBuffer(data), dataOffset(data), dataSize(data))
  }
  return new SafeUint8Array(bytesBuffer(view), bytesOffset(view), bytesSize(view))
}

function writeKey(key: string): void {
  let bytes = keyCache[key]
  if (bytes === undefined) {
    const start = position
    writeText(key)
    if (key.length > KEY_LENGTH) return
    if (cachedKeys++ >= KEY_CACHE) {
      keyCache = create(null)
      cachedKeys = 1
    }
    bytes = copyOf(buffer, start, position - start)
    keyCache[key] = bytes
    return
  }
  const length = bytesLength(bytes)
  reserve(length)
  setBytes(buffer, bytes, position)
  position += length
}

function writeText(value: string): void {
  const length = value.length
  if (length <= SHORT_TEXT && writeShort(value, length)) return
  const bytes = encodeUtf8(value)
  const size = bytesLength(bytes)
  if (size !== length && !isWellFormed(value)) throw refuse('a string with a lone surrogate')
  writeHead(format.MAJOR_TEXT, size)
  reserve(size)
  setBytes(buffer, bytes, position)
  position += size
}

/** Writes a short string if it is ASCII; otherwise leaves no trace. */
function writeShort(value: string, length: number): boolean {
  reserve(1 + length)
  let at = position
  buffer[at++] = format.MAJOR_TEXT | length
  for (let index = 0; index < length; index++) {
    const unit = charCodeAt(value, index)
    if (unit > 0x7f) return false
    buffer[at++] = unit
  }
  position = at
  return true
}

function writeTag(tag: number): void {
  writeHead(format.MAJOR_TAG, tag)
}

function writeByte(value: number): void {
  reserve(1)
  buffer[position++] = value
}

/** An initial byte with its count in the shortest form. `count` is a safe integer. */
function writeHead(major: number, count: number): void {
  reserve(9)
  if (count < 24) {
    buffer[position++] = major | count
    return
  }
  const bytes = count < 0x100 ? 1 : count < 0x10000 ? 2 : count < 0x100000000 ? 4 : 8
  buffer[position++] = major | (bytes === 1 ? 24 : bytes === 2 ? 25 : bytes === 4 ? 26 : 27)
  let rest = count
  for (let at = position + bytes - 1; at >= position; at--) {
    buffer[at] = rest & 0xff
    rest = floor(rest / 0x100)
  }
  position += bytes
}

function reserve(bytes: number): void {
  const end = position + bytes
  if (end > capacity) resize(end > capacity * 2 ? end : capacity * 2)
}

function resize(bytes: number): void {
  const grown = new SafeUint8Array(bytes)
  if (bytes > capacity) setBytes(grown, buffer)
  buffer = grown
  capacity = bytes
}

function enter(container: object): void {
  if (depth >= format.DEPTH_LIMIT) throw new ValueError(`${place()} is deeper than ${format.DEPTH_LIMIT} levels`, 'TOKA_VALUE_SIZE')
  for (let index = depth - 1; index >= 0; index--) {
    if (around[index] === container) throw refuse('a reference to something around it')
  }
  around[depth++] = container
}

function refuse(what: string): ValueError {
  return new ValueError(`${place()} is ${what}, which cannot cross the border`, 'TOKA_VALUE_UNSUPPORTED')
}

/** Where the encoder is, as `$.orders[3].buyer`. */
function place(): string {
  let text = '$'
  for (let index = 0; index < depth && text.length < 500; index++) {
    const key = path[index]
    if (key === undefined) break
    text += typeof key === 'number' ? `[${key}]` : isName(key) ? `.${key}` : `["${key}"]`
  }
  return text
}

function isName(key: string): boolean {
  for (let index = 0; index < key.length; index++) {
    const unit = charCodeAt(key, index) | 0x20
    const letter = (unit >= 0x61 && unit <= 0x7a) || unit === 0x24 || unit === 0x7f
    if (!letter && !(index > 0 && unit >= 0x30 && unit <= 0x39)) return false
  }
  return key.length > 0
}

