/** What is said of a grant that is refused: each field at both of its ends, in the words that a person reads. */
import { describe, expect, test } from 'vitest'
import { explain, show } from '../../capabilities/explain.ts'
import { GrantError } from '../../capabilities/grant-error.ts'
import { methodNumber, methodOfNumber, METHODS, SCHEMES, SPECIAL_ADDRESS } from '../../capabilities/methods.ts'
import { durationMs, parseGrant, parseGrants } from '../../capabilities/schema.ts'
import * as z from 'zod'

const messageOf = (work: () => unknown): string => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}
/** What is said of a grant, less the `grant.` before it. */
const said = (base: object, more: object): string =>
  messageOf(() => parseGrant({ ...base, ...more })).replace(/^grant\./, '')
const many = <T>(one: T, count: number): T[] => new Array<T>(count).fill(one)
const named = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, { any: true }]))

const FS = { resource: 'fs', actions: ['read'], paths: ['/d'] }
const NET = { resource: 'net', actions: ['fetch'], hosts: ['h.test'] }
const ENV = { resource: 'env', actions: ['read'], names: ['A'] }
const CLOCK = { resource: 'clock', actions: ['precise'] }
const TOOL = { resource: 'tool', actions: ['call'], names: ['t'] }

const DURATION = 'must be a duration such as "500ms", "1s", "5m", "1h" or "1d"'
const TIME = 'must be an ISO time with a zone, such as "2030-01-31T12:00:00Z", or milliseconds since 1970'
const PORT = 'must be a port from 1 to 65535, or a range such as "8000-8099"'
const KIND = 'must have exactly one of any, equals, oneOf, min, path, host, prefix (min and max may go together)'
const SCALAR = 'must be a text, a number, true, false or null'
const CONDITIONS = 'rate, notBefore, expires, flow'

