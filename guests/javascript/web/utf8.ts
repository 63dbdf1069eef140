/** UTF-8 both ways with every byte checked: natively where the text is valid, by the standard's own steps where it is not. */
import { decodeUtf8, encodeUtf8 } from '../natives.ts'
import { bytesLength, fromCharCode, indexOfText, isWellFormed, SafeTypeError, toWellFormed } from '../primordials.ts'

const REPLACEMENT = '\ufffd'

/** UTF-8 of any string; a lone surrogate becomes U+FFFD. */
export function toUtf8(text: string): Uint8Array {
  return encodeUtf8(isWellFormed(text) ? text : toWellFormed(text))
}

/**
 * Text of bytes, invalid sequences replaced as the Encoding standard says.
 * The native conversion is right for valid bytes; it was valid when nothing was replaced and it encodes to as many bytes.
 * @param fatal throw a TypeError instead of replacing
 */
export function fromUtf8(bytes: Uint8Array, fatal = false): string {
  const text = decodeUtf8(bytes)
  const length = bytesLength(bytes)
  if (indexOfText(text, REPLACEMENT) < 0) {
    if (text.length === length) return text
    if (isWellFormed(text) && bytesLength(encodeUtf8(text)) === length) return text
  }
  return decodeSlowly(bytes, fatal)
}

/** https://encoding.spec.whatwg.org/#utf-8-decoder */
function decodeSlowly(bytes: Uint8Array, fatal: boolean): string {
  const length = bytesLength(bytes)
  let text = ''
  let at = 0
  while (at < length) {
    const lead = bytes[at++] as number
    if (lead < 0x80) {
      text += fromCharCode(lead)
      continue
    }
    const needed =
      lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0
    let point = lead & (0x3f >> needed)
    let lower = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    let upper = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    let seen = 0
    for (; seen < needed && at < length; seen++, at++) {
      const byte = bytes[at] as number
      if (byte < lower || byte > upper) break
      lower = 0x80
      upper = 0xbf
      point = (point << 6) | (byte & 0x3f)
    }
    if (needed === 0 || seen < needed) {
      if (fatal) throw new SafeTypeError('The encoded data was not valid for encoding utf-8')
      text += REPLACEMENT
    } else if (point < 0x10000) {
      text += fromCharCode(point)
    } else {
      text += fromCharCode(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
    }
  }
  return text
}

/** How many bytes at the end are the beginning of a sequence that the next chunk may complete. */
export function unfinishedLength(bytes: Uint8Array): number {
  const length = bytesLength(bytes)
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back] as number
    if (byte < 0x80) return 0
    if (byte < 0xc0) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return byte >= 0xc2 && byte < 0xf5 && needed > back ? back : 0
  }
  return 0
}
