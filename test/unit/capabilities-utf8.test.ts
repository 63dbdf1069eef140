/** Characters as sequences of byte ranges: each code point has exactly its own bytes, surrogates have none. */
import { expect, test } from 'vitest'
import { complement, utf8Sequences } from '../../capabilities/utf8-ranges.ts'

const ALL = [[0, 0x10ffff]] as const
/** Both sides of each place where the encoding changes its length or has a hole (RFC 3629, section 3). */
const EDGES = [0, 0x3f, 0x40, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]

const reads = (bytes: Iterable<number>, sequences: ReturnType<typeof utf8Sequences>): number =>
  sequences.filter((sequence) => {
    const given = [...bytes]
    return (
      given.length === sequence.length &&
      sequence.every(([low, high], index) => low <= given[index]! && given[index]! <= high)
    )
  }).length

const utf8 = (point: number): Uint8Array => new TextEncoder().encode(String.fromCodePoint(point))
/** What the three-byte form would make of a surrogate, which no encoder writes. */
const surrogate = (point: number): number[] => [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)]

test('a range has the bytes of each of its characters once, up to both of its ends, and of none outside', () => {
  for (const from of EDGES) {
    for (const to of EDGES.filter((point) => point >= from)) {
      const sequences = utf8Sequences([[from, to]])
      for (const point of EDGES) expect(reads(utf8(point), sequences)).toBe(point >= from && point <= to ? 1 : 0)
    }
  }
})

test('no range has the bytes of a surrogate, be it all of Unicode or the surrogates themselves', () => {
  for (const ranges of [ALL, [[0xd800, 0xdfff]], [[0xd7ff, 0xe000]]] as const) {
    const sequences = utf8Sequences(ranges)
    for (const point of [0xd800, 0xd801, 0xdbff, 0xdc00, 0xdffe, 0xdfff])
      expect(reads(surrogate(point), sequences)).toBe(0)
  }
})

test('no range has bytes that are longer than a character needs: the last character of each length in the next one', () => {
  const sequences = utf8Sequences(ALL)
  for (const bytes of [
    [0xc0, 0x80],
    [0xc1, 0xbe],
    [0xc1, 0xbf],
    [0xe0, 0x80, 0x80],
    [0xe0, 0x9f, 0xbe],
    [0xe0, 0x9f, 0xbf],
    [0xf0, 0x8f, 0xbf, 0xbe],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
  ])
    expect(reads(bytes, sequences)).toBe(0)
})

test('a complement begins at nothing, ends at the last code point, and forgives order and overlap', () => {
  expect(complement([])).toEqual(ALL)
  expect(complement(ALL)).toEqual([])
  expect(complement([[0, 5]])).toEqual([[6, 0x10ffff]])
  expect(complement([[6, 0x10ffff]])).toEqual([[0, 5]])
  expect(complement([[0, 0x10fffe]])).toEqual([[0x10ffff, 0x10ffff]])
  const overlapping = [
    [20, 30],
    [5, 25],
    [8, 9],
    [31, 31],
  ] as const
  expect(complement(overlapping)).toEqual([
    [0, 4],
    [32, 0x10ffff],
  ])
})
