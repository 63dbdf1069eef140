/** Ranges of code points in, sequences of byte ranges out: how an automaton over bytes reads one character of UTF-8. */

/** An inclusive range of bytes or code points. */
export type Range = readonly [low: number, high: number]

/** Last code point of each encoded length (RFC 3629, section 3). */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff, 0x10ffff]
const SURROGATES: Range = [0xd800, 0xdfff]

function encode(point: number, length: number): number[] {
  const bytes: number[] = []
  let rest = point
  for (let index = length - 1; index > 0; index--) {
    bytes[index] = 0x80 | (rest & 0x3f)
    rest >>= 6
  }
  bytes[0] = [0, 0, 0xc0, 0xe0, 0xf0][length]! | rest
  return bytes
}

/** Splits a range whose ends have one length until each byte position is an independent range. */
function split(low: number, high: number, length: number, out: Range[][]): void {
  for (let index = 1; index < length; index++) {
    const mask = (1 << (6 * index)) - 1
    if ((low & ~mask) === (high & ~mask)) continue
    if ((low & mask) !== 0) {
      split(low, low | mask, length, out)
      split((low | mask) + 1, high, length, out)
      return
    }
    if ((high & mask) !== mask) {
      split(low, (high & ~mask) - 1, length, out)
      split(high & ~mask, high, length, out)
      return
    }
  }
  const first = encode(low, length)
  const last = encode(high, length)
  out.push(first.map((byte, index) => [byte, last[index]!] as const))
}

/** Byte-range sequences of every character in the ranges; surrogates have no encoding and are left out. */
export function utf8Sequences(ranges: readonly Range[]): Range[][] {
  const out: Range[][] = []
  for (const [from, to] of ranges) {
    const pieces: Range[] = [
      [from, Math.min(to, SURROGATES[0] - 1)],
      [Math.max(from, SURROGATES[1] + 1), to],
    ]
    for (const [low, high] of pieces) {
      let start = low
      for (const [index, last] of LAST_OF_LENGTH.entries()) {
        if (start > high) break
        if (start > last) continue
        split(start, Math.min(high, last), index + 1, out)
        start = last + 1
      }
    }
  }
  return out
}

/** Everything but the given ranges. */
export function complement(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0])
  const out: Range[] = []
  let next = 0
  for (const [low, high] of sorted) {
    if (low > next) out.push([next, low - 1])
    next = Math.max(next, high + 1)
  }
  if (next <= 0x10ffff) out.push([next, 0x10ffff])
  return out
}