describe('fields that several resources have', () => {
  test.each<[object, string]>([
    [{ paths: 1 }, 'paths must be an array, it is 1'],
    [{ paths: [1] }, 'paths[0] must be a string, it is 1'],
    [{ paths: ['/a', 'x'] }, 'paths[1] must begin with "/": patterns are absolute paths (it is "x")'],
    [{ paths: [] }, 'paths must be at least 1 items, it is an array'],
    [{ paths: many('/a', 256) }, 'accepted'],
    [{ paths: many('/a', 257) }, 'paths must be at most 256 items, it is an array'],
    [{ actions: [] }, 'actions must be at least 1 items, it is an array'],
    [{ actions: 'read' }, 'actions must be an array, it is "read"'],
    [{ actions: ['reed'] }, 'actions[0] must be "read" or "write", it is "reed"'],
    [{ actions: ['read', 'write', 'read'] }, 'actions must be at most 2 items, it is an array'],
    [{ quota: 1 }, 'quota must be an object, it is 1'],
    [{ quota: { byte: 1 } }, 'quota.byte is not a field of .quota; there are: calls, bytes'],
    [{ quota: { calls: 0, bytes: 0 } }, 'accepted'],
    [{ quota: { calls: -1 } }, 'quota.calls must be at least 0, it is -1'],
    [{ quota: { bytes: -1 } }, 'quota.bytes must be at least 0, it is -1'],
    [{ quota: { calls: 1.5 } }, 'quota.calls must be a whole number, it is 1.5'],
    [{ quota: { bytes: '1' } }, 'quota.bytes must be a number, it is "1"'],
    [{ rate: {} }, 'rate.per must be a string; it is missing; grant.rate.burst must be a number; it is missing'],
    [{ rate: { per: '0s', burst: 1 } }, `rate.per ${DURATION}`],
    [{ rate: { per: 'x1s', burst: 1 } }, `rate.per ${DURATION}`],
    [{ rate: { per: '1sx', burst: 1 } }, `rate.per ${DURATION}`],
    [{ rate: { per: '10000000s', burst: 1 } }, `rate.per ${DURATION}`],
    [{ rate: { per: '9999999s', burst: 1 } }, 'accepted'],
    [{ rate: { per: '366d', burst: 1 } }, 'accepted'],
    [{ rate: { per: '367d', burst: 1 } }, 'rate.per must be at most 366 days (it is "367d")'],
    [{ rate: { per: '1s', burst: 0 } }, 'rate.burst must be at least 1, it is 0'],
    [{ rate: { per: '1s', burst: 1_000_000 } }, 'accepted'],
    [{ rate: { per: '1s', burst: 1_000_001 } }, 'rate.burst must be at most 1000000, it is 1000001'],
    [{ rate: { per: '1s', burst: 1, x: 1 } }, 'rate.x is not a field of .rate; there are: per, burst'],
    [{ notBefore: 0, expires: 0 }, 'accepted'],
    [{ notBefore: -1 }, 'notBefore must be at least 0, it is -1'],
    [{ notBefore: 1.5 }, `notBefore ${TIME}`],
    [{ expires: '2030-01-01T00:00:00' }, `expires ${TIME}`],
    [{ expires: '2030-01-01T00:00:00+01:00' }, 'accepted'],
    [{ flow: 1 }, 'flow must be an object, it is 1'],
    [{ flow: { raises: 'x' } }, 'flow.raises must be "secret", it is "x"'],
    [{ flow: { forbiddenAfter: 'x' } }, 'flow.forbiddenAfter must be "secret", it is "x"'],
    [{ flow: { raised: 'secret' } }, 'flow.raised is not a field of .flow; there are: raises, forbiddenAfter'],
    [
      { x: 1 },
      `x is not a field of a grant of resource "fs"; there are: resource, actions, paths, quota, ${CONDITIONS}`,
    ],
    [
      { ['y'.repeat(70)]: 1 },
      `${'y'.repeat(60)} is not a field of a grant of resource "fs"; there are: resource, actions, paths, quota, ${CONDITIONS}`,
    ],
    [
      { x: 1, actions: [], paths: [], quota: 1, rate: 1 },
      'actions must be at least 1 items, it is an array; grant.paths must be at least 1 items, it is an array; grant.quota must be an object, it is 1',
    ],
  ])('a grant of files with %j: %s', (more, expected) => expect(said(FS, more)).toBe(expected))

  test('what is no duration has no length', () => {
    expect(['1s', 'x1s', '1s2', '1 s', '1', 's', '1w', '-1s', ''].map(durationMs)).toEqual([
      1_000,
      ...many(Number.NaN, 8),
    ])
  })

  test('times are kept as milliseconds, their zone reckoned in', () => {
    const grant = parseGrant({ ...FS, notBefore: 0, expires: '2030-01-01T00:00:00+01:00' })
    expect(grant).toEqual({ ...FS, notBefore: 0, expires: Date.UTC(2029, 11, 31, 23) })
  })
})

