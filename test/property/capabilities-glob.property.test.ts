/** Patterns: the automaton that the CVM runs accepts what a slow, independent matcher accepts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildDfa, type Dfa } from '../../capabilities/dfa.ts'
import { parseGlob, tryParseGlob } from '../../capabilities/glob.ts'
import { formatRule } from '../../capabilities/format-rule.ts'
import { parseRule } from '../../capabilities/rules.ts'
import { utf8Sequences } from '../../capabilities/utf8-ranges.ts'

const encoder = new TextEncoder()

function run(dfa: Dfa, text: string): boolean {
  let state = dfa.start
  for (const byte of encoder.encode(text)) state = dfa.table[state]![dfa.classes[byte]!]!
  return dfa.accepting[state]!
}

function compile(pattern: string): Dfa {
  const dfa = buildDfa([parseGlob(pattern)])
  if (!dfa) throw new Error(`too many states: ${pattern}`)
  return dfa
}

const matches = (pattern: string, path: string): boolean => run(compile(pattern), path)

// ---- the slow matcher: a tree of nodes, tried by backtracking over characters ----
type Node =
  | { type: 'text'; text: string }
  | { type: 'any' }
  | { type: 'star' }
  | { type: 'deep' }
  | { type: 'class'; negated: boolean; ranges: [string, string][] }
  | { type: 'braces'; branches: Node[][] }

function slow(nodes: readonly Node[], path: string): boolean {
  const [node, ...rest] = nodes
  if (!node) return path === ''
  const points = [...path]
  const [first = '', ...others] = points
  const tail = others.join('')
  switch (node.type) {
    case 'text':
      return path.startsWith(node.text) && slow(rest, path.slice(node.text.length))
    case 'any':
      return first !== '' && first !== '/' && slow(rest, tail)
    case 'star':
      return slow(rest, path) || (first !== '' && first !== '/' && slow(nodes, tail))
    case 'deep':
      // Stands for `/**`: nothing, or a slash and any text.
      return (
        slow(rest, path) ||
        (first === '/' &&
          Array.from({ length: points.length }, (_, cut) => points.slice(cut + 1).join('')).some((end) =>
            slow(rest, end),
          ))
      )
    case 'class': {
      const inside = node.ranges.some(
        ([low, high]) => first.codePointAt(0)! >= low.codePointAt(0)! && first.codePointAt(0)! <= high.codePointAt(0)!,
      )
      return first !== '' && first !== '/' && inside !== node.negated && slow(rest, tail)
    }
    case 'braces':
      return node.branches.some((branch) => slow([...branch, ...rest], path))
  }
}

function write(nodes: readonly Node[]): string {
  return nodes
    .map((node) => {
      if (node.type === 'text') return node.text
      if (node.type === 'any') return '?'
      if (node.type === 'star') return '*'
      if (node.type === 'deep') return '/**'
      if (node.type === 'class')
        return `[${node.negated ? '!' : ''}${node.ranges.map(([low, high]) => (low === high ? low : `${low}-${high}`)).join('')}]`
      return `{${node.branches.map(write).join(',')}}`
    })
    .join('')
}

const LETTERS = ['a', 'b', 'c', 'é', '€', '😀']
const letter = fc.constantFrom(...LETTERS)
const range = fc.tuple(letter, letter).map(([left, right]) => [left, right].sort() as [string, string])
const simple: fc.Arbitrary<Node> = fc.oneof(
  { weight: 4, arbitrary: letter.map((text): Node => ({ type: 'text', text })) },
  { weight: 1, arbitrary: fc.constant<Node>({ type: 'any' }) },
  { weight: 1, arbitrary: fc.constant<Node>({ type: 'star' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('class' as const),
      negated: fc.boolean(),
      ranges: fc.array(range, { minLength: 1, maxLength: 2 }),
    }),
  },
)
/** Two stars side by side would be written as another thing. */
const apart = (nodes: readonly Node[]): boolean =>
  nodes.every((node, index) => node.type !== 'star' || nodes[index + 1]?.type !== 'star')
const branch = fc.array(simple, { maxLength: 3 }).filter(apart)
const part = fc.oneof(
  { weight: 5, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.array(branch, { minLength: 1, maxLength: 3 }).map((branches): Node => ({ type: 'braces', branches })),
  },
)
const component = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .filter(apart)
  .map((nodes): Node[] => [{ type: 'text', text: '/' }, ...nodes])
const glob = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: component }, { weight: 1, arbitrary: fc.constant<Node[]>([{ type: 'deep' }]) }),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.flat())
  .filter((nodes) => typeof tryParseGlob(write(nodes)) !== 'string')
const path = fc
  .array(
    fc.array(letter, { minLength: 1, maxLength: 4 }).map((letters) => letters.join('')),
    { maxLength: 4 },
  )
  .map((parts) => `/${parts.join('/')}`)

