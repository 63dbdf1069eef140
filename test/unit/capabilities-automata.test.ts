/** Automata by their numbers: as small as they can be, packed byte by byte, refused where they are too many; proofs with their witness. */
import { describe, expect, test } from 'vitest'
import { canonicalDomain } from '../../capabilities/canonical-domain.ts'
import { buildDfa, packDfa } from '../../capabilities/dfa.ts'
import { parseGlob } from '../../capabilities/glob.ts'
import { Effort, proveInclusion, TooHard } from '../../capabilities/inclusion.ts'
import { Dfa } from '../../capabilities/isa.ts'
import { type Nfa, NfaBuilder } from '../../capabilities/nfa.ts'

const build = (...patterns: string[]) => buildDfa(patterns.map(parseGlob))
const classOf = (dfa: { classes: Uint8Array }, ...texts: string[]): number[] =>
  texts.map((text) => dfa.classes[text.charCodeAt(0)]!)

describe('small automata', () => {
  test('bytes that no state tells apart are one class: those before, a slash, those between, the letters, those behind', () => {
    const dfa = build('/[ab]')!
    expect(dfa.table).toEqual([
      [0, 0, 0],
      [0, 2, 0],
      [0, 0, 3],
      [0, 0, 0],
    ])
    expect([dfa.start, dfa.universal, dfa.accepting]).toEqual([1, 0, [false, false, false, true]])
    expect(classOf(dfa, '\0', '.', '/', '0', '`', 'a', 'b', 'c', '\xff')).toEqual([0, 0, 1, 0, 0, 2, 2, 0, 0])
  })

  test('the state that takes whatever follows is named, and none where there is none', () => {
    const dfa = build('/a/**')!
    expect(dfa.accepting[dfa.universal]).toBe(true)
    expect(dfa.table[dfa.universal]!.every((to) => to === dfa.universal)).toBe(true)
    expect(dfa.universal).toBeGreaterThan(0)
    expect([build('/a'), build('/*'), build('/**/a')].map((each) => each!.universal)).toEqual([0, 0, 0])
  })

  test('several patterns are one automaton, as small as that of one pattern that says the same', () => {
    expect(build('/a', '/b')).toEqual(build('/[ab]'))
    expect(build('/a/**', '/a', '/a/b')).toEqual(build('/a/**'))
    expect(build('/a', '/a')!.table).toHaveLength(4)
  })

  test('of nothing there is one that takes nothing', () => {
    expect(buildDfa([])).toEqual({
      start: 0,
      universal: 0,
      accepting: [false],
      classes: new Uint8Array(256),
      table: [[0]],
    })
  })
})

describe('bounds', () => {
  test('255 states are an automaton, 256 are none', () => {
    expect(build(`/${'a'.repeat(252)}`)!.table).toHaveLength(255)
    expect(build(`/${'a'.repeat(253)}`)).toBeUndefined()
  })

  test('one that would need millions of states is given up while it is made', () => {
    expect(build(`/*a${'?'.repeat(24)}`)).toBeUndefined()
  })
})

test('a packed automaton has its numbers, bits, classes and rows where the machine reads them', () => {
  const letters = '/abcdefghij'
  const dfa = build(letters, '/abcdefghij/**')!
  const bytes = packDfa(dfa)
  const width = dfa.table[0]!.length
  expect(bytes).toHaveLength(296 + dfa.table.length * width)
  expect([...bytes.subarray(0, 8)]).toEqual([width, 0, dfa.table.length, dfa.start, dfa.universal, 0, 0, 0])
  const accepting = dfa.table.map((_, state) => ((bytes[Dfa.ACCEPT + Math.floor(state / 8)]! >> (state % 8)) & 1) === 1)
  expect(accepting).toEqual(dfa.accepting)
  expect(accepting.filter(Boolean)).toHaveLength(2)
  expect(bytes.slice(40, 296)).toEqual(dfa.classes)
  expect([...bytes.subarray(296)]).toEqual(dfa.table.flat())
  // 256 classes do not fit one byte: their number has two.
  const wide = { ...dfa, table: [new Array<number>(256).fill(0)], accepting: [false] }
  expect([...packDfa(wide).subarray(0, 3)]).toEqual([0, 1, 1])
})

