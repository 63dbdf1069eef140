/** A tool's arguments against a grant's constraints: both sides of every boundary, and what only looks like a plain value. */
import { describe, expect, test } from 'vitest'
import { type Constraint, predicateBits, refusedArgument, satisfies } from '../../capabilities/arguments.ts'

const sorted = (one: Constraint, values: readonly unknown[]): { taken: unknown[]; refused: unknown[] } => ({
  taken: values.filter((value) => satisfies(value, one)),
  refused: values.filter((value) => !satisfies(value, one)),
})

describe('a value', () => {
  const everything = ['', 'x', 0, -0, 1, Number.NaN, 1n, true, false, null, {}, [], () => 1]

  test('may be anything where anything may be, but not be missing', () => {
    expect(sorted({ any: true }, everything).refused).toEqual([])
    expect(satisfies(undefined, { any: true })).toBe(false)
    expect(satisfies(undefined, { any: true, optional: true })).toBe(true)
    expect(satisfies(undefined, { equals: 1, optional: true })).toBe(true)
    expect(satisfies(undefined, { min: 1 })).toBe(false)
    expect(satisfies(null, { equals: 1, optional: true })).toBe(false)
  })

  test.each<[Constraint, unknown[]]>([
    [{ equals: 0 }, [0]],
    [{ equals: -0 }, [-0]],
    [{ equals: 1 }, [1]],
    [{ equals: '' }, ['']],
    [{ equals: false }, [false]],
    [{ equals: null }, [null]],
    [{ oneOf: [0, 'x', null] }, ['x', 0, null]],
    [{ oneOf: [] }, []],
    [{ min: 0 }, [0, -0, 1, 1n]],
    [{ max: 0 }, [0, -0]],
    [{ min: 1, max: 1 }, [1, 1n]],
    [{ min: -1, max: 0 }, [0, -0]],
    [{ prefix: 'x' }, ['x']],
    [{}, []],
  ])('%j takes what it names of everything', (one, taken) => {
    expect(sorted(one, everything).taken).toEqual(taken)
  })

  test('lies within bounds that are part of what they bound', () => {
    const values = [-2, -1, 0, 1, 2, 3, -1n, 2n, 3n, '1', Number.NaN, Infinity, -Infinity]
    expect(sorted({ min: -1, max: 2 }, values).taken).toEqual([-1, 0, 1, 2, -1n, 2n])
    expect(sorted({ min: 2 }, values).taken).toEqual([2, 3, 2n, 3n, Infinity])
    expect(sorted({ max: -1 }, values).taken).toEqual([-2, -1, -1n, -Infinity])
  })

  test('begins as it must, from its first letter on', () => {
    const values = ['ab', 'abc', 'a', 'cab', 'undefined', 'AB', ['ab'], '']
    expect(sorted({ prefix: 'ab' }, values).taken).toEqual(['ab', 'abc'])
    expect(sorted({}, values).taken).toEqual([])
  })

  test('is a canonical path that the pattern matches', () => {
    const good = ['/', '/a', '/a/b', '/...', '/.a', '/a.', '/..a/b', '/é', `/${'a'.repeat(4_095)}`]
    const bad = [
      '',
      'a',
      '//',
      '/a/',
      '/a//b',
      '//a',
      '/.',
      '/..',
      '/./a',
      '/a/.',
      '/a/../b',
      '/a\0',
      '/a\\b',
      '/\ud800',
    ]
    expect(sorted({ path: '/**' }, [...good, ...bad, `/${'a'.repeat(4_096)}`, 1, ['/a']]).taken).toEqual(good)
    expect(sorted({ path: '/a/*' }, ['/a/b', '/a', '/a/b/c', '/b/a', '/']).taken).toEqual(['/a/b'])
    expect(sorted({ path: 'no pattern' }, [...good, 'no pattern']).taken).toEqual([])
  })

  test('is a host that the pattern matches', () => {
    expect(sorted({ host: '*.a.test' }, ['x.a.test', 'a.test', 'x.y.a.test', 'x.b.test', 1, null]).taken).toEqual([
      'x.a.test',
    ])
    expect(sorted({ host: 'NO HOST' }, ['NO HOST', 'a.test']).taken).toEqual([])
  })
})

describe('arguments', () => {
  const constraints = { a: { equals: 1 }, b: { equals: 2, optional: true } } as const

  test.each<[unknown, string | undefined]>([
    [{ a: 1 }, undefined],
    [{ a: 1, b: 2 }, undefined],
    [{ b: 2, a: 1 }, undefined],
    [{ a: 1, b: undefined }, undefined],
    [{}, 'a'],
    [{ a: 2, b: 3 }, 'a'],
    [{ a: 1, b: 3 }, 'b'],
    [{ a: 1, c: 3 }, 'c'],
    [{ a: 2, c: 3 }, 'c'],
    [{ a: 1, constructor: 1 }, 'constructor'],
    [JSON.parse('{"a":1,"__proto__":1}'), '__proto__'],
    [Object.assign(Object.create(null), { a: 1 }), undefined],
    [Object.assign(Object.create({ b: 3 }), { a: 1 }), '(input)'],
    [Object.create({ a: 1 }), '(input)'],
    [new Map([['a', 1]]), '(input)'],
    [[], '(input)'],
    [null, '(input)'],
    [undefined, '(input)'],
    ['a', '(input)'],
    [1, '(input)'],
    [() => 1, '(input)'],
  ])('%j are refused by the name %j', (input, expected) => expect(refusedArgument(input, constraints)).toBe(expected))

  test('that must be plain are so even where nothing is asked of them', () => {
    expect(
      [{}, Object.create(null), null, [], '', new (class {})()].map((input) => refusedArgument(input, {})),
    ).toEqual([undefined, undefined, '(input)', '(input)', '(input)', '(input)'])
  })

  test('are their own, and not what every object has', () => {
    expect(refusedArgument({}, { toString: { any: true as const } })).toBe('toString')
    expect(refusedArgument({}, { toString: { equals: 1, optional: true as const } })).toBeUndefined()
  })

  test('set the bit of each predicate that holds', () => {
    const predicates = Array.from({ length: 128 }, (_, index) => ({ a: { equals: index % 11 } }))
    const bits = predicateBits({ a: 3 }, predicates)
    expect(bits).toHaveLength(16)
    const set = predicates.flatMap((_, index) => (bits[index >> 3]! & (1 << (index & 7)) ? [index] : []))
    expect(set).toEqual([3, 14, 25, 36, 47, 58, 69, 80, 91, 102, 113, 124])
    expect([...predicateBits({ a: 0 }, predicates.slice(0, 9))]).toEqual([1, ...new Array<number>(15).fill(0)])
    expect([...predicateBits(undefined, predicates)]).toEqual(new Array<number>(16).fill(0))
  })
})
