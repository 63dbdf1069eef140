/** Deterministic CBOR of the host in, values of the guest's realm out. The host's encoder is trusted to follow docs/values.md. */
import { decodePlain, decodeUtf8, NONE } from '../natives.ts'
import {
  ArrayPrototype,
  bytesBuffer,
  bytesLength,
  bytesOffset,
  concat,
  create,
  listOf,
  fromCharCode,
  keysOf,
  mapSet,
  ObjectPrototype,
  round,
  SafeArray,
  SafeBigInt,
  SafeDate,
  SafeError,
  SafeMap,
  SafeSet,
  SafeTypeError,
  SafeUint8Array,
  setAdd,
  setPrototypeOf,
  toHex,
} from '../primordials.ts'
import { defineHidden } from '../realm/define.ts'
import * as format from './format.ts'

/** Up to this length a loop beats the native conversion (measured in quickjs-ng 0.17). */
const SHORT_TEXT = 8
/** What lies beyond has no property: neither own nor, without a prototype, another's. */
const ASCII = setPrototypeOf(
  Array.from({ length: 128 }, (_, code) => fromCharCode(code)),
  null,
) as readonly (string | undefined)[]

const RECORD = 1
const ARRAY = 2
const MAP = 3
const SET = 4
const ERROR = 5

function list<T>(value: T): T[] {
  return listOf(format.DEPTH_LIMIT + 1, value)
}

// The containers around the value that is being read, by depth. The interpreter's own stack is small, so they wait
// here.
const targets = list<object | undefined>(undefined)
const kinds = list(0)
/** Values in a container: for a Map, keys and values in turn. */
const counts = list(0)
const indexes = list(0)
/** The key of a Map whose value comes next. */
const mapKeys = list<unknown>(undefined)

let bytes: Uint8Array
let backing: ArrayBuffer
let offset = 0
let end = 0
let position = 0
let depth = 0

/**
 * Decodes one value. No guest code runs meanwhile: properties are made on objects without a prototype.
 * @throws TypeError when the bytes are none of the format
 */
export function decode(encoded: Uint8Array): unknown {
  const plain = decodePlain(encoded, NONE)
  if (plain !== NONE) return plain
  bytes = encoded
  backing = bytesBuffer(encoded)
  offset = bytesOffset(encoded)
  end = bytesLength(encoded)
  position = 0
  depth = 0
  const first = read()
  const value = depth > 0 ? readContainers() : first
  if (position !== end) throw malformed()
  return value
}

/** Goes on with the innermost container until the outermost is full. */
function readContainers(): unknown {
  for (;;) {
    const level = depth
    const target = targets[level] as object
    const kind = kinds[level] as number
    const count = counts[level] as number
    let index = indexes[level] as number
    // Stays with this container until one of its values is a container itself.
    for (; index < count; index++) {
      const key = kind === RECORD || kind === ERROR ? readKey() : index
      const value = read()
      if (depth !== level) {
        indexes[level] = index
        mapKeys[level] = kind === MAP ? mapKeys[level] : key
        break
      }
      put(level, target, kind, key, index, value)
    }
    if (depth !== level) continue
    const full = finished(target, kind)
    targets[level] = undefined
    mapKeys[level] = undefined
    depth--
    if (depth === 0) return full
    const outer = indexes[depth] as number
    put(depth, targets[depth] as object, kinds[depth] as number, mapKeys[depth] as string, outer, full)
    indexes[depth] = outer + 1
  }
}

/** Puts a value where it belongs in a container. `key` is that of a record. */
function put(level: number, target: object, kind: number, key: unknown, index: number, value: unknown): void {
  if (kind === ARRAY) (target as unknown[])[index] = value
  else if (kind === SET) setAdd(target as Set<unknown>, value)
  else if (kind !== MAP) (target as Record<string, unknown>)[key as string] = value
  else if (index % 2 === 0) mapKeys[level] = value
  else mapSet(target as Map<unknown, unknown>, mapKeys[level], value)
}

/** The value of a container that is full. */
function finished(target: object, kind: number): unknown {
  if (kind === RECORD) return setPrototypeOf(target, ObjectPrototype)
  if (kind === ARRAY) return setPrototypeOf(target, ArrayPrototype)
  return kind === ERROR ? toError(target as ErrorFields) : target
}

