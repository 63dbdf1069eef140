/** What whatwg-url takes of @exodus/bytes, for UTF-8 alone: all text of a guest is UTF-8. */
import { toUtf8 } from './utf8.ts'

/** https://url.spec.whatwg.org/#string-percent-encode-after-encoding */
export function percentEncodeAfterEncoding(
  _encoding: string,
  input: string,
  percentEncodeSet: string,
  spaceAsPlus = false,
): string {
  let text = ''
  for (const byte of toUtf8(input)) {
    const char = String.fromCharCode(byte)
    if (spaceAsPlus && byte === 0x20) text += '+'
    else if (byte > 0x1f && byte < 0x7f && !percentEncodeSet.includes(char)) text += char
    else text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
