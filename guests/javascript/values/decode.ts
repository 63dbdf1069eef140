/** Deterministic CBOR of the host in, values of the guest's realm out. The host's encoder is trusted to follow docs/values.md. */
import { decodeUtf8 } from '../natives.ts'
import {
  ArrayPrototype,
  bytesLength,
  copyOf,
  create,
  defineProperty,
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
  setAdd,
  setPrototypeOf,
  toHex,
  viewOf,
} from '../primordials.ts'
import * as format from './format.ts'

/** Up to this length a loop beats the native conversion (measured in quickjs-ng 0.17). */
const SHORT_TEXT = 3

let bytes: Uint8Array
let position = 0

/**
 * Decodes one value. No guest code runs meanwhile: properties are made on objects without a prototype.
 * @throws TypeError when the bytes are none of the format
 */
export function decode(encoded: Uint8Array): unknown {
  bytes = encoded
  position = 0
  const value = read()
  if (position !== bytesLength(bytes)) throw malformed()
  return value
}

function read(): unknown {
  const initial = readByte()
  const low = initial & 0x1f
  switch (initial >>> 5) {
    case 0:
      return argument(low)
    case 1:
      return -1 - argument(low)
    case 2:
      return readBytes(argument(low))
    case 3:
      return readText(argument(low))
    case 4:
      return readArray(argument(low))
    case 5:
      return readRecord(argument(low))
    case 6:
      return readTagged(argument(low))
    default:
      return readSimple(initial)
  }
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
  return copyOf(bytes, start, length)
}

function readText(length: number): string {
  const start = take(length)
  if (length <= SHORT_TEXT) {
    let text = ''
    let at = start
    for (; at < position; at++) {
      const unit = bytes[at] as number
      if (unit > 0x7f) break
      text += fromCharCode(unit)
    }
    if (at === position) return text
  }
  return decodeUtf8(viewOf(bytes, start, length))
}

function readArray(count: number): unknown[] {
  if (count > bytesLength(bytes) - position) throw malformed()
  const items = new SafeArray<unknown>(count)
  // Without a prototype, filling a hole cannot run a setter that the guest left on Array.prototype.
  setPrototypeOf(items, null)
  for (let index = 0; index < count; index++) items[index] = read()
  setPrototypeOf(items, ArrayPrototype)
  return items
}

function readRecord(count: number): Record<string, unknown> {
  const record: Record<string, unknown> = create(null)
  for (let index = 0; index < count; index++) {
    const key = readKey()
    record[key] = read()
  }
  return setPrototypeOf(record, ObjectPrototype) as Record<string, unknown>
}

function readKey(): string {
  const initial = readByte()
  if (initial >>> 5 !== 3) throw malformed()
  return readText(argument(initial & 0x1f))
}

function readTagged(tag: number): unknown {
  if (tag === format.TAG_ERROR) return readError()
  const initial = readByte()
  const low = initial & 0x1f
  switch (tag) {
    case format.TAG_POSITIVE:
      return readMagnitude(argument(low))
    case format.TAG_NEGATIVE:
      return -1n - readMagnitude(argument(low))
    case format.TAG_SET:
      return readSet(argument(low))
    case format.TAG_MAP:
      return readMap(argument(low))
    case format.TAG_DATE: {
      position--
      return new SafeDate(round((read() as number) * 1_000))
    }
    default:
      throw malformed()
  }
}

function readMagnitude(length: number): bigint {
  const start = take(length)
  return length === 0 ? 0n : SafeBigInt(`0x${toHex(viewOf(bytes, start, length))}`)
}

function readSet(count: number): Set<unknown> {
  const set = new SafeSet<unknown>()
  for (let index = 0; index < count; index++) setAdd(set, read())
  return set
}

function readMap(count: number): Map<unknown, unknown> {
  const map = new SafeMap<unknown, unknown>()
  for (let index = 0; index < count; index++) {
    const key = read()
    mapSet(map, key, read())
  }
  return map
}

/** The frames of this decoder are no fact about the error: its stack is its first line. */
function readError(): Error {
  const fields = read() as { name: string; message: string; cause?: unknown }
  const error = new SafeError(fields.message)
  hide(error, 'stack', `${fields.name}: ${fields.message}`)
  if (fields.name !== 'Error') hide(error, 'name', fields.name)
  if (keysOf(fields).length === 3) hide(error, 'cause', fields.cause)
  return error
}

function hide(holder: object, name: string, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: false, configurable: true }
  defineProperty(holder, name, descriptor)
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
  if (position > bytesLength(bytes)) throw malformed()
  return start
}

function malformed(): Error {
  return new SafeTypeError(`not an encoded value (at byte ${position})`)
}
