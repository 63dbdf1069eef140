/** Bytes and base64url (RFC 4648, section 5), one text for each: no padding, no other letters, no bits that mean nothing. */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = new Int8Array(128).fill(-1)
for (const [value, letter] of [...LETTERS].entries()) VALUES[letter.charCodeAt(0)] = value

export function encodeBase64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b = 0, c = 0] = [bytes[at]!, bytes[at + 1], bytes[at + 2]]
    const word = (a << 16) | (b << 8) | c
    const letters = Math.min(bytes.length - at, 3) + 1
    for (let index = 0; index < letters; index++) text += LETTERS[(word >> (18 - 6 * index)) & 63]
  }
  return text
}

/** @returns undefined for any text that `encodeBase64url` would not have written */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const rest = text.length % 4
  if (rest === 1) return undefined
  const bytes = new Uint8Array((text.length * 3) >> 2)
  let [word, bits, at] = [0, 0, 0]
  for (let index = 0; index < text.length; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? -1
    if (value < 0) return undefined
    word = ((word << 6) | value) & 0xffffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (word >> bits) & 0xff
    }
  }
  // What is left of the last letter must be zero, or two texts would mean the same bytes.
  return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined
}