describe('fields of one resource', () => {
  test.each<[object, string]>([
    [{ actions: ['get'] }, 'actions[0] must be "fetch", it is "get"'],
    [{ actions: ['fetch', 'fetch'] }, 'actions must be at most 1 items, it is an array'],
    [{ schemes: [] }, 'schemes must be at least 1 items, it is an array'],
    [{ schemes: ['https', 'http'] }, 'accepted'],
    [{ schemes: ['http', 'https', 'http'] }, 'schemes must be at most 2 items, it is an array'],
    [{ schemes: ['ftp'] }, 'schemes[0] must be "http" or "https", it is "ftp"'],
    [{ hosts: [] }, 'hosts must be at least 1 items, it is an array'],
    [{ hosts: many('a', 256) }, 'accepted'],
    [{ hosts: many('a', 257) }, 'hosts must be at most 256 items, it is an array'],
    [{ ports: [] }, 'ports must be at least 1 items, it is an array'],
    [{ ports: many(1, 256) }, 'accepted'],
    [{ ports: many(1, 257) }, 'ports must be at most 256 items, it is an array'],
    [{ ports: [0] }, 'ports[0] must be at least 1, it is 0'],
    [{ ports: [1, 65_535, '1-65535', '2-2'] }, 'accepted'],
    [{ ports: [65_536] }, 'ports[0] must be at most 65535, it is 65536'],
    [{ ports: ['1-65536'] }, `ports[0] ${PORT} (it is "1-65536")`],
    [{ ports: ['2-1'] }, `ports[0] ${PORT} (it is "2-1")`],
    [{ ports: ['0-2'] }, `ports[0] ${PORT} (it is "0-2")`],
    [{ ports: ['1-02'] }, `ports[0] ${PORT} (it is "1-02")`],
    [{ ports: ['1-2x'] }, `ports[0] ${PORT} (it is "1-2x")`],
    [{ ports: ['1-2-3'] }, `ports[0] ${PORT} (it is "1-2-3")`],
    [{ ports: [' 1-2'] }, `ports[0] ${PORT} (it is " 1-2")`],
    [{ ports: ['80'] }, `ports[0] ${PORT} (it is "80")`],
    [{ ports: [1.5] }, `ports[0] ${PORT}`],
    [{ paths: [] }, 'paths must be at least 1 items, it is an array'],
    [{ paths: ['x'] }, 'paths[0] must begin with "/": patterns are absolute paths (it is "x")'],
    [{ paths: many('/a', 256) }, 'accepted'],
    [{ paths: many('/a', 257) }, 'paths must be at most 256 items, it is an array'],
    [{ methods: [] }, 'methods must be at least 1 items, it is an array'],
    [{ methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] }, 'accepted'],
    [{ methods: many('GET', 8) }, 'methods must be at most 7 items, it is an array'],
    [
      { methods: ['get'] },
      'methods[0] must be "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS", it is "get"',
    ],
    [{ cidrs: [] }, 'cidrs must be at least 1 items, it is an array'],
    [{ cidrs: ['10.0.0.1/8'] }, 'cidrs[0] has bits set behind its prefix (it is "10.0.0.1/8")'],
    [{ cidrs: many('10.0.0.0/8', 256) }, 'accepted'],
    [{ cidrs: many('10.0.0.0/8', 257) }, 'cidrs must be at most 256 items, it is an array'],
    [{ approval: 'required' }, 'accepted'],
    [{ approval: 'asked' }, 'approval must be "required", it is "asked"'],
    [{ quota: { calls: 1, bytes: 1 } }, 'accepted'],
    [{ quota: { x: 1 } }, 'quota.x is not a field of .quota; there are: calls, bytes'],
    [
      { names: ['x'] },
      `names is not a field of a grant of resource "net"; there are: resource, actions, schemes, hosts, ports, paths, methods, cidrs, quota, approval, ${CONDITIONS}`,
    ],
  ])('a grant of the network with %j: %s', (more, expected) => expect(said(NET, more)).toBe(expected))

  test.each<[object, string]>([
    [{ actions: ['write'] }, 'actions[0] must be "read", it is "write"'],
    [{ names: [] }, 'names must be at least 1 items, it is an array'],
    [{ names: many('A', 256) }, 'accepted'],
    [{ names: many('A', 257) }, 'names must be at most 256 items, it is an array'],
    [{ names: [''] }, 'names[0] must be at least 1 characters, it is ""'],
    [{ names: ['A'.repeat(255)] }, 'accepted'],
    [{ names: ['A'.repeat(256)] }, `names[0] must be at most 255 characters, it is "${'A'.repeat(60)}"`],
    [{ names: ['\ud800'] }, 'names[0] is not valid Unicode (it is "\\ud800")'],
    [{ names: ['A\u0000', 'B'] }, 'names[0] has a control character (it is "A\\u0000")'],
    [{ names: ['A\u001f'] }, 'names[0] has a control character (it is "A\\u001f")'],
    [{ names: ['A\u007f'] }, 'names[0] has a control character (it is "A\u007f")'],
    [{ names: ['A b~\u0080'] }, 'accepted'],
    ...['*', '?', '[', ']', '{', '}'].map((letter): [object, string] => [
      { names: [`A${letter}`] },
      `names[0] names are exact: no patterns (it is "A${letter}")`,
    ]),
    [{ names: ['A=B'] }, 'names[0] has "=" in it (it is "A=B")'],
    [{ quota: { calls: 1 } }, 'accepted'],
    [{ quota: { bytes: 1 } }, 'quota.bytes is not a field of .quota; there are: calls'],
    [
      { approval: 'required' },
      `approval is not a field of a grant of resource "env"; there are: resource, actions, names, quota, ${CONDITIONS}`,
    ],
  ])('a grant of variables with %j: %s', (more, expected) => expect(said(ENV, more)).toBe(expected))

  test.each<[object, string]>([
    [{ actions: ['coarse'] }, 'actions[0] must be "precise", it is "coarse"'],
    [{ quota: { calls: -1 } }, 'quota.calls must be at least 0, it is -1'],
    [{ quota: { bytes: 1 } }, 'quota.bytes is not a field of .quota; there are: calls'],
    [
      { names: [] },
      `names is not a field of a grant of resource "clock"; there are: resource, actions, quota, ${CONDITIONS}`,
    ],
  ])('a grant of the clock with %j: %s', (more, expected) => expect(said(CLOCK, more)).toBe(expected))

  test.each<[object, string]>([
    [{ actions: ['run'] }, 'actions[0] must be "call", it is "run"'],
    [{ names: [] }, 'names must be at least 1 items, it is an array'],
    [{ names: ['a=b'] }, 'accepted'],
    [{ names: many('t', 256) }, 'accepted'],
    [{ names: many('t', 257) }, 'names must be at most 256 items, it is an array'],
    [{ approval: 'required' }, 'accepted'],
    [{ approval: true }, 'approval must be "required", it is true'],
    [{ quota: { calls: 1, bytes: 1 } }, 'accepted'],
    [{ quota: { x: 1 } }, 'quota.x is not a field of .quota; there are: calls, bytes'],
    [
      { paths: [] },
      `paths is not a field of a grant of resource "tool"; there are: resource, actions, names, args, quota, approval, ${CONDITIONS}`,
    ],
  ])('a grant of tools with %j: %s', (more, expected) => expect(said(TOOL, more)).toBe(expected))
})

