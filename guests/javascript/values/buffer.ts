/** The bytes of the value that is being encoded: heads, numbers, texts and bytes, appended to one buffer that is kept. */
import { encodeUtf8 } from '../natives.ts'
import {
  bigintText,
  bytesLength,
  charCodeAt,
  create,
  f16round,
  floor,
  fromHex,
  fround,
  is,
  isSafeInteger,
  isWellFormed,
  SafeArrayBuffer,
  SafeUint8Array,
  setBytes,
  concat,
} from '../primordials.ts'
import * as format from './format.ts'

/** First size of the buffer, and the largest that is kept for the next value. */
const BUFFER_BYTES = 4_096
const KEPT_BYTES = 65_536
/** Up to this length a loop beats the native conversion (measured in quickjs-ng 0.17). */
const SHORT_TEXT = 8
/** Keys whose bytes are kept, and the longest of them in bytes: objects of one shape are written over and over. */
const KEY_CACHE = 256
const KEY_BYTES = 24
/** What `write` makes room for before every value: a head and a short text, or a head and a kept key. */
const ROOM = 32

/** What an encoder has written; set aside while another one writes. */
export type Written = { backing: ArrayBuffer; buffer: Uint8Array; capacity: number; position: number }

let backing = new SafeArrayBuffer(BUFFER_BYTES)
let buffer: Uint8Array = new SafeUint8Array(backing)
let capacity = BUFFER_BYTES
let position = 0
/** Length and bytes of a key's encoding. */
let keyCache: Record<string, Uint8Array> = create(null)
let cachedKeys = 0

/** Begins with an empty buffer of its own. @returns what was written so far, for `resume` */
export function setAside(): Written {
  const written = { backing, buffer, capacity, position }
  backing = new SafeArrayBuffer(BUFFER_BYTES)
  buffer = new SafeUint8Array(backing)
  capacity = BUFFER_BYTES
  position = 0
  return written
}

export function resume(written: Written): void {
  backing = written.backing
  buffer = written.buffer
  capacity = written.capacity
  position = written.position
}

/** @returns what was written; good until the next value begins */
export function written(): Uint8Array {
  return new SafeUint8Array(backing, 0, position)
}

/** Begins again, after `prefix`, in a buffer of no more than the kept size. */
export function begin(prefix: Uint8Array | undefined): void {
  position = 0
  if (capacity > KEPT_BYTES) resize(BUFFER_BYTES)
  if (prefix !== undefined) append(prefix, bytesLength(prefix))
}

export function writeNumber(value: number): void {
  if (isSafeInteger(value) && !is(value, -0)) {
    if (value >= 0) writeHead(format.MAJOR_UNSIGNED, value)
    else writeHead(format.MAJOR_NEGATIVE, -1 - value)
    return
  }
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

export function writeBigint(value: bigint): void {
  const magnitude = value < 0n ? -1n - value : value
  writeTag(value < 0n ? format.TAG_NEGATIVE : format.TAG_POSITIVE)
  if (magnitude === 0n) return writeHead(format.MAJOR_BYTES, 0)
  const digits = bigintText(magnitude, 16)
  writeBytes(fromHex(digits.length & 1 ? concat('0', digits) : digits))
}

export function writeBytes(bytes: Uint8Array): void {
  const length = bytesLength(bytes)
  writeHead(format.MAJOR_BYTES, length)
  append(bytes, length)
}

/** As `writeText`, from the bytes of earlier times where it is short. */
export function writeKey(key: string): boolean {
  const known = keyCache[key]
  if (known === undefined) return writeNewKey(key)
  const end = known[0] as number
  for (let index = 1; index <= end; index++) buffer[position++] = known[index] as number
  return true
}

function writeNewKey(key: string): boolean {
  const start = position
  if (!writeText(key)) return false
  const length = position - start
  if (length > KEY_BYTES) return true
  if (cachedKeys++ >= KEY_CACHE) {
    keyCache = create(null)
    cachedKeys = 1
  }
  const bytes = new SafeUint8Array(1 + length)
  bytes[0] = length
  for (let index = 0; index < length; index++) bytes[1 + index] = buffer[start + index] as number
  keyCache[key] = bytes
  return true
}

/** @returns false, with nothing written, when the text is not well-formed */
export function writeText(value: string): boolean {
  const length = value.length
  if (length <= SHORT_TEXT && writeShort(value, length)) return true
  const bytes = encodeUtf8(value)
  const size = bytesLength(bytes)
  if (size !== length && !isWellFormed(value)) return false
  writeHead(format.MAJOR_TEXT, size)
  append(bytes, size)
  return true
}

/** Writes a short string if it is ASCII; otherwise leaves no trace. */
function writeShort(value: string, length: number): boolean {
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

/** Bytes of any length, and room again for what comes next. */
function append(bytes: Uint8Array, length: number): void {
  reserve(length + ROOM)
  setBytes(buffer, bytes, position)
  position += length
}

/** Before every value and every key: room for what is written without a check of its own. */
export function makeRoom(): void {
  if (position + ROOM > capacity) resize(capacity * 2)
}

export function writeTag(tag: number): void {
  writeHead(format.MAJOR_TAG, tag)
}

export function writeByte(value: number): void {
  buffer[position++] = value
}

/** An initial byte with its count in the shortest form. `count` is a safe integer. */
export function writeHead(major: number, count: number): void {
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
  const larger = new SafeArrayBuffer(bytes)
  const grown = new SafeUint8Array(larger)
  if (bytes > capacity) setBytes(grown, buffer)
  backing = larger
  buffer = grown
  capacity = bytes
}
