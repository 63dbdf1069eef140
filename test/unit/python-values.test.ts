/** Values as Python sees them: there and back unharmed, byte for byte the same as the host's codec has them. */
import { describe, expect, test } from 'vitest'
import { encodeValue } from '../../src/kernel/values.ts'
import { preparePython, python, pythonValue } from '../python.ts'

preparePython()

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** A generator of numbers from 0 to below `most`: the same ones in every run. */
function numbers(seed: number): (most: number) => number {
  let state = seed
  return (most) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    return state % most
  }
}

type Draw = (most: number) => number

const FLAT: ((draw: Draw) => unknown)[] = [
  () => null,
  () => undefined,
  (draw) => draw(2) === 0,
  (draw) => draw(1e9) - 5e8,
  (draw) => (draw(1e9) - 5e8) / (draw(1_000) + 1),
  (draw) => Math.fround(draw(1e6) / 7),
  (draw) => 2 ** -draw(60),
  (draw) => String.fromCodePoint(...Array.from({ length: draw(40) }, () => 32 + draw(0xd000))),
  (draw) => BigInt(draw(1e9)) ** BigInt(draw(8)) * (draw(2) ? 1n : -1n),
  (draw) => new Uint8Array(draw(50)),
  (draw) => new Date(draw(2e9) * 1_000 + draw(1_000) - 1e12),
]

const many = <T>(draw: Draw, most: number, make: () => T): T[] => Array.from({ length: draw(most) }, make)

function randomValue(draw: Draw, depth: number): unknown {
  const kind = draw(depth > 0 ? FLAT.length + 5 : FLAT.length)
  const inner = () => randomValue(draw, depth - 1)
  switch (kind - FLAT.length) {
    case 0:
      return many(draw, 6, inner)
    case 1:
      return Object.fromEntries(many(draw, 6, () => [`k${draw(1_000)}`, inner()]))
    case 2:
      return new Map(many(draw, 5, () => [draw(2) ? `s${draw(100)}` : draw(100) + 2, inner()]))
    case 3:
      // Python's sets have no order: at most one member is the same in both.
      return new Set(many(draw, 2, () => `m${draw(1_000)}`))
    case 4:
      return new TypeError(`e${draw(9)}`, draw(2) ? { cause: inner() } : undefined)
    default:
      return FLAT[kind]?.(draw)
  }
}

describe('a value', () => {
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['booleans', [true, false]],
    ['integers up to 2^53 - 1', [0, -1, 23, 24, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)]],
    ['other numbers', [0.5, -0, 1e300, 2 ** 60, 5e-324, Number.NaN, Infinity, -Infinity]],
    ['big integers, small ones too', [0n, -1n, 10n, 2n ** 100n, -(2n ** 64n)]],
    ['text of every plane', ['', 'é', '水', '\u{1f600}', '\ufeffx', '\0']],
    ['bytes', new Uint8Array([0, 1, 255])],
    ['dates to the millisecond', [new Date(0), new Date(1_500), new Date(-1), new Date(1_363_896_240_123)]],
    ['nested structures', { a: [{ b: [[], {}, [1, [2]]] }], __proto__x: null }],
    [
      'maps with keys of any kind',
      new Map<unknown, unknown>([
        [1, 'a'],
        [null, 2],
        ['k', new Map([['x', 1]])],
      ]),
    ],
    ['maps whose keys are strings', new Map([['a', 1]])],
    ['sets', new Set(['a'])],
  ])('crosses there and back unharmed: %s', async (_, value) => {
    expect(await pythonValue('from toka import input\ninput', { input: value })).toEqual(value)
  })

  test('of any kind has the bytes that the host gives it: 600 random ones', async () => {
    const draw = numbers(1)
    const values = Array.from({ length: 600 }, () => toHex(encodeValue(randomValue(draw, 4))))
    const source = `from toka import input
from _toka_decode import decode
from _toka_encode import encode
[(given, made) for given in input if (made := encode(decode(bytes.fromhex(given))).hex()) != given]`
    expect(await pythonValue(source, { input: values })).toEqual([])
  })

  test('is in Python what a Python user expects', async () => {
    const source = `from toka import input, undefined
a, b, c, d, e, f = input
[a is None, b is undefined, bool(undefined), type(c).__name__, isinstance(d, int) and d + 1, e.isoformat(), f == {1, 2}]`
    const input = [null, undefined, new Uint8Array(1), 41n, new Date(0), new Set([1, 2])]
    expect(await pythonValue(source, { input })).toEqual([
      true,
      true,
      false,
      'bytes',
      42,
      '1970-01-01T00:00:00+00:00',
      true,
    ])
  })

  test('of Python arrives as what JavaScript has for it', async () => {
    const source = `import datetime, collections
{"tuple": (1, 2), "range": list(range(3)), "big": 2**53, "float": 1.0, "bytes": bytearray(b"x"),
 "date": datetime.datetime(2025, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
 "ordered": collections.OrderedDict(b=1, a=2), "counter": collections.Counter("aab"), "map": {1: "one"}}`
    expect(await pythonValue(source)).toEqual({
      tuple: [1, 2],
      range: [0, 1, 2],
      big: 2n ** 53n,
      float: 1,
      bytes: new Uint8Array([0x78]),
      date: new Date('2025-01-01T23:00:00Z'),
      ordered: { b: 1, a: 2 },
      counter: { a: 2, b: 1 },
      map: new Map([[1, 'one']]),
    })
  })
})

describe('a result that cannot cross fails the run of a notebook and names the place', () => {
  test.each([
    ['an object of a class', '{"a": [1, object()]}', 'TOKA_VALUE_UNSUPPORTED', '$.a[1] is of type object'],
    ['a list that holds itself', 'a = []; a.append(a); a', 'TOKA_VALUE_UNSUPPORTED', 'holds itself'],
    ['a string with a surrogate', '"\\ud800"', 'TOKA_VALUE_UNSUPPORTED', 'surrogate'],
    ['a decimal', 'import decimal; decimal.Decimal("0.1")', 'TOKA_VALUE_UNSUPPORTED', 'str() or float()'],
    ['a coroutine', 'async def f(): pass\nf()', 'TOKA_VALUE_UNSUPPORTED', 'await it'],
    ['a value that is too deep', 'd = []\nfor _ in range(200): d = [d]\nd', 'TOKA_VALUE_SIZE', 'deeper than 128'],
    ['a value that is too large', '"x" * 17_000_000', 'TOKA_VALUE_SIZE', 'larger than'],
  ])('%s', async (_, source, code, message) => {
    const { toka } = await import('../run.ts')
    const sandbox = await (await toka()).open({ language: 'python' })
    try {
      const result = await sandbox.run({ source })
      expect(result).toMatchObject({ status: 'failed', error: { code, message: expect.stringContaining(message) } })
      expect((await sandbox.run({ source: '1' })).value).toBe(1)
    } finally {
      await sandbox.dispose()
    }
  })

  test('a script that ends in an expression of any kind has no value, and does not fail', async () => {
    expect(await python('object()', { file: '/tool/a.py' })).toMatchObject({ status: 'completed', value: undefined })
  })
})
