/** Path patterns at their edges: what is wrong is said in one exact text, and what stands beside it is read. */
import { describe, expect, test } from 'vitest'
import { parseGlob, parseUrlGlob, tryParseGlob, tryParseUrlGlob } from '../../capabilities/glob.ts'
import { GrantError } from '../../capabilities/grant-error.ts'
import { once } from '../../capabilities/once.ts'
import { runNfa } from '../../capabilities/run-nfa.ts'

const WHOLE = 'has "**" that is not a whole component, as in /data/**'
const WHOLE_FILE = 'has "**" that is not a whole component, as in /data/**/file'
const NO_BRACKET = 'has "[" without "]" (write [[] for the character)'
const NO_BRACE = 'has "{" without "}" (write [{] for the character)'
const ONLY_CLOSING = 'has "}" without "{" (write [}] for the character)'
const DOTS = 'has a component "." or ".."'
const CONTROL = 'has a control character'
const ABSOLUTE = 'must begin with "/": patterns are absolute paths'

/** Of both kinds. */
const WRONG: readonly [pattern: string, problem: string][] = [
  ['', ABSOLUTE],
  ['a/', ABSOLUTE],
  [`/${'a'.repeat(1_024)}`, 'is longer than 1024 characters'],
  ['/\udfff', 'is not valid Unicode'],
  ['/\u0000', CONTROL],
  ['/a\u001fb', CONTROL],
  ['/\u007f', CONTROL],
  ['/a\\b', 'has a backslash: there are no escapes, write a class such as [*]'],
  ['/.', DOTS],
  ['/..', DOTS],
  ['/./a', DOTS],
  ['/a/../b', DOTS],
  ['/a**', WHOLE],
  ['/a***', WHOLE],
  ['/***', WHOLE_FILE],
  ['/**a', WHOLE_FILE],
  ['/**,', WHOLE_FILE],
  ['/**}', WHOLE_FILE],
  ['/{a/**b}', WHOLE_FILE],
  ['/[', NO_BRACKET],
  ['/[]', NO_BRACKET],
  ['/[!]', NO_BRACKET],
  ['/[a', NO_BRACKET],
  ['/[a-', NO_BRACKET],
  ['/[a-b', NO_BRACKET],
  ['/[b-a]', 'has an empty range b-a'],
  ['/[/]', 'has a class that holds "/" (in /-/)'],
  ['/[.-/]', 'has a class that holds "/" (in .-/)'],
  ['/[/-0]', 'has a class that holds "/" (in /-0)'],
  ['/[!.-0]', 'has a class that holds "/" (in .-0)'],
  ['/{', NO_BRACE],
  ['/{a,', NO_BRACE],
  ['/{a,{b}', NO_BRACE],
  ['/}', ONLY_CLOSING],
  ['/{a}}', ONLY_CLOSING],
  [`/${'{'.repeat(9)}a${'}'.repeat(9)}`, 'has more than 8 braces in each other'],
]

describe('what is wrong with a pattern', () => {
  test.each(WRONG)('%j, of paths and of URLs: %s', (pattern, problem) => {
    expect(tryParseGlob(pattern)).toBe(problem)
    expect(tryParseUrlGlob(pattern)).toBe(problem)
  })

  test.each([
    ['//', 'has an empty component ("//")'],
    ['/a//b', 'has an empty component ("//")'],
    ['/a/', 'ends in "/": write /** for what is beneath a directory'],
  ])('%j, of paths alone: %s', (pattern, problem) => {
    expect(tryParseGlob(pattern)).toBe(problem)
    expect(tryParseUrlGlob(pattern)).toBeTypeOf('object')
  })

  const ESCAPE = 'has a character that a URL writes with "%": write it so'
  const PERCENT = 'has "%" that is not followed by two capital hexadecimal digits'
  test.each([
    ['/ ', ESCAPE],
    ['/é', ESCAPE],
    ['/\u0080', ESCAPE],
    ['/a#b', 'has "#": a fragment is never sent'],
    ['/%', PERCENT],
    ['/%2', PERCENT],
    ['/%2g', PERCENT],
    ['/%g2', PERCENT],
    ['/%2f', PERCENT],
    ['/%%20', PERCENT],
  ])('%j, of URLs alone: %s', (pattern, problem) => {
    expect(tryParseUrlGlob(pattern)).toBe(problem)
    expect(tryParseGlob(pattern)).toBeTypeOf('object')
  })

  test('what is wrong with a pattern that should be right is thrown, with its first hundred characters', () => {
    const long = 'a'.repeat(101)
    for (const parse of [parseGlob, parseUrlGlob])
      expect(() => parse(long)).toThrow(new GrantError(`pattern "${'a'.repeat(100)}" ${ABSOLUTE}`))
    expect(() => parseUrlGlob('/é')).toThrow(new GrantError(`pattern "/é" ${ESCAPE}`))
    expect(() => parseGlob('/a/')).toThrow(GrantError)
  })
})

