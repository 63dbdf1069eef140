/** TextEncoder and TextDecoder (https://encoding.spec.whatwg.org) for UTF-8, UTF-16LE and windows-1252, which is what `latin1` means there. */
import { tagClass } from '../realm/define.ts'
import { bytesIn } from '../web/bytes.ts'
import { fromUtf8, toUtf8, unfinishedLength } from '../web/utf8.ts'

type EncodingName = 'utf-8' | 'utf-16le' | 'windows-1252'

const LABELS: Record<EncodingName, string[]> = {
  'utf-8': ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'x-unicode20utf8'],
  'utf-16le': ['utf-16le', 'utf-16', 'ucs-2', 'unicode', 'unicodefeff', 'csunicode', 'iso-10646-ucs-2'],
  'windows-1252': [
    'windows-1252',
    'latin1',
    'iso-8859-1',
    'iso8859-1',
    'ascii',
    'us-ascii',
    'cp1252',
    'l1',
    'x-cp1252',
  ],
}

/** 0x80 to 0x9f of windows-1252 (https://encoding.spec.whatwg.org/index-windows-1252.txt). */
const WINDOWS =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\x9f'

function encodingOf(label: string): EncodingName {
  const wanted = label.trim().toLowerCase()
  for (const [name, labels] of Object.entries(LABELS)) if (labels.includes(wanted)) return name as EncodingName
  throw new RangeError(`The "${label}" encoding is not supported: utf-8, utf-16le and windows-1252 (latin1) are`)
}

export class TextEncoder {
  get encoding(): string {
    return 'utf-8'
  }

  encode(input: unknown = ''): Uint8Array {
    return toUtf8(`${input}`)
  }

  encodeInto(source: unknown, destination: Uint8Array): { read: number; written: number } {
    const text = `${source}`
    const room = destination.length
    const whole = toUtf8(text)
    if (whole.length <= room) {
      destination.set(whole)
      return { read: text.length, written: whole.length }
    }
    let written = room
    while (written > 0 && ((whole[written] as number) & 0xc0) === 0x80) written--
    const part = whole.subarray(0, written)
    destination.set(part)
    return { read: fromUtf8(part).length, written }
  }
}

export class TextDecoder {
  readonly #encoding: EncodingName
  readonly #fatal: boolean
  readonly #ignoreBOM: boolean
  #left = new Uint8Array(0)
  #started = false

  constructor(label: unknown = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    this.#encoding = encodingOf(`${label}`)
    this.#fatal = Boolean(options?.fatal)
    this.#ignoreBOM = Boolean(options?.ignoreBOM)
  }

  get encoding(): string {
    return this.#encoding
  }

  get fatal(): boolean {
    return this.#fatal
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM
  }

  decode(input: unknown = new Uint8Array(0), options: { stream?: boolean } = {}): string {
    const given = bytesIn(input)
    if (given === undefined) throw new TypeError('The "input" argument must be an ArrayBuffer or a view of one')
    const stream = Boolean(options?.stream)
    const bytes = this.#left.length === 0 ? given : join(this.#left, given)
    const keep = stream ? this.#unfinished(bytes) : 0
    this.#left = keep === 0 ? new Uint8Array(0) : new Uint8Array(bytes.subarray(bytes.length - keep))
    let text: string
    try {
      text = this.#decode(keep === 0 ? bytes : bytes.subarray(0, bytes.length - keep))
    } catch (error) {
      this.#left = new Uint8Array(0)
      this.#started = false
      throw error
    }
    const drop =
      !this.#ignoreBOM && !this.#started && this.#encoding !== 'windows-1252' && text.charCodeAt(0) === 0xfeff
    this.#started = stream && (this.#started || text !== '')
    return drop ? text.slice(1) : text
  }

  #unfinished(bytes: Uint8Array): number {
    if (this.#encoding === 'utf-8') return unfinishedLength(bytes)
    if (this.#encoding === 'windows-1252') return 0
    const odd = bytes.length & 1
    const high = bytes[bytes.length - odd - 1]
    return high !== undefined && (high & 0xfc) === 0xd8 ? odd + 2 : odd
  }

  #decode(bytes: Uint8Array): string {
    if (this.#encoding === 'utf-8') return fromUtf8(bytes, this.#fatal)
    if (this.#encoding === 'windows-1252') return decodeWindows(bytes)
    const text = decodeUtf16(bytes)
    if (bytes.length % 2 === 0 && text.isWellFormed()) return text
    if (this.#fatal) throw new TypeError('The encoded data was not valid for encoding utf-16le')
    return text.toWellFormed() + (bytes.length % 2 === 0 ? '' : '\ufffd')
  }
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}

/** Arguments of one String.fromCharCode call: far below the engine's limit. */
const CHUNK = 1_024

export function decodeUtf16(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length >> 1)
  for (let index = 0; index < units.length; index++) {
    units[index] = (bytes[index * 2] as number) | ((bytes[index * 2 + 1] as number) << 8)
  }
  return fromUnits(units)
}

/** One character a byte, U+0000 to U+00FF: what Node calls latin1. */
export function decodeLatin1(bytes: Uint8Array): string {
  return fromUnits(bytes)
}

function decodeWindows(bytes: Uint8Array): string {
  return decodeLatin1(bytes).replace(/[\x80-\x9f]/g, (char) => WINDOWS[char.charCodeAt(0) - 0x80] as string)
}

function fromUnits(units: Uint8Array | Uint16Array): string {
  let text = ''
  for (let at = 0; at < units.length; at += CHUNK) text += String.fromCharCode(...units.subarray(at, at + CHUNK))
  return text
}

tagClass(TextEncoder, 'TextEncoder')
tagClass(TextDecoder, 'TextDecoder')
