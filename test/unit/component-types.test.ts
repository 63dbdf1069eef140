/** Values of every WIT type cross into a component and back, and what is no value of its type does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assembled, ComponentBench } from '../component-bench.ts'

let bench: ComponentBench

beforeAll(async () => {
  bench = await ComponentBench.open(assembled('types'))
})

afterAll(() => bench.dispose())

const ALL = [
  true,
  -128,
  255,
  -32_768,
  65_535,
  -(2 ** 31),
  2 ** 32 - 1,
  -(2n ** 63n),
  2n ** 64n - 1n,
  1.5,
  Math.PI,
  '😀',
  'héllo',
  'green',
  { read: true, write: false, runIt: true },
  { x: -7, yAxis: 9 },
  { tag: 'square', val: 7n },
  Uint8Array.of(1, 2, 3),
  ['a', 'ß😀', ''],
  [
    { x: 1, yAxis: 2 },
    { x: 3, yAxis: 4 },
  ],
  'present',
  { tag: 'some', val: undefined },
  { tag: 'err', val: 'no' },
  { tag: 'ok' },
  [9, 10n],
]

test('a value of every type goes through memory and comes back as it was', async () => {
  expect(await bench.value('echo-all', ...ALL)).toEqual(ALL)
})

const FLAT: readonly (readonly [name: string, values: readonly unknown[]])[] = [
  ['echo-bool', [true, false]],
  ['echo-s8', [-128, 127]],
  ['echo-u8', [0, 255]],
  ['echo-s16', [-32_768, 32_767]],
  ['echo-u16', [65_535]],
  ['echo-s32', [-(2 ** 31), 2 ** 31 - 1]],
  ['echo-u32', [2 ** 32 - 1]],
  ['echo-s64', [-(2n ** 63n), 2n ** 63n - 1n]],
  ['echo-u64', [2n ** 64n - 1n]],
  ['echo-f32', [1.5, Number.NaN, Number.NEGATIVE_INFINITY]],
  ['echo-f64', [Math.PI, Number.NaN, -0]],
  ['echo-char', ['a', '\ud7ff', '\ue000', '\u{10ffff}']],
  ['echo-enum', ['red', 'blue']],
  ['echo-flags', [{ read: false, write: true, runIt: true }]],
  ['echo-string', ['', 'plain', 'ÿ', '\0', '日本語 😀']],
  ['echo-utf16', ['', 'plain', 'ÿ', '日本語 😀']],
  ['echo-latin1', ['', 'plain', 'ÿ\u0080', '日本語 😀']],
  ['echo-list', [[], [1n, 2n ** 64n - 1n]]],
  ['echo-bytes', [new Uint8Array(0), Uint8Array.of(0, 255)]],
  ['echo-point', [{ x: -1, yAxis: 1 }]],
  ['echo-option', [undefined, 2.5]],
  [
    'echo-shape',
    [{ tag: 'none' }, { tag: 'circle', val: 1.5 }, { tag: 'square', val: 2n ** 63n }, { tag: 'named', val: 7 }],
  ],
]

test.each(FLAT)('%s passes core values and answers the same', async (name, values) => {
  for (const value of values) expect(await bench.value(name, value)).toEqual(value)
})

test('a string that fills several pages makes the guest grow, and arrives whole', async () => {
  const long = 'é'.repeat(150_000)
  expect(await bench.value('echo-string', long)).toBe(long)
})

const WRONG: readonly (readonly [name: string, value: unknown, message: string])[] = [
  ['echo-bool', 1, 'x must be true or false, not 1'],
  ['echo-u8', 256, 'x must be a whole number from 0 to 255 (u8), not 256'],
  ['echo-s8', 1.5, 'x must be a whole number from -128 to 127 (s8), not 1.5'],
  ['echo-u64', -1n, 'x must be a big integer of 64 bits (u64), not -1'],
  ['echo-f64', '1', 'x must be a number, not "1"'],
  ['echo-char', 'ab', 'x must be a string of one character, not "ab"'],
  ['echo-string', undefined, 'x must be a well-formed string, not undefined'],
  ['echo-enum', 'constructor', 'x must be one of "red", "green", "blue", not "constructor"'],
  ['echo-flags', { other: true }, 'x must be an object of booleans with read, write, runIt, not an object'],
  ['echo-point', { x: 1 }, 'x.yAxis must be a whole number from -2147483648 to 2147483647 (s32), not undefined'],
  ['echo-point', { x: 1, yAxis: 2, z: 3 }, 'x.z must be absent, not 3'],
  ['echo-list', 7, 'x must be an array, not 7'],
  ['echo-list', [1n, 'b'], 'x[1] must be a big integer of 64 bits (u64), not "b"'],
  [
    'echo-shape',
    { tag: 'toString' },
    'x must be an object whose tag is one of "none", "circle", "square", "named", not an object',
  ],
  ['echo-shape', { tag: 'none', val: 1 }, 'x.val must be absent, not 1'],
]

test.each(WRONG)('%s is not called with %o', async (name, value, message) => {
  expect(await bench.call(name, value)).toMatchObject({
    error: { code: 'TOKA_VALUE_UNSUPPORTED', message },
    lost: false,
  })
})

test('more arguments than a function takes are refused', async () => {
  const ended = await bench.call('echo-u8', 1, 2)
  expect(ended.error?.message).toBe('echo-u8 takes 1 arguments, and is given 2')
})

test('a function that is not there is named with those that are', async () => {
  const ended = await bench.call('missing')
  expect(ended.error?.code).toBe('TOKA_REQUEST_INVALID')
  expect(ended.error?.message).toContain('has no export "missing": it exports echo-all, echo-bool')
})

describe('what a component answers is checked like what it is given', () => {
  const PAGE = 65_536
  const traps: readonly (readonly [name: string, args: readonly unknown[], reason: string])[] = [
    ['as-char', [0xd800], 'a char is no Unicode scalar value'],
    ['as-char', [0x11_0000], 'a char is no Unicode scalar value'],
    ['as-enum', [3], 'a enum has no case 3'],
    ['as-string', [PAGE - 1, 2], 'a pointer leads out of its memory'],
    ['as-string', [2 ** 32 - 1, 1], 'a pointer leads out of its memory'],
    ['as-string', [0, 2 ** 32 - 1], 'a string has 2^28 bytes or more'],
    ['as-utf16', [1, 1], 'a pointer is not aligned to 2 bytes'],
    ['as-utf16', [0, 2 ** 31], 'a string has 2^28 bytes or more'],
    ['as-list', [4, 1], 'a pointer is not aligned to 8 bytes'],
    ['as-list', [0, 2 ** 29], 'a list has 2^28 bytes or more'],
    ['as-list', [PAGE - 8, 2], 'a pointer leads out of its memory'],
    ['as-place', [PAGE - 4], 'a pointer leads out of its memory'],
    ['as-place', [2], 'a pointer is not aligned to 4 bytes'],
  ]

  test.each(traps)('%s(%o) traps', async (name, args, reason) => {
    const ended = await bench.call(name, ...args)
    expect(ended).toMatchObject({ error: { code: 'TOKA_GUEST_TRAP', message: `the component trapped: ${reason}` } })
    expect(ended.lost).toBe(true)
    expect(await bench.value('echo-u8', 7)).toBe(7)
  })

  test('bytes that are no UTF-8 trap', async () => {
    // The place that `pair` writes: the two numbers that it was given.
    const ended = await bench.call('as-string', 16, 4)
    expect(ended.value ?? ended.error?.message).toBe('\u0010\0\0\0')
    const broken = await bench.call('as-string', 0x10, 0xff)
    expect(broken.error?.message).toBe('the component trapped: a string is not well-formed')
  })
})

test('a component and one inside it call each other while a call of the outer one is under way', async () => {
  const nested = await ComponentBench.open(assembled('nested'))
  expect(await nested.value('g')).toBe(16)
  expect(await nested.value('h')).toBe(6)
  nested.dispose()
})
