/** `Buffer`: the well-known package for it, with the engine's own conversions of text in place of its loops. */
import { Buffer as Base, INSPECT_MAX_BYTES, SlowBuffer } from 'buffer/'
import { codedError } from '../failures.ts'
import { decodeText, type Encoding, encodeText, encodingOf } from '../files/encodings.ts'
import { subset } from '../modules/subset.ts'
import { bytesLength, SafeTypeError, setPrototypeOf, viewOf } from '../primordials.ts'
import { defineHidden } from '../realm/define.ts'

/** Of one array buffer and of one string, in bytes and in UTF-16 units: what quickjs-ng takes. */
const MAX_LENGTH = 2 ** 31 - 1
const MAX_STRING_LENGTH = 2 ** 30 - 1

type Bytes = Uint8Array
type From = (value: unknown, encodingOrOffset?: unknown, length?: unknown) => Bytes

/** Bytes that nobody else holds, as a Buffer over the same memory. */
export function bufferOf(bytes: Bytes): Bytes {
  return setPrototypeOf(bytes, Base.prototype) as Bytes
}

/** Only text names an encoding; anything else is as if it were not there, as in Node. */
function named(encoding: unknown): Encoding {
  if (typeof encoding !== 'string' || encoding === '') return 'utf8'
  if (!Base.isEncoding(encoding))
    throw codedError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`, SafeTypeError as unknown as typeof Error)
  return encodingOf(encoding) as Encoding
}

/** An index of a slice, within the length. */
function index(value: unknown, absent: number, length: number): number {
  const whole = value === undefined ? absent : Math.trunc(Number(value)) || 0
  return Math.min(Math.max(whole, 0), length)
}

const baseFrom = Base.from as From
const baseLength = Base.byteLength as (value: unknown) => number
const baseWrite = Base.prototype.write as (this: Bytes, ...args: unknown[]) => number

const statics = {
  isEncoding(encoding: unknown): boolean {
    try {
      return typeof encoding === 'string' && encodingOf(encoding) !== undefined
    } catch {
      return false
    }
  },
  from(value: unknown, encodingOrOffset?: unknown, length?: unknown): Bytes {
    if (typeof value === 'string') return bufferOf(encodeText(value, named(encodingOrOffset)))
    return baseFrom(value, encodingOrOffset, length)
  },
  byteLength(value: unknown, encoding?: unknown): number {
    return typeof value === 'string' ? bytesLength(encodeText(value, named(encoding))) : baseLength(value)
  },
}

const methods = {
  toString(this: Bytes, encoding?: unknown, start?: unknown, end?: unknown): string {
    const length = bytesLength(this)
    const from = index(start, 0, length)
    const to = index(end, length, length)
    return to <= from ? '' : decodeText(viewOf(this, from, to - from), named(encoding))
  },
  equals(this: Bytes, other: unknown): boolean {
    return this === other || Base.compare(this, other) === 0
  },
  /** Also `(text, encoding)` and `(text, offset, encoding)`. Never half a character of UTF-8. */
  write(this: Bytes, text: unknown, offset?: unknown, length?: unknown, encoding?: unknown): number {
    const name = [encoding, length, offset].find((argument) => typeof argument === 'string')
    if (typeof text !== 'string' || !/^base64url$/i.test(`${name}`))
      return baseWrite.call(this, text, offset, length, encoding)
    const at = typeof offset === 'number' ? offset : 0
    const room = Math.min(bytesLength(this) - at, typeof length === 'number' ? length : Infinity)
    const bytes = encodeText(text, 'base64url')
    const part = viewOf(bytes, 0, Math.max(Math.min(bytesLength(bytes), room), 0))
    this.set(part, at)
    return bytesLength(part)
  },
}

for (const [name, value] of Object.entries(statics)) defineHidden(Base, name, value)
for (const [name, value] of Object.entries(methods)) defineHidden(Base.prototype, name, value)
defineHidden(Base.prototype, 'toLocaleString', methods.toString)

export const Buffer = Base

/** What `require('buffer')` answers. */
export const buffer = subset('buffer', {
  Buffer,
  SlowBuffer,
  INSPECT_MAX_BYTES,
  kMaxLength: MAX_LENGTH,
  kStringMaxLength: MAX_STRING_LENGTH,
  constants: Object.freeze({ MAX_LENGTH, MAX_STRING_LENGTH }),
  atob,
  btoa,
})
