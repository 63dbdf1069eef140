/** Values one by one through a guest's host calls: most of them take the native codec of the bridge, the rest the prelude's, and nobody can tell. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type RunResult, type Toka } from '../../src/index.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { numbers } from '../fuzz/numbers.ts'
import { makeValue } from '../fuzz/values.ts'

const VALUES = 400
const hex = (value: unknown): string =>
  Array.from(encodeValue(value), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** The doubles at which forms change: halves, singles, doubles, and integers of one to eight bytes. */
const EDGES = [
  ...[
    0,
    1,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 60,
  ],
  ...[65_504, 65_505.5, 65_519.5, 65_536.5, 2 ** -14, 2 ** -15, 2 ** -24, 2 ** -25, 3 * 2 ** -24, 1023 * 2 ** -24],
  ...[2 ** -14 - 2 ** -24, 1 + 2 ** -10, 1 + 2 ** -11, 1.1, 1e300, 2 ** -149, 2 ** -150, 3.4028234663852886e38, 5e-324],
  ...[Number.POSITIVE_INFINITY, Number.NaN, 0.5, 1.5, 2 ** 127, 2 ** 128],
].flatMap((edge) => [edge, -edge])

const TEXTS = [
  '',
  'a',
  'é',
  '𝒳',
  '\ufffd',
  '\ud7ff',
  '\ue000',
  '\0',
  'x'.repeat(300),
  'é'.repeat(40_000),
  'x'.repeat(70_000),
]
const KEYS = ['__proto__', 'constructor', 'then', 'length', '0', '7', '4294967295', '-1', '01', '', 'é', 'toJSON']
const nested = (depth: number): unknown =>
  depth === 0 ? 1 : depth % 2 ? [nested(depth - 1)] : { a: nested(depth - 1) }

const SHAPES: unknown[] = [
  ...TEXTS,
  ...KEYS.map((key) => JSON.parse(`{${JSON.stringify(key)}: [${JSON.stringify(key)}]}`) as unknown),
  ...Array.from({ length: 20 }, (_, depth) => nested(depth)),
  ...[0, 1, 510, 511, 512, 513, 5_000].map((length) => Array.from({ length }, (_, at) => at)),
  ...[510, 511, 512].map((count) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]))),
  new Uint8Array(0),
  new Uint8Array([1, 2, 3]),
  new Uint8Array(66_000).fill(7),
  { a: new Map([[1, { b: [1n] }]]), c: new Set(['x']), d: new Date(1_500), e: new Error('m') },
]

let toka: Toka
beforeAll(async () => {
  toka = await createToka()
})
afterAll(() => toka.dispose())

/** What comes back of each value: it goes to the guest as a tool's result, and comes back as a tool's argument. */
async function sentThrough(values: readonly unknown[], call: string): Promise<unknown[]> {
  const back: unknown[] = []
  const next = defineTool({
    name: 'next',
    description: '',
    input: z.object({ at: z.number() }),
    run: ({ at }) => values[at],
  })
  const put = defineTool({
    name: 'put',
    description: '',
    input: z.looseObject({}),
    run: ({ value }) => void back.push(value),
  })
  const result = await toka.run({
    language: 'javascript',
    source: `for (let at = 0; at < ${values.length}; at++) { const value = ${call}; ${call.replace('next', 'put').replace('{ at }', '{ value }')} }`,
    tools: [next, put],
    grants: [{ resource: 'tool', actions: ['call'], names: ['next', 'put'] }],
    limits: { hostCalls: 10_000 },
  })
  expect(result.error).toBeUndefined()
  return back
}

function resultOf(source: string): Promise<RunResult> {
  return toka.run({ language: 'javascript', source })
}

describe.each(['tools.next.sync({ at })', 'await tools.next({ at })'])('through %s', (call) => {
  test('random values come back as they were', async () => {
    const values = Array.from({ length: VALUES }, (_, seed) => makeValue(numbers(seed + 1)))
    const back = await sentThrough(values, call)
    expect(back.map(hex)).toEqual(values.map((value) => hex(decodeValue(encodeValue(value)))))
  })

  test('numbers at the edges of each form, texts, keys, depths and lengths come back as they were', async () => {
    const values = [...EDGES, ...SHAPES]
    expect((await sentThrough(values, call)).map(hex)).toEqual(values.map(hex))
  })
})

