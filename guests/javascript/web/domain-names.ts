/** Domain names to their ASCII form (UTS #46) by the engine's own Unicode data instead of a table: what whatwg-url takes of tr46. */
import punycode from 'punycode/'

/**
 * UTS #46 maps by a table that is, but for a few characters, lower case plus compatibility normalisation.
 * Those few: sharp s and its capital, final sigma and the joiners stay as they are (nontransitional processing),
 * three dots are full stops, and some characters are ignored.
 */
const IGNORED =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each of them is dropped by itself
  /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\u{1bca0}-\u{1bca3}\u{e0100}-\u{e01ef}]/gu
const FULL_STOPS = /[\u3002\uff0e\uff61]/g
/** Neither letters, marks, numbers nor symbols that UTS #46 lets through: controls, spaces, unassigned, private, format. */
const DISALLOWED =
  /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Zs}\u061c\u1806\u200e\u200f\u202a-\u202e\u2065-\u2069\u2ff0-\u2fff\ufff9-\ufffd\u{e0001}-\u{e007f}]/u
const LEADING_MARK = /^\p{M}/u
const NOT_ASCII = /[^\0-\x7f]/
/** Letters and digits that run from right to left, without the digits 06f0-06f9, which do not. */
const RIGHT_TO_LEFT = /[\u05be-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u
const LEFT_TO_RIGHT = /[A-Za-z\u00c0-\u024f\u0370-\u052f]/
const MARKS = /\p{M}/gu
const JOINER = /[\u200c\u200d]/
/** A joiner is right after a mark of combining class 9 (RFC 5892, appendix A). */
const AFTER_VIRAMA =
  /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua8c4\ua953\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}][\u200c\u200d]/gu
/** The non-joiner also stands between Arabic letters that would join. */
const BETWEEN_ARABIC =
  /(?<=[\u0620\u0626\u0628\u062a-\u062e\u0633-\u0647\u0649\u064a\u066e\u066f\u0678-\u0687\u069a-\u06bf\u06c1\u06c2\u06cc\u06ce\u06d0\u06d1\u06fa-\u06fc\u06ff]\p{Mn}*)\u200c(?=\p{Mn}*[\u0622-\u064a\u066e-\u06d3\u06ee\u06ef\u06fa-\u06ff])/gu

function mapped(char: string): string {
  if (char === '\u1e9e') return '\u00df'
  if (char === '\u00df' || char === '\u03c2' || JOINER.test(char)) return char
  const text = char.normalize('NFKC').toLowerCase().normalize('NFKC')
  return /[.\u3002]/.test(text) && char !== '.' ? '\ufffd' : text // UTS #46 disallows them: they would part labels
}

function map(domain: string): string {
  let text = ''
  for (const char of domain.replace(IGNORED, '').replace(FULL_STOPS, '.')) text += mapped(char)
  return text.replace(IGNORED, '').normalize('NFC')
}

function decodeLabel(label: string): string | null {
  if (!label.startsWith('xn--')) return label
  if (NOT_ASCII.test(label)) return null
  try {
    const decoded = punycode.decode(label.slice(4))
    return decoded === '' || !NOT_ASCII.test(decoded) || map(decoded) !== decoded ? null : decoded
  } catch {
    return null
  }
}

/** Mixed directions in one label (RFC 5893), in the part that the engine's data can tell. */
function mixesDirections(label: string): boolean {
  const letters = label.replace(MARKS, '')
  return RIGHT_TO_LEFT.test(letters) && LEFT_TO_RIGHT.test(letters)
}

function isValid(label: string): boolean {
  if (label === '') return true
  if (label.startsWith('xn--') || DISALLOWED.test(label) || LEADING_MARK.test(label)) return false
  return !JOINER.test(label.replace(AFTER_VIRAMA, '').replace(BETWEEN_ARABIC, '')) && !mixesDirections(label)
}

/** @returns null when the domain is not valid */
export function toASCII(domain: string): string | null {
  const labels: string[] = []
  for (const label of map(domain).split('.')) {
    const decoded = decodeLabel(label)
    if (decoded === null || !isValid(decoded)) return null
    labels.push(NOT_ASCII.test(decoded) ? `xn--${punycode.encode(decoded)}` : decoded)
  }
  return labels.join('.')
}
