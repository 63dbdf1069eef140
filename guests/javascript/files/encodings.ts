/** Text and bytes in the encodings that Node names. */
import { codedError, invalidType } from '../failures.ts'
import { bytesIn } from '../web/bytes.ts'
import { part } from '../parts.ts'
import { fromUtf8, toUtf8 } from '../web/utf8.ts'

type Base64Options = { alphabet?: 'base64' | 'base64url'; omitPadding?: boolean }
type EncodedArray = Uint8Array & { toHex(): string; toBase64(options?: Base64Options): string }
type EncodedArrayConstructor = typeof Uint8Array & {
  fromHex(text: string): Uint8Array
  fromBase64(text: string, options?: Base64Options): Uint8Array
}
const Encoded = Uint8Array as EncodedArrayConstructor

export type Encoding = 'utf8' | 'utf16le' | 'latin1' | 'ascii' | 'hex' | 'base64' | 'base64url'

const NAMES: Record<string, Encoding> = {
  utf8: 'utf8',
  'utf-8': 'utf8',
  utf16le: 'utf16le',
  'utf-16le': 'utf16le',
  ucs2: 'utf16le',
  'ucs-2': 'utf16le',
  latin1: 'latin1',
  binary: 'latin1',
  ascii: 'ascii',
  hex: 'hex',
  base64: 'base64',
  base64url: 'base64url',
}

/** @returns undefined for no encoding and for `buffer`: bytes are wanted */
export function encodingOf(name: unknown): Encoding | undefined {
  if (name === undefined || name === null || name === 'buffer') return undefined
  const encoding = Object.hasOwn(NAMES, `${name}`.toLowerCase()) ? NAMES[`${name}`.toLowerCase()] : undefined
  if (encoding === undefined)
    throw codedError('ERR_INVALID_ARG_VALUE', `The argument 'encoding' is invalid. Received '${name}'`)
  return encoding
}

export function decodeText(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case 'utf8':
      return fromUtf8(bytes)
    case 'utf16le':
      return part<typeof import('../parts/text.ts')>('text').decodeUtf16(bytes)
    case 'latin1':
      return part<typeof import('../parts/text.ts')>('text').decodeLatin1(bytes)
    case 'ascii':
      return part<typeof import('../parts/text.ts')>('text').decodeLatin1(bytes.map((byte) => byte & 0x7f))
    case 'hex':
      return (bytes as EncodedArray).toHex()
    case 'base64':
      return (bytes as EncodedArray).toBase64()
    case 'base64url':
      return (bytes as EncodedArray).toBase64({ alphabet: 'base64url', omitPadding: true })
  }
}

export function encodeText(text: string, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'utf8':
      return toUtf8(text)
    case 'utf16le':
      return new Uint8Array(Uint16Array.from({ length: text.length }, (_, index) => text.charCodeAt(index)).buffer)
    case 'latin1':
    case 'ascii':
      return Uint8Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
    case 'hex':
      return fromLooseHex(text)
    default:
      return fromLooseBase64(text)
  }
}

/** Node takes what comes before the first pair that is none. */
function fromLooseHex(text: string): Uint8Array {
  try {
    return Encoded.fromHex(text)
  } catch {
    return Encoded.fromHex(/^(?:[0-9a-fA-F]{2})*/.exec(text)?.[0] ?? '')
  }
}

/** Node takes both alphabets, any white space and missing padding, and stops at the first `=`. */
function fromLooseBase64(text: string): Uint8Array {
  const clean =
    text
      .split('=', 1)[0]
      ?.replaceAll('-', '+')
      .replaceAll('_', '/')
      .replace(/[^A-Za-z0-9+/]/g, '') ?? ''
  return Encoded.fromBase64(clean.length % 4 === 1 ? clean.slice(0, -1) : clean)
}

/** Bytes of data that is written: text in an encoding, or anything that holds bytes. */
export function bytesOfData(data: unknown, encoding: unknown): Uint8Array {
  if (typeof data === 'string') return encodeText(data, encodingOf(encoding) ?? 'utf8')
  const bytes = bytesIn(data)
  if (bytes === undefined)
    throw invalidType('data', 'of type string or an instance of Uint8Array, ArrayBuffer or DataView', data)
  return bytes
}