test.each<[object | number, string]>([
  [1, 'args must be an object, it is 1'],
  [named(64), 'accepted'],
  [named(65), 'args must constrain at most 64 arguments (it is an object)'],
  [{ '': { any: true } }, 'args. has a key that cannot be: must be at least 1 characters, it is ""'],
  [{ ['n'.repeat(128)]: { any: true } }, 'accepted'],
  [
    { ['n'.repeat(129)]: { any: true } },
    `args.${'n'.repeat(129)} has a key that cannot be: must be at most 128 characters, it is "${'n'.repeat(60)}"`,
  ],
  [{ a: 1 }, 'args.a must be an object, it is 1'],
  [{ a: {} }, `args.a ${KIND} (it is an object)`],
  [{ a: { optional: true } }, `args.a ${KIND} (it is an object)`],
  [{ a: { any: true, equals: 1 } }, `args.a ${KIND} (it is an object)`],
  [{ a: { max: 1, min: 0, equals: 2 } }, `args.a ${KIND} (it is an object)`],
  [{ a: { max: 1, path: '/' } }, `args.a ${KIND} (it is an object)`],
  [{ a: { max: 1, min: 0 } }, 'accepted'],
  [{ a: { any: undefined, equals: 1, optional: true } }, 'accepted'],
  [{ a: { any: false } }, 'args.a.any must be true, it is false'],
  [
    { a: { is: 1 } },
    'args.a.is is not a field of .args.a; there are: any, equals, oneOf, min, max, path, host, prefix, optional',
  ],
  [{ a: { min: 1, max: 1 } }, 'accepted'],
  [{ a: { min: -2 } }, 'accepted'],
  [{ a: { max: -2 } }, 'accepted'],
  [{ a: { min: 2, max: 1 } }, 'args.a has a min above its max (it is an object)'],
  [{ a: { min: '1' } }, 'args.a.min must be a number, it is "1"'],
  [{ a: { oneOf: [] } }, 'args.a.oneOf must be at least 1 items, it is an array'],
  [{ a: { oneOf: many(1, 256) } }, 'accepted'],
  [{ a: { oneOf: many(1, 257) } }, 'args.a.oneOf must be at most 256 items, it is an array'],
  [{ a: { oneOf: ['x', 1, true, null, {}] } }, `args.a.oneOf[4] ${SCALAR}`],
  [{ a: { equals: {} } }, `args.a.equals ${SCALAR}`],
  [{ a: { equals: 'x'.repeat(1_024) } }, 'accepted'],
  [{ a: { equals: 'x'.repeat(1_025) } }, `args.a.equals must be at most 1024 characters, it is "${'x'.repeat(60)}"`],
  [{ a: { prefix: '' } }, 'args.a.prefix must be at least 1 characters, it is ""'],
  [{ a: { prefix: 'x'.repeat(1_024) } }, 'accepted'],
  [{ a: { prefix: 'x'.repeat(1_025) } }, `args.a.prefix must be at most 1024 characters, it is "${'x'.repeat(60)}"`],
  [{ a: { path: 1 } }, 'args.a.path must be a string, it is 1'],
  [{ a: { path: 'x' } }, 'args.a.path must begin with "/": patterns are absolute paths (it is "x")'],
  [
    { a: { host: 'A' } },
    'args.a.host is not in canonical form: lower-case ASCII letters, digits, "-", "_" and "*" (write "a") (it is "A")',
  ],
  [{ a: { optional: false, any: true } }, 'args.a.optional must be true, it is false'],
])('arguments constrained by %j: %s', (args, expected) => expect(said(TOOL, { args })).toBe(expected))

