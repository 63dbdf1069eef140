/** Domain names to their ASCII form (UTS #46) by the engine's own Unicode data instead of a table: what whatwg-url takes of tr46. */
import punycode from 'punycode/'

/**
 * UTS #46 maps by a table that is, but for a few characters, lower case plus compatibility normalisation.
 * Those few: sharp s and its capital, final sigma and the joiners stay as they are (nontransitional processing),
 * three dots are full stops, and some characters are ignored.
 */
const IGNORED = /[\u00ad\u034f\u180b-\u180d\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\u{1bca0}-\u{1bca3}\u{e0100}-\u{e01ef}]/gu
const FULL_STOPS = /[\u3002\uff0e\uff61]/g
/** Neither letters, marks, numbers nor symbols that UTS #46 lets through: controls, spaces, unassigned, private, format. */
const DISALLOWED = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Zs}\u061c\u1806\u200e\u200f\u202a-\u202e\u2061-\u2063\u2066-\u206f\u2ff0-\u2fff\ufff9-\ufffd\u{e0001}-\u{e007f}]/u
const LEADING_MARK = /^\p{M}/u
const NOT_ASCII = /[^\0-\x7f]/
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u
const JOINER = /[\u200c\u200d]/
/** Marks of canonical combining class 9, after which a joiner is right (RFC 5892, appendix A). */
const VIRAMA_JOINER = /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua8c4\ua953\ua9c0\uaaf6\uabed][\u200c\u200d]/g

function mapped(char: string): string {
  if (char === '\u1e9e') return '\u00df'
  if (char === '\u00df' || char === '\u03c2' || JOINER.test(char)) return char
  return char.normalize('NFKC').toLowerCase().normalize('NFKC')
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
  return RIGHT_TO_LEFT.test(label) && /[A-Za-z\u00c0-\u024f\u0370-\u052f]/.test(label)
}

function isValid(label: string): boolean {
  if (label === '') return true
  if (label.startsWith('xn--') || DISALLOWED.test(label) || LEADING_MARK.test(label)) return false
  return !JOINER.test(label.replace(VIRAMA_JOINER, '')) && !mixesDirections(label)
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