describe('what a pattern takes', () => {
  test.each<[pattern: string, taken: string[], refused: string[]]>([
    ['/', ['/'], ['', '//', '/a']],
    ['/a,b', ['/a,b'], ['/a', '/b']],
    ['/{a},b', ['/a,b'], ['/a', '/b', '/a,']],
    ['/{a,b}{c,d}', ['/ac', '/bd'], ['/a', '/ab', '/acd']],
    ['/{a}{a}{a}{a}{a}{a}{a}{a}{a}', [`/${'a'.repeat(9)}`], [`/${'a'.repeat(8)}`]],
    [`/${'{'.repeat(8)}a${'}'.repeat(8)}`, ['/a'], ['/']],
    ['/{,a}b', ['/b', '/ab'], ['/a', '/']],
    ['/{a,b,c}', ['/a', '/b', '/c'], ['/abc', '/a,b']],
    ['/x{/**,y}', ['/x', '/x/', '/x/a/b', '/xy'], ['/xa', '/xy/a']],
    ['/x{y,/**}', ['/x', '/x/a', '/xy'], ['/xz']],
    ['/**/**', ['/', '/a', '/a/b', ''], ['a']],
    ['/**/b', ['/b', '/a/b', '//b'], ['/ab', '/b/c', 'b']],
    ['/a*b*', ['/ab', '/axbx', '/abb'], ['/a', '/a/b', '/xab']],
    ['/?', ['/a', '/é', '/😀', '/?'], ['/', '//', '/ab']],
    ['/[]]', ['/]'], ['/[', '/']],
    ['/[]a]', ['/]', '/a'], ['/b']],
    ['/[!]]', ['/a', '/!'], ['/]', '//']],
    ['/[a-]', ['/a', '/-'], ['/b', '/]']],
    ['/[-a]', ['/a', '/-'], ['/b']],
    ['/[a-c]', ['/a', '/b', '/c'], ['/-', '/d', '/`']],
    ['/[a-cx]', ['/a', '/b', '/c', '/x'], ['/-', '/d']],
    ['/[xa-c]', ['/x', '/b', '/c'], ['/-', '/y']],
    ['/[!a-c]', ['/d', '/`', '/!'], ['/a', '/b', '/c', '//', '/']],
    ['/[a!]', ['/a', '/!'], ['/b']],
    ['/[a-a]', ['/a'], ['/b']],
    ['/[0-9]', ['/0', '/9'], ['//', '/:']],
    ['/[+-.]', ['/+', '/.'], ['//']],
    ['/[*?{},]', ['/*', '/?', '/{', '/}', '/,'], ['/a']],
    ['/.a', ['/.a'], ['/a', '/.']],
    ['/..a', ['/..a'], ['/..']],
    ['/...', ['/...'], ['/..']],
    ['/a.', ['/a.'], ['/a']],
    ['/a../b', ['/a../b'], ['/a/b']],
    ['/a b~', ['/a b~'], ['/ab~']],
  ])('%s', (pattern, taken, refused) => {
    const nfa = parseGlob(pattern)
    expect(taken.filter((text) => !runNfa(nfa, text))).toEqual([])
    expect(refused.filter((text) => runNfa(nfa, text))).toEqual([])
  })

  test('a pattern may have 1,024 characters', () => {
    const longest = `/${'a'.repeat(1_023)}`
    expect(runNfa(parseGlob(longest), longest)).toBe(true)
    expect(runNfa(parseGlob(longest), longest.slice(1))).toBe(false)
  })

  test('of URLs: two capital digits behind "%", an end in "/", and both ends of the characters that there are', () => {
    for (const text of ['/%2F%E9', '/a/', '//', '/!~', '/:', '/a.b/..c', '/9'])
      expect(runNfa(parseUrlGlob(text), text)).toBe(true)
  })
})

test('what is no pattern takes nothing', () => {
  expect(runNfa(tryParseGlob('a'), 'a')).toBe(false)
  expect(runNfa(tryParseGlob('/[b-a]'), '')).toBe(false)
})

test('what is dear to make is made at its first use, and only then', () => {
  let made = 0
  const value = once(() => ++made && undefined)
  expect(made).toBe(0)
  expect([value(), value(), made]).toEqual([undefined, undefined, 1])
})