describe('what is no grant at all', () => {
  const RESOURCES = 'fs, net, env, clock, tool'
  test.each<[unknown, string]>([
    [undefined, 'grant must be an object, it is of type undefined'],
    [null, 'grant must be an object, it is null'],
    [1, 'grant must be an object, it is 1'],
    [true, 'grant must be an object, it is true'],
    ['fs', 'grant must be an object, it is "fs": parseRule makes one of a line'],
    [[], 'grant must be an object, it is an array'],
    [() => 1, 'grant must be an object, it is of type function'],
    [{}, `grant.resource must be one of ${RESOURCES} (it is of type undefined)`],
    [{ resource: ['fs'] }, `grant.resource must be one of ${RESOURCES} (it is an array)`],
    [{ resource: {} }, `grant.resource must be one of ${RESOURCES} (it is an object)`],
    [{ resource: 'x'.repeat(61) }, `grant.resource must be one of ${RESOURCES} (it is "${'x'.repeat(60)}")`],
    ...['random', 'llm', 'kv', 'process'].map((resource): [unknown, string] => [
      { resource },
      `grant.resource "${resource}" is not supported yet; there are: ${RESOURCES}`,
    ]),
    [
      JSON.parse('{"resource":"clock","actions":["precise"],"__proto__":{}}'),
      'grant.__proto__ is not a field of a grant of resource "clock"',
    ],
  ])('%j is refused: %s', (value, expected) => expect(messageOf(() => parseGrant(value))).toBe(expected))

  test('a list has a place for each of its grants, and at most 256 of them', () => {
    expect(messageOf(() => parseGrants(undefined))).toBe('grants must be an array, it is of type undefined')
    expect(messageOf(() => parseGrants({ length: 0 }))).toBe('grants must be an array, it is an object')
    expect(parseGrants(many(FS, 256))).toEqual(many(FS, 256))
    expect(messageOf(() => parseGrants(many(FS, 257)))).toBe('grants has 257 entries; at most 256 are allowed')
    expect(messageOf(() => parseGrants([FS, 1]))).toBe('grants[1] must be an object, it is 1')
    // A hole is a place without a grant, not one to pass over.
    expect(messageOf(() => parseGrants(new Array(1)))).toBe('grants[0] must be an object, it is of type undefined')
  })

  test('the error has its name and its code', () => {
    const error = new GrantError('x')
    expect({ name: error.name, code: error.code, text: String(error) }).toEqual({
      name: 'GrantError',
      code: 'TOKA_GRANT_INVALID',
      text: 'GrantError: x',
    })
  })
})