describe('patterns', () => {
  test('an automaton accepts a path exactly when the slow matcher does', () => {
    let [accepted, asked] = [0, 0]
    fc.assert(
      fc.property(glob, fc.array(path, { minLength: 5, maxLength: 20 }), (nodes, paths) => {
        const dfa = buildDfa([parseGlob(write(nodes))])
        for (const text of paths) {
          asked++
          if (dfa && run(dfa, text)) accepted++
          if (dfa && run(dfa, text) !== slow(nodes, text))
            throw new Error(`${write(nodes)} on ${text}: not as the slow matcher`)
        }
      }),
      { numRuns: 700, seed: 11 },
    )
    // Of 700 patterns with 12 paths each.
    expect(accepted / asked).toBeGreaterThan(0.03)
  })

  test('a union accepts exactly what one of its patterns accepts', () => {
    fc.assert(
      fc.property(
        fc.array(glob, { minLength: 2, maxLength: 3 }),
        fc.array(path, { minLength: 5, maxLength: 10 }),
        (globs, paths) => {
          const union = buildDfa(globs.map((nodes) => parseGlob(write(nodes))))
          return paths.every((text) => !union || run(union, text) === globs.some((nodes) => slow(nodes, text)))
        },
      ),
      { numRuns: 200, seed: 12 },
    )
  })

  test('an automaton is minimal: no two states are alike, and only dead ones are dead', () => {
    fc.assert(
      fc.property(glob, (nodes) => {
        const dfa = buildDfa([parseGlob(write(nodes))])
        if (!dfa) return true
        // Alike states have equal rows and acceptance up to merging; one round of comparing rows suffices to see a repeat.
        const rows = dfa.table.map((row, state) => `${dfa.accepting[state]}:${row}`)
        return new Set(rows).size === rows.length && dfa.table[0]!.every((to) => to === 0) && !dfa.accepting[0]
      }),
      { numRuns: 200, seed: 13 },
    )
  })

  test('the rule that is offered for a refused path allows that path', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        (parts) => {
          const names = parts.map((name) => name.replace(/[\\/\0]|^\.{1,2}$/g, '_'))
          const text = `/${names.join('/')}`
          const rule = parseRule(formatRule('fs.read', text))
          return rule.resource === 'fs' && rule.paths.some((pattern) => matches(pattern, text))
        },
      ),
      { numRuns: 300, seed: 14 },
    )
  })

  test('byte ranges of characters are exactly their encodings', () => {
    const codes = [0, 0x2f, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]
    const point = fc.oneof(fc.constantFrom(...codes), fc.integer({ min: 0, max: 0x10ffff }))
    fc.assert(
      fc.property(point, point, point, (left, right, probe) => {
        fc.pre(probe < 0xd800 || probe > 0xdfff)
        const [low, high] = [Math.min(left, right), Math.max(left, right)]
        const bytes = encoder.encode(String.fromCodePoint(probe))
        const hits = utf8Sequences([[low, high]]).filter(
          (sequence) =>
            sequence.length === bytes.length &&
            sequence.every(([from, to], index) => from <= bytes[index]! && bytes[index]! <= to),
        )
        return hits.length === (low <= probe && probe <= high ? 1 : 0)
      }),
      { numRuns: 2_000, seed: 15 },
    )
  })
})

describe('what patterns mean', () => {
  test.each([
    ['/data/**', '/data', true],
    ['/data/**', '/data/a', true],
    ['/data/**', '/data/a/b', true],
    ['/data/**', '/database', false],
    ['/data/**', '/', false],
    ['/**', '/', true],
    ['/**', '/a/b', true],
    ['/data/*', '/data', false],
    ['/data/*', '/data/a', true],
    ['/data/*', '/data/a/b', false],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/c/z', true],
    ['/a/**/z', '/a/bz', false],
    ['/a?', '/aé', true],
    ['/a?', '/a😀', true],
    ['/a?', '/a/', false],
    ['/[!a]', '/b', true],
    ['/[!a]', '/a', false],
    ['/[!a]b', '//b', false],
    ['/[*]', '/*', true],
    ['/[*]', '/a', false],
    ['/{a,b{c,d}}x', '/bdx', true],
    ['/{a,b{c,d}}x', '/bx', false],
    ['/a{,.txt}', '/a', true],
    ['/Data', '/data', false],
    // One name in two Unicode forms is two names.
    ['/caf\u00e9', '/cafe\u0301', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  test.each([
    ['data', 'must begin with "/"'],
    ['/a/', 'ends in "/"'],
    ['/a//b', 'empty component'],
    ['/a/../b', '"." or ".."'],
    ['/a/.', '"." or ".."'],
    ['/a**', 'not a whole component'],
    ['/a/**b', 'not a whole component'],
    ['/[a', '"[" without "]"'],
    ['/[b-a]', 'empty range'],
    ['/[.-0]', 'holds "/"'],
    ['/{a', '"{" without "}"'],
    ['/a}', '"}" without "{"'],
    ['/a\\*', 'backslash'],
    ['/a\0', 'control character'],
    ['/\ud800', 'not valid Unicode'],
    [`/${'a'.repeat(2_000)}`, 'longer than'],
    [`/${'{'.repeat(9)}${'}'.repeat(9)}`, 'more than 8 braces'],
  ])('%j is refused: %s', (pattern, problem) => {
    expect(tryParseGlob(pattern)).toContain(problem)
  })
})
