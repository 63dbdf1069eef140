/** The part of YAML that policies are written in, letter by letter: what each form is read as, and how each other one is refused. */
import { describe, expect, test } from 'vitest'
import { parseYaml } from '../../capabilities/yaml.ts'

const answer = (text: string): unknown => {
  try {
    return parseYaml(text)
  } catch (error) {
    return (error as Error).message
  }
}
const quoted = (text: string): string => `line 1: ${JSON.stringify(text)} is not read here: put it in quotes`
const NAME = 'a name and a colon are expected'
const INDENT = 'it is indented as nothing before it'

describe('scalars', () => {
  test.each<[string, unknown]>([
    ['true', true],
    ['false', false],
    ['null', null],
    ['~', null],
    ['True', 'True'],
    ['0', 0],
    ['-0', -0],
    ['10', 10],
    ['-12.75', -12.75],
    ['00', '00'],
    ['1.', '1.'],
    ['.5', '.5'],
    ['--1', '--1'],
    ['x1', 'x1'],
    ['1x', '1x'],
    ['1e3', '1e3'],
    ['x&y*z!', 'x&y*z!'],
    ['x[0]', 'x[0]'],
    ['a:b', 'a:b'],
    ['a,b', 'a,b'],
    ["it's", "it's"],
    ["''", ''],
    ["''''", "'"],
    ["'a''b''c'", "a'b'c"],
    ['""', ''],
    ['"\\u0041\\n\\""', 'A\n"'],
  ])('%s is read', (text, expected) => {
    expect(parseYaml(text)).toBe(expected)
    expect(parseYaml(`k: ${text}`)).toEqual({ k: expected })
    expect(parseYaml(`-  ${text}`)).toEqual([expected])
  })

  test.each([...'{}&*!|>%@`]'])('what begins with %s is refused, and read in quotes', (letter) => {
    expect(answer(`${letter}x`)).toBe(quoted(`${letter}x`))
    expect(parseYaml(`"${letter}x"`)).toBe(`${letter}x`)
    expect(parseYaml(`a${letter}x`)).toBe(`a${letter}x`)
  })

  test.each<[string, string]>([
    [': x', quoted(': x')],
    ['a: b: c', quoted('b: c')],
    ['a: b:', quoted('b:')],
    ['a: b# c', quoted('b# c')],
    [`a: &${'x'.repeat(50)}`, quoted(`&${'x'.repeat(39)}`)],
    ["'x", 'line 1: a quote does not end'],
    ["'x'y'", 'line 1: a quote does not end'],
    ["'x' y", 'line 1: a quote does not end'],
    ['"x', 'line 1: a quoted text is malformed'],
    ['"x" y', 'line 1: a quoted text is malformed'],
    ['"\\x"', 'line 1: a quoted text is malformed'],
  ])('%s is refused: %s', (text, expected) => expect(answer(text)).toBe(expected))
})

describe('comments', () => {
  test.each<[string, unknown]>([
    ['# all of it', null],
    ['a: x # y', { a: 'x' }],
    ['a: x #y', { a: 'x' }],
    ['a: x#y', { a: 'x#y' }],
    ['a: #y\n  b', { a: 'b' }],
    ["a: 'x # y'", { a: 'x # y' }],
    ["a: 'x \\' # y", { a: 'x \\' }],
    ['a: "x \\" # y"', { a: 'x " # y' }],
    ['a: "x \\\\" # y', { a: 'x \\' }],
    [`a: 'x " y' # z`, { a: 'x " y' }],
    [`a: "x ' y" # z`, { a: "x ' y" }],
    ['a: x\\ # y', { a: 'x\\' }],
    [`'a # b': 1 # c`, { 'a # b': 1 }],
  ])('%s is read without its comment', (text, expected) => expect(parseYaml(text)).toEqual(expected))

  test('a backslash guards a quote only within double quotes', () => {
    expect(answer('a: x\\" # y')).toBe(quoted('x\\" # y'))
  })
})

describe('lists in brackets', () => {
  test.each<[string, unknown[]]>([
    ['[]', []],
    ['[ ]', []],
    ['[a]', ['a']],
    ['[ a ]', ['a']],
    ['[a,]', ['a']],
    ['[a ,  b c,d]', ['a', 'b c', 'd']],
    ["['x, y', 'it''s', '', a]", ['x, y', "it's", '', 'a']],
    ['["x, y", "\\"", "", "\\\\"]', ['x, y', '"', '', '\\']],
    ['[true, false, null, ~, 12, 0.25]', [true, false, null, null, 12, 0.25]],
    ['[/a/**, c/*]', ['/a/**', 'c/*']],
  ])('%s is read', (text, expected) => {
    expect(parseYaml(text)).toEqual(expected)
    expect(parseYaml(`a: ${text}`)).toEqual({ a: expected })
  })

  test.each<[string, string]>([
    ['[1', 'line 1: a list in brackets must end on its line'],
    ['[1,\n2]', 'line 1: a list in brackets must end on its line'],
    ['[1,,2]', 'line 1: a list in brackets is malformed'],
    ['[,]', 'line 1: a list in brackets is malformed'],
    ['["a" b]', 'line 1: a list in brackets is malformed'],
    ['["a]', 'line 1: a list in brackets is malformed'],
    ["['a]", 'line 1: a list in brackets is malformed'],
    ['[[a]]', quoted('[a]')],
    ['[a: b]', quoted('a: b')],
    ['[{a}]', quoted('{a}')],
    ['[a, *.b]', quoted('*.b')],
  ])('%s is refused: %s', (text, expected) => expect(answer(text)).toBe(expected))
})