describe('a schema that complains', () => {
  const complaint = (schema: z.ZodType, value: unknown): string =>
    schema.safeParse(value, { error: explain }).error!.issues[0]!.message

  test.each<[string, z.ZodType, unknown, string]>([
    ['an array', z.array(z.string()), {}, 'must be an array, it is an object'],
    ['an object', z.object({}), 'x', 'must be an object, it is "x"'],
    ['a record', z.record(z.string(), z.string()), null, 'must be an object, it is null'],
    ['a string', z.string(), undefined, 'must be a string; it is missing'],
    ['a number', z.number(), false, 'must be a number, it is false'],
    ['a whole number', z.int(), 0.5, 'must be a whole number, it is 0.5'],
    ['a boolean', z.boolean(), [], 'must be true or false, it is an array'],
    ['a function', z.function(), 1, 'must be a function, it is 1'],
    ['another type', z.bigint(), Symbol('x'), 'must be bigint, it is of type symbol'],
    ['at least', z.number().min(2), 1, 'must be at least 2, it is 1'],
    ['more than', z.number().gt(2), 2, 'must be more than 2, it is 2'],
    ['at most', z.number().max(2), 3, 'must be at most 2, it is 3'],
    ['less than', z.number().lt(2), 2, 'must be less than 2, it is 2'],
    ['letters, few', z.string().min(2), 'x', 'must be at least 2 characters, it is "x"'],
    ['letters, many', z.string().max(2), 'xyz', 'must be at most 2 characters, it is "xyz"'],
    ['items, few', z.array(z.number()).min(2), [1], 'must be at least 2 items, it is an array'],
    ['items, many', z.array(z.number()).max(1), [1, 2], 'must be at most 1 items, it is an array'],
    ['a value', z.enum(['a', 'b']), undefined, 'must be "a" or "b"; it is missing'],
    [
      'a key',
      z.record(z.string().max(1), z.number()),
      { ab: 1 },
      'has a key that cannot be: must be at most 1 characters, it is "ab"',
    ],
    ['words of its own', z.string().refine(() => false, 'is not it'), 'x', 'is not it'],
  ])('of %s says what is expected and what is there', (_what, schema, value, expected) =>
    expect(complaint(schema, value)).toBe(expected),
  )

  test('of anything else leaves the words to the schema', () => {
    expect(complaint(z.strictObject({}), { a: 1 })).toContain('Unrecognized key')
  })

  test('a value is shown in a few words', () => {
    expect(['x'.repeat(61), 1, true, null, [1], {}, undefined, 1n].map(show)).toEqual([
      `"${'x'.repeat(60)}"`,
      '1',
      'true',
      'null',
      'an array',
      'an object',
      'of type undefined',
      'of type bigint',
    ])
  })
})

test('a method and a scheme have one number, and the number names its method whatever the address', () => {
  const numbers = METHODS.flatMap((method) => SCHEMES.map((scheme) => methodNumber(method, scheme)))
  expect(numbers).toEqual(Array.from({ length: 14 }, (_, index) => index))
  expect(numbers.map((number) => methodOfNumber(number))).toEqual(METHODS.flatMap((method) => [method, method]))
  expect(numbers.map((number) => methodOfNumber(number + SPECIAL_ADDRESS))).toEqual(
    METHODS.flatMap((method) => [method, method]),
  )
  expect(methodOfNumber(14)).toBeUndefined()
})