function read(): unknown {
  const initial = readByte()
  const low = initial & 0x1f
  switch (initial >>> 5) {
    case 0:
      return low < 24 ? low : argument(low)
    case 1:
      return -1 - argument(low)
    case 2:
      return readBytes(argument(low))
    case 3:
      return readText(argument(low))
    case 4:
      return openArray(argument(low))
    case 5:
      return open(RECORD, create(null), argument(low))
    case 6:
      return readTagged(argument(low))
    default:
      return readSimple(initial)
  }
}

function open(kind: number, target: object, count: number): undefined {
  if (depth === format.DEPTH_LIMIT) throw malformed()
  depth++
  targets[depth] = target
  kinds[depth] = kind
  counts[depth] = count
  indexes[depth] = 0
}

function openArray(count: number): undefined {
  if (count > end - position) throw malformed()
  const items = new SafeArray<unknown>(count)
  // Without a prototype, filling a hole cannot run a setter that the guest left on Array.prototype.
  setPrototypeOf(items, null)
  return open(ARRAY, items, count)
}

function readSimple(initial: number): unknown {
  switch (initial) {
    case format.FALSE:
      return false
    case format.TRUE:
      return true
    case format.NULL:
      return null
    case format.UNDEFINED:
      return undefined
    case format.HALF:
      readReversed(format.halfBytes, 2)
      return format.half[0]
    case format.SINGLE:
      readReversed(format.singleBytes, 4)
      return format.single[0]
    case format.DOUBLE:
      readReversed(format.doubleBytes, 8)
      return format.double[0]
    default:
      throw malformed()
  }
}

function readReversed(into: Uint8Array, length: number): void {
  for (let index = length - 1; index >= 0; index--) into[index] = readByte()
}

function readBytes(length: number): Uint8Array {
  const start = take(length)
  return new SafeUint8Array(new SafeUint8Array(backing, offset + start, length))
}

function readText(length: number): string {
  const start = take(length)
  if (length <= SHORT_TEXT) {
    let text = ''
    let at = start
    for (; at < position; at++) {
      const char = ASCII[bytes[at] as number]
      if (char === undefined) break
      text += char
    }
    if (at === position) return text
  }
  return decodeUtf8(new SafeUint8Array(backing, offset + start, length))
}

function readKey(): string {
  const initial = readByte()
  if (initial >>> 5 !== 3) throw malformed()
  return readText(argument(initial & 0x1f))
}

function readTagged(tag: number): unknown {
  const initial = readByte()
  const low = initial & 0x1f
  switch (tag) {
    case format.TAG_POSITIVE:
      return readMagnitude(argument(low))
    case format.TAG_NEGATIVE:
      return -1n - readMagnitude(argument(low))
    case format.TAG_SET:
      return open(SET, new SafeSet(), argument(low))
    case format.TAG_MAP:
      return open(MAP, new SafeMap(), 2 * argument(low))
    case format.TAG_ERROR:
      return open(ERROR, create(null), argument(low))
    case format.TAG_DATE:
      position--
      return new SafeDate(millisecondsOf(read() as number))
    default:
      throw malformed()
  }
}

function readMagnitude(length: number): bigint {
  const start = take(length)
  return length === 0 ? 0n : SafeBigInt(concat('0x', toHex(new SafeUint8Array(backing, offset + start, length))))
}

type ErrorFields = { name: string; message: string; cause?: unknown }

/** The frames of this decoder are no fact about the error: its stack is its first line. */
function toError(fields: ErrorFields): Error {
  const error = new SafeError(fields.message)
  defineHidden(error, 'stack', concat(fields.name, ': ', fields.message))
  if (fields.name !== 'Error') defineHidden(error, 'name', fields.name)
  if (keysOf(fields).length === 3) defineHidden(error, 'cause', fields.cause)
  return error
}

function argument(low: number): number {
  if (low < 24) return low
  if (low > 27) throw malformed()
  let value = 0
  for (let left = 1 << (low - 24); left > 0; left--) value = value * 0x100 + readByte()
  return value
}

function readByte(): number {
  const byte = bytes[position++]
  if (byte === undefined) throw malformed()
  return byte
}

/** Moves over `length` bytes and answers where they start. */
function take(length: number): number {
  const start = position
  position += length
  if (position > end) throw malformed()
  return start
}

function malformed(): Error {
  return new SafeTypeError(concat('not an encoded value (at byte ', position, ')'))
}

/** Seconds were milliseconds divided by 1,000: beyond 2^51 ms the product may be one off. */
function millisecondsOf(seconds: number): number {
  const near = round(seconds * 1_000)
  if (near / 1_000 === seconds) return near
  if ((near - 1) / 1_000 === seconds) return near - 1
  return (near + 1) / 1_000 === seconds ? near + 1 : near
}
