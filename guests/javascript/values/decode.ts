/** Deterministic CBOR of the host in, values of the guest's realm out. The host's encoder is trusted to follow docs/values.md. */
import { decodeUtf8 } from '../natives.ts'
import {
  ArrayPrototype,
  bytesLength,
  copyOf,
  create,
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
  concat,
} from '../primordials.ts'
import { defineHidden } from '../realm/define.ts'
import * as format from './format.ts'

/** Up to this length a loop beats the native conversion (measured in quickjs-ng 0.17). */
const SHORT_TEXT = 3

/** A container that is being read: the interpreter's own stack is small, so containers wait in a chain of these. */
type Frame = {
  readonly kind: number
  readonly target: object
  /** Values still to come: for a Map, keys and values in turn. */
  left: number
  /** Of the value that comes next: an array's index, an object's or a map's key. */
  key: unknown
  readonly parent: Frame | undefined
}

const ARRAY = 0
const RECORD = 1
const MAP = 2
const SET = 3
const ERROR = 4

let bytes: Uint8Array
let position = 0
/** The innermost container, and whether `read` has just opened it. */
let frame: Frame | undefined
let opened = false

/**
 * Decodes one value. No guest code runs meanwhile: properties are made on objects without a prototype.
 * @throws TypeError when the bytes are none of the format
 */
export function decode(encoded: Uint8Array): unknown {
  begin(encoded)
  let value = read()
  while (frame !== undefined) {
    if (!opened) put(frame, value)
    opened = false
    if (frame.left > 0) {
      if (frame.kind === RECORD || frame.kind === ERROR) frame.key = readKey()
      value = read()
    } else {
      value = finished(frame)
      frame = frame.parent
    }
  }
  if (position !== bytesLength(bytes)) throw malformed()
  return value
}

function begin(encoded: Uint8Array): void {
  bytes = encoded
  position = 0
  frame = undefined
  opened = false
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
      return openArray(argument(low))
    case 5:
      return open(RECORD, create(null), argument(low))
    case 6:
      return readTagged(argument(low))
    default:
      return readSimple(initial)
  }
}

function open(kind: number, target: object, left: number): undefined {
  frame = { kind, target, left, key: 0, parent: frame }
  opened = true
}

function openArray(count: number): undefined {
  if (count > bytesLength(bytes) - position) throw malformed()
  const items = new SafeArray<unknown>(count)
  // Without a prototype, filling a hole cannot run a setter that the guest left on Array.prototype.
  setPrototypeOf(items, null)
  return open(ARRAY, items, count)
}

/** Puts a value where it belongs in a container. */
function put(into: Frame, value: unknown): void {
  into.left--
  switch (into.kind) {
    case ARRAY:
      ;(into.target as unknown[])[(into.key as number)++] = value
      return
    case MAP:
      if (into.left % 2 === 1) into.key = value
      else mapSet(into.target as Map<unknown, unknown>, into.key, value)
      return
    case SET:
      setAdd(into.target as Set<unknown>, value)
      return
    default:
      ;(into.target as Record<string, unknown>)[into.key as string] = value
  }
}

/** The value of a container that is full. */
function finished(full: Frame): unknown {
  if (full.kind === ARRAY) return setPrototypeOf(full.target, ArrayPrototype)
  if (full.kind === RECORD) return setPrototypeOf(full.target, ObjectPrototype)
  return full.kind === ERROR ? toError(full.target as ErrorFields) : full.target
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
      return new SafeDate(round((read() as number) * 1_000))
    default:
      throw malformed()
  }
}

function readMagnitude(length: number): bigint {
  const start = take(length)
  return length === 0 ? 0n : SafeBigInt(concat('0x', toHex(viewOf(bytes, start, length))))
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
  if (position > bytesLength(bytes)) throw malformed()
  return start
}

function malformed(): Error {
  return new SafeTypeError(concat('not an encoded value (at byte ', position, ')'))
}