/** One byte of a range. */
function byteIn(low: number, high: number): Nfa {
  const builder = new NfaBuilder()
  const start = builder.state()
  return builder.finish(start, builder.byte(start, [low, high]))
}

describe('witnesses', () => {
  test.each([
    [0x00, 0x7e, 0x61],
    [0x41, 0x7e, 0x61],
    [0x00, 0x61, 0x61],
    [0x00, 0x60, 0x30],
    [0x10, 0x30, 0x30],
    [0x22, 0x40, 0x30],
    [0x00, 0x20, 0x00],
    [0x1f, 0x20, 0x1f],
    [0x00, 0x21, 0x21],
    [0x20, 0x25, 0x21],
    [0x1f, 0x2f, 0x21],
    [0x21, 0x25, 0x21],
    [0x22, 0x25, 0x22],
    [0x30, 0x60, 0x30],
    [0x31, 0x60, 0x31],
    [0x62, 0x7e, 0x62],
    [0x7d, 0xff, 0x7d],
    [0x80, 0xff, 0x80],
  ])('of the bytes from %i to %i one that people read is taken: %i', (low, high, byte) => {
    const proof = proveInclusion([byteIn(low, high)], [], byteIn(0, 255))
    expect(proof).toEqual({ included: false, witness: Uint8Array.of(byte) })
  })

  test('are the shortest: a name of the second pattern before a longer one of the first', () => {
    const proof = proveInclusion(['/aaa', '/b'].map(parseGlob), [parseGlob('/c')], canonicalDomain('path'))
    expect(proof).toEqual({ included: false, witness: new TextEncoder().encode('/b') })
  })

  test('are names that can be asked for: what else a pattern takes needs no parent', () => {
    expect(proveInclusion([byteIn(0, 9)], [byteIn(5, 9)], byteIn(5, 255))).toEqual({ included: true })
    expect(proveInclusion([byteIn(0, 9)], [byteIn(5, 9)], byteIn(4, 255))).toEqual({
      included: false,
      witness: Uint8Array.of(4),
    })
  })
})

describe('what a proof costs', () => {
  const wild = (letter: string): Nfa => parseGlob(`/*${letter}${'?'.repeat(17)}`)

  test('of a parent only what the child still takes is looked at', () => {
    expect(proveInclusion([parseGlob('/b')], [parseGlob('/b'), wild('a')], canonicalDomain('path'))).toEqual({
      included: true,
    })
  })

  test('of patterns only what can be asked for is looked at', () => {
    expect(proveInclusion([wild('a')], [wild('a')], byteIn(0, 255))).toEqual({ included: true })
  })

  test('what proofs that share an effort may cost ends in the middle of one, to the unit', () => {
    const round = (length: number): Nfa => {
      const edges = Array.from({ length }, (_, state) => [{ low: 97, high: 97, to: (state + 1) % length }])
      return { edges: [...edges, []], empty: Array.from({ length: length + 1 }, () => []), start: 0, accept: length }
    }
    const names = round(1)
    const prove = (effort: Effort) => proveInclusion([round(3)], [round(4)], names, effort)
    // A domain's own sets are made once, by the first proof.
    prove(new Effort())
    // Begun; each round's start and steps; twelve pairs of three samples: below the letter, it, above it.
    const cost = 50 + 4 + 5 + 12 * 3
    expect(prove(new Effort(cost))).toEqual({ included: true })
    expect(() => prove(new Effort(cost - 1))).toThrow(TooHard)
    const shared = new Effort(2 * cost - 1)
    expect(prove(shared)).toEqual({ included: true })
    expect(() => prove(shared)).toThrow(TooHard)
  })
})