describe('blocks', () => {
  test.each<[string, unknown]>([
    ['', null],
    ['\n  \n', null],
    ['\ufeffa: 1', { a: 1 }],
    ['a: \ufeff1', { a: '\ufeff1' }],
    ['a:    x', { a: 'x' }],
    ['a : 1', { a: 1 }],
    ['a b: 1', { 'a b': 1 }],
    ["it's: 1", { "it's": 1 }],
    [`'it''s': 1\n"b\\"": 2\n'': 3`, { "it's": 1, 'b"': 2, '': 3 }],
    ['a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    ['  a: 1\n  b: 2', { a: 1, b: 2 }],
    ['a:\n  b: 1\n\n  c:\nd: 2', { a: { b: 1, c: null }, d: 2 }],
    ['a:\n  b:\n    c: 1\n  d: 2', { a: { b: { c: 1 }, d: 2 } }],
    ['a:\n  x y', { a: 'x y' }],
    ['a:\n- 1\n- 2\nb: 3', { a: [1, 2], b: 3 }],
    ['a:\n  - 1\nb: 3', { a: [1], b: 3 }],
    ['a:\n-\nb:', { a: [null], b: null }],
    [
      '- a: 1\n  b: 2\n-   c: 3\n    d: 4',
      [
        { a: 1, b: 2 },
        { c: 3, d: 4 },
      ],
    ],
    ['-\n  a\n- - - b\n    - c\n  - d', ['a', [['b', 'c'], 'd']]],
    ['- [a, b]\n-', [['a', 'b'], null]],
    ['- a:\n- b', [{ a: null }, 'b']],
    ['---\na: 1', { a: 1 }],
    ['# first\n---\n- a', ['a']],
    ['---', null],
    ['a:\n  ---', { a: '---' }],
    ['  ---', '---'],
  ])('%j is read', (text, expected) => expect(parseYaml(text)).toEqual(expected))

  test.each<[string, string]>([
    ['\ta: 1', 'line 1: a tab cannot indent'],
    ['a:\n  \tb: 1', 'line 2: a tab cannot indent'],
    ['a: 1\n\n# c\na: 2', 'line 4: "a" is there twice'],
    [`a: 1\n"a": 2`, 'line 2: "a" is there twice'],
    ['a: 1\n  b: 2', `line 2: ${INDENT}`],
    ['  a: 1\nb: 2', `line 2: ${INDENT}`],
    ['a:\n    b: 1\n  c: 2', `line 3: ${INDENT}`],
    ['x\ny', `line 2: ${INDENT}`],
    ['- a\n-b', `line 2: ${INDENT}`],
    ['- a\nb- c', `line 2: ${INDENT}`],
    ['- a\nb: c', `line 2: ${INDENT}`],
    ['a: 1\nb', `line 2: ${NAME}`],
    ['a: 1\n- b', `line 2: ${NAME}`],
    ['a:\n-b', `line 2: ${NAME}`],
    ['a: 1\nb:c', `line 2: ${NAME}`],
    ['a: 1\nb#c: 1', `line 2: ${NAME}`],
    ['a: 1\nb:c: 1', `line 2: ${NAME}`],
    ['a: 1\nb c', `line 2: ${NAME}`],
    ['a: 1\n"b" c: 1', `line 2: ${NAME}`],
    ['a: 1\n"\\x": 1', 'line 2: a quoted text is malformed'],
    ...[...'[]{}&*!|>%@`,-\'"'].map((letter): [string, string] => [`a: 1\n${letter}b: 1`, `line 2: ${NAME}`]),
    ['a: 1\n---\nb: 2', 'line 2: a second document begins'],
    ['---\n---', 'line 2: a second document begins'],
  ])('%j is refused: %s', (text, expected) => expect(answer(text)).toBe(expected))

  test('a name behind which a list would stand must begin as one', () => {
    expect(parseYaml('a:\nb- c: 1')).toEqual({ a: null, 'b- c': 1 })
  })

  test('sixteen blocks may lie in each other, and no more', () => {
    const deep = (count: number): string => `${'- '.repeat(count)}x`
    expect(JSON.stringify(parseYaml(deep(16)))).toBe(`${'['.repeat(16)}"x"${']'.repeat(16)}`)
    expect(answer(deep(17))).toBe('line 1: it is too deep')
    const names = (count: number): string =>
      Array.from({ length: count }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')
    expect(JSON.stringify(parseYaml(names(17)))).toBe(`${'{"a":'.repeat(17)}null${'}'.repeat(17)}`)
    expect(answer(names(18))).toBe('line 18: it is too deep')
    const dashes = (count: number): string =>
      Array.from({ length: count }, (_, depth) => `${' '.repeat(depth)}-`).join('\n')
    expect(JSON.stringify(parseYaml(dashes(17)))).toBe(`${'['.repeat(17)}null${']'.repeat(17)}`)
    expect(answer(dashes(18))).toBe('line 18: it is too deep')
  })

  test('a file has at most 262144 characters', () => {
    expect(answer('x'.repeat(262_145))).toBe('the file is longer than 262144 characters')
    expect(parseYaml('x'.repeat(262_144))).toBe('x'.repeat(262_144))
  })
})
