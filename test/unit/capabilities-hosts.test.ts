/** Patterns of hosts: which names each covers, letter by letter, and what is no pattern. */
import { describe, expect, test } from 'vitest'
import { parseHostGlob } from '../../capabilities/host-glob.ts'
import { runNfa } from '../../capabilities/run-nfa.ts'

const covers = (pattern: string, host: string): boolean => runNfa(parseHostGlob(pattern), host)

/** ASCII that a name in canonical form may hold. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-_'

describe('a star', () => {
  test('stands for every letter of a label and for no other character', () => {
    for (let code = 0; code < 128; code++) {
      const letter = String.fromCharCode(code)
      expect(covers('x*.test', `x${letter}.test`), JSON.stringify(letter)).toBe(LETTERS.includes(letter))
    }
  })

  test('twice stands for every letter of labels, dots between them', () => {
    for (const letter of LETTERS) expect(covers('**.test', `x${letter}.y${letter}.test`), letter).toBe(true)
    for (const letter of ['/', ':', '@', 'A', ' ', 'é', '\u007f'])
      expect(covers('**.test', `x${letter}y.test`), letter).toBe(false)
  })

  test.each([
    ['*', 'a', true],
    ['*', 'a.b', false],
    ['*.test', 'a.test', true],
    ['*.test', 'a.b.test', false],
    ['*.test', 'test', false],
    // Of no letters, too: but no canonical host has an empty label, so none is asked about.
    ['a*.test', 'a.test', true],
    ['*.test', 'a.testy', false],
    ['a*.test', 'ab.test', true],
    ['a*.test', 'b.test', false],
    ['**', 'a', true],
    ['**', 'a.b.c', true],
    ['**.test', 'a.test', true],
    ['**.test', 'a.b.c.test', true],
    ['**.test', 'atest', false],
    ['**.test', 'test', true],
    ['a.test', 'a.test', true],
    ['a.test', 'axtest', false],
    ['a.test', 'b.a.test', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['[::1]', '[::1]', true],
    ['[::1]', '[::2]', false],
  ])('%s on %s is %s', (pattern, host, expected) => expect(covers(pattern, host)).toBe(expected))
})

test.each([
  ['', 'must have 1 to 253 characters'],
  ['a'.repeat(254), 'must have 1 to 253 characters'],
  ['[0:0::1]', 'is no IPv6 address in its canonical form'],
  [
    'EXAMPLE.test',
    'is not in canonical form: lower-case ASCII letters, digits, "-", "_" and "*" (write "example.test")',
  ],
  ['bücher.test', '(write "xn--bcher-kva.test")'],
  ['*.Test', 'is not in canonical form'],
  ['a..test', 'has an empty label'],
  ['.test', 'has an empty label'],
  ['test.', 'has an empty label'],
  [`${'a'.repeat(64)}.test`, 'has a label of more than 63 characters'],
  ['a.**.test', 'has "**" that is not the whole first label'],
  ['**a.test', 'has "**" that is not the whole first label'],
  ['127.1', 'is no host in its canonical form (write "127.0.0.1")'],
  ['256.256.256.256', 'is no host in its canonical form (write "a name")'],
])('%j is no pattern: %s', (pattern, problem) => expect(() => parseHostGlob(pattern)).toThrow(problem))

test('a label may have 63 characters, a name 253', () => {
  const label = 'a'.repeat(63)
  expect(covers(`${label}.test`, `${label}.test`)).toBe(true)
  const name = [label, label, label, 'a'.repeat(61)].join('.')
  expect(name).toHaveLength(253)
  expect(covers(name, name)).toBe(true)
})