test('the guest finds plain prototypes and own properties, whatever it did to the prototypes before', async () => {
  const source = `
    Object.defineProperty(Object.prototype, 'a', { set() { throw 1 }, configurable: true })
    Object.defineProperty(Array.prototype, '0', { set() { throw 2 }, configurable: true })
    const { value } = tools.echo.sync({ value: { a: [1], ['__proto__']: 2 } })
    export default [Object.keys(value), Object.getPrototypeOf(value) === Object.prototype, Array.isArray(value.a), value.a[0]]`
  const echo = defineTool({ name: 'echo', description: '', input: z.looseObject({}), run: (input) => input })
  const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['echo'] }]
  const { value, error } = await toka.run({ language: 'javascript', source, tools: [echo], grants })
  expect([value, error]).toEqual([[['a', '__proto__'], true, true, 1], undefined])
})

test('getters run once and in order, also when something further on is not plain', async () => {
  const source = `
    const ran = []
    const plain = { get a() { ran.push('a'); return 1 }, b: 2, get c() { ran.push('c'); return new Map([[1, 2]]) } }
    tools.take.sync({ plain, last: [{ get d() { ran.push('d'); return 3 } }] })
    export default ran`
  const taken: unknown[] = []
  const take = defineTool({
    name: 'take',
    description: '',
    input: z.looseObject({}),
    run: (input) => void taken.push(input),
  })
  const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['take'] }]
  const { value } = await toka.run({ language: 'javascript', source, tools: [take], grants })
  expect(value).toEqual(['a', 'c', 'd'])
  expect(taken).toEqual([{ plain: { a: 1, b: 2, c: new Map([[1, 2]]) }, last: [{ d: 3 }] }])
})

test.each([
  ['({ a: [1, { b: "\\ud800" }] })', '$.a[1].b is a string with a lone surrogate'],
  ['({ ["\\udfff"]: 1 })', 'a string with a lone surrogate'],
  ['({ a: 1, [Symbol("s")]: 2 })', '$ is an object with symbol keys'],
  ['({ a: { f() {} } })', '$.a.f is a function'],
  ['({ a: Symbol("s") })', '$.a is a symbol'],
  ['({ a: new (class K {})() })', '$.a is an instance of a class'],
  ['{ const a = new Uint8Array([1]); a.buffer.transfer(); a }', 'ArrayBuffer is detached'],
  ['{ const a = []; a[0] = a; a }', '$[0] is a reference to something around it'],
])('%s is refused with its place', async (source, message) => {
  const { status, error } = await resultOf(source)
  expect([status, error?.message]).toEqual(['failed', expect.stringContaining(message)])
})

test.each([
  ['Object.create(null, { a: { value: 1, enumerable: true }, b: { value: 2 } })', { a: 1 }],
  ['[1, , 3]', [1, undefined, 3]],
  ['Object.assign([1], { named: 2 })', [1]],
  ['new Proxy({ a: 1 }, {})', { a: 1 }],
  ['new Proxy([1, 2], {})', [1, 2]],
  ['Object.assign(new Uint8Array([1]), { named: 2 })', new Uint8Array([1])],
  ['new Uint8ClampedArray([1, 2])', new Uint8Array([1, 2])],
  ['new Uint16Array([1])', new Uint8Array([1, 0])],
  ['structuredClone(new Uint8Array([1]).buffer, {})', new Uint8Array([1])],
  ['{ const o = { 1: "b", a: 1, 0: "a" }; o }', { 0: 'a', 1: 'b', a: 1 }],
  ['10 / 2', 5],
  ['-(0)', -0],
  ['1e21 + "" + "x".repeat(3)', '1e+21xxx'],
  ['{ let s = ""; for (let i = 0; i < 2000; i++) s += "ab"; s }', 'ab'.repeat(2_000)],
])('%s completes with its value', async (source, value) => {
  expect(await resultOf(source)).toMatchObject({ status: 'completed', value })
})
