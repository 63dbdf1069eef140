/** The arguments of `toka run`: what becomes of each, and what a mistake is told. */
import { describe, expect, test } from 'vitest'
import { parseRunOptions, type RunPlan } from '../../src/cli/run-options.ts'

function plan(...argv: string[]): RunPlan {
  const parsed = parseRunOptions(argv)
  if (parsed === 'help') throw new Error('help was asked for')
  return parsed
}

describe('a command line', () => {
  test('with nothing but a file grants nothing', () => {
    expect(plan('a.js')).toEqual({
      file: 'a.js',
      language: 'javascript',
      hasInput: false,
      grants: [],
      grantFiles: [],
      mounts: [],
      packages: [],
      toolFiles: [],
      env: {},
      limits: {},
      trace: false,
      json: false,
      args: [],
    })
  })

  test.each([
    ['a.js', 'javascript'],
    ['dir.ts/a.mjs', 'javascript'],
    ['a.TS', 'typescript'],
    ['a.mts', 'typescript'],
  ])('takes the language of %s from its ending', (file, language) => {
    expect(plan(file).language).toBe(language)
  })

  test('takes --language before the ending, and for stdin', () => {
    expect(plan('a.txt', '--language', 'typescript').language).toBe('typescript')
    expect(plan('-', '--language=javascript')).toMatchObject({ file: '-', language: 'javascript' })
  })

  test('hands everything after -- to the guest, options too', () => {
    expect(plan('a.js', '--json', '--', '--trace', '-x', '--').args).toEqual(['--trace', '-x', '--'])
    expect(plan('a.js', '--json', '--', '--trace').trace).toBe(false)
  })

  test('reads any JSON as input, a negative number and null too', () => {
    expect(plan('a.js', '--input', '{"a":[1]}')).toMatchObject({ hasInput: true, input: { a: [1] } })
    expect(plan('a.js', '--input', '-1').input).toBe(-1)
    expect(plan('a.js', '--input', 'null')).toMatchObject({ hasInput: true, input: null })
  })

  test('reads durations, sizes and counts', () => {
    const limits = plan('a.js', '--timeout', '1.5s', '--memory', '8MiB', '--output', '1kB', '--fuel', '5000').limits
    expect(limits).toEqual({ timeoutMs: 1_500, memoryBytes: 8 * 2 ** 20, outputBytes: 1_000, fuel: 5_000 })
    expect(plan('a.js', '--timeout', '2m').limits.timeoutMs).toBe(120_000)
    expect(plan('a.js', '--memory', '1048576').limits.memoryBytes).toBe(2 ** 20)
  })

  test('keeps an = in the value of a variable', () => {
    expect(plan('a.js', '--env', 'A=b=c', '--env', 'EMPTY=').env).toEqual({ A: 'b=c', EMPTY: '' })
  })
})

describe('--mount', () => {
  test('without a mode makes a directory exist and grants nothing', () => {
    expect(plan('a.js', '--mount', './d:/data')).toMatchObject({
      mounts: [{ from: './d', at: '/data', mode: 'rw' }],
      grants: [],
    })
  })

  test(':ro also grants reading, :rw reading and writing, of just that path', () => {
    expect(plan('a.js', '--mount', 'd:/data/:ro')).toMatchObject({
      mounts: [{ from: 'd', at: '/data', mode: 'ro' }],
      grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
    })
    expect(plan('a.js', '--mount', 'd:/w:rw').grants).toEqual([
      { resource: 'fs', actions: ['read', 'write'], paths: ['/w/**'] },
    ])
  })

  test('keeps the colons of a host path', () => {
    expect(plan('a.js', '--mount', 'C:\\data:/data:ro').mounts).toEqual([{ from: 'C:\\data', at: '/data', mode: 'ro' }])
  })

  test('grants a guest path with pattern characters as itself', () => {
    expect(plan('a.js', '--mount', 'd:/a*[b]:ro').grants).toMatchObject([{ paths: ['/a[*][[]b]/**'] }])
  })
})

test('packages are parted by commas, with spaces or without', () => {
  expect(plan('a.py', '--packages', 'humanize, tabulate==0.9.0,').packages).toEqual(['humanize', 'tabulate==0.9.0'])
})

describe('a mistake is told with the option, the value and what was expected', () => {
  test.each<[string, string[], RegExp]>([
    ['no file', [], /no FILE given/],
    ['a second file', ['a.js', 'b.js'], /unexpected "b\.js".*after --/],
    ['an unknown option', ['a.js', '--timeuot', '2s'], /unknown option --timeuot: did you mean --timeout\?/],
    ['an option like nothing known', ['a.js', '--zzzzzz'], /unknown option --zzzzzz.*--help/],
    ['an option of Object.prototype', ['a.js', '--constructor=1'], /unknown option --constructor/],
    ['a missing value at the end', ['a.js', '--timeout'], /--timeout needs a value/],
    ['a missing value before an option', ['a.js', '--input', '--json'], /--input needs a value.*--json/],
    ['a value for a flag', ['a.js', '--json=yes'], /--json takes no value, got "yes"/],
    ['a duration without a unit', ['a.js', '--timeout', '2'], /--timeout "2": expected a duration such as 500ms/],
    ['a duration of zero', ['a.js', '--timeout', '0s'], /--timeout "0s": expected a duration/],
    ['a negative size', ['a.js', '--memory=-5MiB'], /--memory "-5MiB": expected a size/],
    ['a size with an unknown unit', ['a.js', '--memory', '64mib'], /--memory "64mib": expected a size such as 64MiB/],
    ['a unit of Object.prototype', ['a.js', '--memory', '1constructor'], /expected a size/],
    ['a fractional count', ['a.js', '--fuel', '1.5'], /--fuel "1\.5": expected a whole number/],
    ['input that is no JSON', ['a.js', '--input', '{a:1}'], /--input: expected JSON, got "\{a:1\}"/],
    ['a language without an engine', ['a.sh'], /no engine runs \.sh files: javascript .* typescript/],
    ['a language misspelt', ['a.js', '--language', 'javscript'], /--language "javscript": did you mean javascript\?/],
    ['a language that is absent', ['a.js', '--language', 'shell'], /--language "shell": no engine runs it/],
    ['stdin without a language', ['-'], /stdin needs --language/],
    ['a file without an ending', ['Makefile'], /no ending/],
    ['a mount with a relative guest path', ['a.js', '--mount', 'a:b'], /--mount "a:b": expected HOSTDIR:\/guest\/path/],
    [
      'a mount with an unknown mode',
      ['a.js', '--mount', 'a:/b:wo'],
      /--mount "a:\/b:wo": the mode is ro or rw, got "wo"/,
    ],
    ['a variable without =', ['a.js', '--env', 'HOME'], /--env "HOME": expected NAME=VALUE/],
    ['a rule of an unknown kind', ['a.js', '--allow', 'fs.raed=/x'], /--allow.*fs\.raed/],
  ])('%s', (_name, argv, message) => {
    expect(() => parseRunOptions(argv)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringMatching(message) }),
    )
  })
})
