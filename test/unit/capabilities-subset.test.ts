/** A child's grants against its parent's, one field at a time: what is narrower is taken, what is wider is told with something that shows it. */
import { describe, expect, test } from 'vitest'
import { type GrantInput, parseGrants } from '../../capabilities/schema.ts'
import { describeWidening, findWidening } from '../../capabilities/subset.ts'

/** How a child is wider: its field and what shows it; `narrower` for a child that is not. */
function answer(child: unknown[], parent: unknown[]): string {
  const found = findWidening(parseGrants(child), parseGrants(parent))
  if (!found) return 'narrower'
  const words = describeWidening(found)
  expect(words).toContain(`grants[${found.grant}] (${found.action}) is wider than its parent in ${found.field}: `)
  expect(words.slice(words.indexOf(`${found.field}: `) + found.field.length + 2)).toBe(
    found.witness === undefined
      ? 'it could not be proved to be narrower'
      : `${found.witness} is not the parent's to give`,
  )
  return found.witness === undefined ? found.field : `${found.field}: ${found.witness}`
}

const fs = (more: object = {}): GrantInput => ({ resource: 'fs', actions: ['read'], paths: ['/a/**'], ...more })
const net = (more: object = {}): GrantInput => ({ resource: 'net', actions: ['fetch'], hosts: ['h.test'], ...more })
const tool = (args?: object, more: object = {}): GrantInput => ({
  resource: 'tool',
  actions: ['call'],
  names: ['t'],
  ...(args ? { args: args as never } : {}),
  ...more,
})
const env = (...names: string[]): GrantInput => ({ resource: 'env', actions: ['read'], names })
const clock: GrantInput = { resource: 'clock', actions: ['precise'] }

describe('conditions', () => {
  const rate = (burst: number, per = '1s') => fs({ rate: { per, burst } })
  test.each<[GrantInput, GrantInput, string]>([
    [fs(), fs(), 'narrower'],
    [fs({ quota: { calls: 2 } }), fs({ quota: { calls: 2 } }), 'narrower'],
    [fs({ quota: { calls: 1 } }), fs({ quota: { calls: 2 } }), 'narrower'],
    [fs({ quota: { calls: 3 } }), fs({ quota: { calls: 2 } }), 'quota.calls: 3 of 2'],
    [fs({ quota: { calls: 3 } }), fs({ quota: { bytes: 2 } }), 'narrower'],
    [fs({ quota: { bytes: 3 } }), fs({ quota: { calls: 9, bytes: 2 } }), 'quota.bytes: 3 of 2'],
    [fs(), fs({ quota: { calls: 2 } }), 'narrower'],
    [fs({ quota: { calls: 2 } }), fs(), 'narrower'],
    [fs({ expires: 2_000 }), fs({ expires: 2_000 }), 'narrower'],
    [fs({ expires: 1_999 }), fs({ expires: 2_000 }), 'narrower'],
    [fs({ expires: 2_001 }), fs({ expires: 2_000 }), 'expires: 1970-01-01T00:00:02.000Z'],
    [fs({ expires: 2_001 }), fs(), 'narrower'],
    [fs(), fs({ expires: 2_000 }), 'narrower'],
    [fs({ notBefore: 2_000 }), fs({ notBefore: 2_000 }), 'narrower'],
    [fs({ notBefore: 2_001 }), fs({ notBefore: 2_000 }), 'narrower'],
    [fs({ notBefore: 1_999 }), fs({ notBefore: 2_000 }), 'notBefore: 1970-01-01T00:00:01.999Z'],
    [fs({ notBefore: 1_999 }), fs(), 'narrower'],
    [fs(), fs({ notBefore: 2_000 }), 'narrower'],
    [rate(10), rate(10), 'narrower'],
    [rate(9), rate(10), 'narrower'],
    [rate(11), rate(10), 'rate: 11 in 1s'],
    [rate(11, '10s'), rate(10), 'rate: 11 in 10s'],
    [rate(5, '100ms'), rate(10), 'rate: 5 in 100ms'],
    [rate(10, '1000ms'), rate(10), 'narrower'],
    [rate(10), fs(), 'narrower'],
    [fs(), rate(10), 'narrower'],
  ])('%j under %j: %s', (child, parent, expected) => expect(answer([child], [parent])).toBe(expected))

  test('of several parents one that covers all decides, or all that cover it together', () => {
    const few = fs({ quota: { calls: 2 } })
    const many = fs({ quota: { calls: 5 } })
    const child = fs({ quota: { calls: 4 } })
    expect(answer([child], [few, many])).toBe('narrower')
    expect(answer([child], [few, few])).toBe('quota.calls: 4 of 2')
    // One that says nothing of quotas counts only where it covers the child.
    expect(answer([child], [few, fs({ paths: ['/z/**'] })])).toBe('quota.calls: 4 of 2')
    expect(answer([fs({ expires: 9 })], [fs({ expires: 5 }), fs({ paths: ['/z/**'] })])).toMatch(/^expires/)
    const halves = (first: number, second: number) => [
      fs({ paths: ['/a/[a-m]*', '/a/[a-m]*/**'], quota: { calls: first } }),
      fs({ paths: ['/a/[n-z]*', '/a/[n-z]*/**'], quota: { calls: second } }),
    ]
    const both = fs({ paths: ['/a/[a-z]*'], quota: { calls: 4 } })
    expect(answer([both], halves(4, 5))).toBe('narrower')
    expect(answer([both], halves(5, 3))).toBe('quota.calls: 4 of 3')
    expect(answer([both], halves(3, 5))).toBe('quota.calls: 4 of 3')
  })
})

describe('scopes', () => {
  test.each<[GrantInput[], GrantInput[], string]>([
    [[], [fs()], 'narrower'],
    [[fs()], [], 'actions: fs.read'],
    [[fs({ actions: ['read', 'write'] })], [fs()], 'actions: fs.write'],
    [[fs({ actions: ['read', 'write'] })], [fs(), fs({ actions: ['write'] })], 'narrower'],
    [[fs({ paths: ['/a/b'] })], [fs()], 'narrower'],
    [[fs({ paths: ['/a/b', '/c'] })], [fs()], 'paths: /c'],
    [[fs({ paths: ['/a/**', '/a/b'] })], [fs()], 'narrower'],
    [[fs({ paths: ['/a/**', '/b'] })], [fs()], 'paths: /b'],
    [[fs({ paths: ['/b'] })], [fs(), fs({ paths: ['/b'] })], 'narrower'],
    [[env('A')], [env('A', 'B')], 'narrower'],
    [[env('A', 'C')], [env('A'), env('B')], 'names: C'],
    [[env('A', 'B')], [env('A'), env('B')], 'narrower'],
    [[clock], [clock], 'narrower'],
    [[clock], [fs(), env('A')], 'actions: clock.precise'],
    [[fs(), clock], [fs()], 'actions: clock.precise'],
    [[tool(undefined, { names: ['t', 'u'] })], [tool()], 'names: u'],
    [[tool(undefined, { names: ['t', 'u'] })], [tool(), tool(undefined, { names: ['u'] })], 'narrower'],
  ])('%j under %j: %s', (child, parent, expected) => expect(answer(child, parent)).toBe(expected))
})

describe('arguments', () => {
  const cases: [object | undefined, object | undefined, string][] = [
    [undefined, undefined, 'narrower'],
    [{ a: { equals: 1 } }, undefined, 'narrower'],
    [undefined, { a: { equals: 1 } }, 'args.a: anything'],
    [undefined, {}, 'args.(any): anything'],
    [{}, {}, 'narrower'],
    [{ a: { equals: 1 } }, { a: { equals: 1 } }, 'narrower'],
    [{ a: { equals: 2 } }, { a: { equals: 1 } }, 'args.a: 2'],
    [{ a: { equals: '1' } }, { a: { equals: 1 } }, 'args.a: "1"'],
    [{ a: { equals: null } }, { a: { oneOf: [null, true] } }, 'narrower'],
    [{ a: { oneOf: [1, 3] } }, { a: { oneOf: [1, 2] } }, 'args.a: 3'],
    [{ a: { equals: 2 } }, { a: { min: 1, max: 2 } }, 'narrower'],
    [{ a: { equals: 3 } }, { a: { min: 1, max: 2 } }, 'args.a: 3'],
    [{ a: { equals: 0 } }, { a: { min: 1, max: 2 } }, 'args.a: 0'],
    [{ a: { min: 1, max: 2 } }, { a: { min: 1, max: 2 } }, 'narrower'],
    [{ a: { min: 2, max: 2 } }, { a: { min: 1, max: 3 } }, 'narrower'],
    [{ a: { min: 0, max: 2 } }, { a: { min: 1, max: 2 } }, 'args.a: 0'],
    [{ a: { min: 1, max: 3 } }, { a: { min: 1, max: 2 } }, 'args.a: 3'],
    [{ a: { max: 2 } }, { a: { min: 1, max: 2 } }, 'args.a: -Infinity'],
    [{ a: { min: 1 } }, { a: { min: 1, max: 2 } }, 'args.a: Infinity'],
    [{ a: { min: 1 } }, { a: { min: 0 } }, 'narrower'],
    [{ a: { max: 1 } }, { a: { max: 2 } }, 'narrower'],
    [{ a: { min: 5, max: 6 } }, { a: { max: 6 } }, 'narrower'],
    [{ a: { min: 5, max: 6 } }, { a: { min: 5 } }, 'narrower'],
    [{ a: { min: 1 } }, { a: { equals: 1 } }, 'args.a: 1'],
    [{ a: { max: 7 } }, { a: { oneOf: [1] } }, 'args.a: 7'],
    [{ a: { min: 3, max: 7 } }, { a: { prefix: 'x' } }, 'args.a: 3'],
    [{ a: { path: '/x/y' } }, { a: { path: '/x/*' } }, 'narrower'],
    [{ a: { path: '/y/*' } }, { a: { path: '/x/*' } }, 'args.a: "/y/!"'],
    [{ a: { equals: '/x/y' } }, { a: { path: '/x/*' } }, 'narrower'],
    [{ a: { equals: '/y' } }, { a: { path: '/x/*' } }, 'args.a: "/y"'],
    [{ a: { path: '/x/y' } }, { a: { prefix: '/x' } }, 'args.a'],
    [{ a: { host: 'a.h.test' } }, { a: { host: '*.h.test' } }, 'narrower'],
    [{ a: { host: 'a.i.test' } }, { a: { host: '*.h.test' } }, 'args.a: "a.i.test"'],
    [{ a: { host: 'h.test' } }, { a: { prefix: 'h' } }, 'args.a'],
    [{ a: { prefix: 'h' } }, { a: { host: 'h.test' } }, 'args.a'],
    [{ a: { prefix: 'abc' } }, { a: { prefix: 'ab' } }, 'narrower'],
    [{ a: { prefix: 'cab' } }, { a: { prefix: 'ab' } }, 'args.a: "cab"'],
    [{ a: { prefix: 'a' } }, { a: { prefix: 'ab' } }, 'args.a: "a"'],
    [{ a: { equals: 'abc' } }, { a: { prefix: 'ab' } }, 'narrower'],
    [{ a: { any: true } }, { a: { equals: 1 } }, 'args.a'],
    [{ a: { any: true } }, { a: { any: true } }, 'narrower'],
    [{ a: { path: '/**' } }, { a: { any: true } }, 'narrower'],
    [{ a: { equals: 1, optional: true } }, { a: { equals: 1 } }, 'args.a: missing'],
    [{ a: { equals: 1 } }, { a: { equals: 1, optional: true } }, 'narrower'],
    [{ a: { any: true, optional: true } }, { a: { any: true } }, 'args.a: missing'],
    [{}, { a: { equals: 1 } }, 'args.a: missing'],
    [{}, { a: { equals: 1, optional: true } }, 'narrower'],
    [{ b: { any: true } }, { a: { any: true, optional: true } }, 'args.b: an argument that the parent does not know'],
    [{ a: { any: true }, b: { equals: 2 } }, { a: { any: true }, b: { equals: 1 } }, 'args.b: 2'],
  ]
  test.each(cases)('%j under %j: %s', (child, parent, expected) =>
    expect(answer([tool(child)], [tool(parent)])).toBe(expected),
  )

  test('one of several grants of a tool is enough', () => {
    const parents = [tool({ a: { equals: 1 } }), tool({ a: { equals: 2 } })]
    expect(answer([tool({ a: { equals: 2 } })], parents)).toBe('narrower')
    expect(answer([tool({ a: { oneOf: [1, 2] } })], parents)).toBe('args.a: 2')
  })
})

describe('requests', () => {
  test.each<[object, object, string]>([
    [{}, {}, 'narrower'],
    [{ methods: ['GET'] }, {}, 'narrower'],
    [{ methods: ['GET', 'POST'] }, {}, 'methods: POST https'],
    [{ schemes: ['http'] }, {}, 'methods: GET http'],
    [{ schemes: ['http'] }, { schemes: ['http', 'https'] }, 'narrower'],
    [{ schemes: ['http'] }, { schemes: ['http'] }, 'narrower'],
    [{ ports: [443] }, {}, 'narrower'],
    [{ ports: [8443] }, {}, 'ports: 8443'],
    [{ ports: ['100-200'] }, { ports: ['100-150', '151-200'] }, 'narrower'],
    [{ ports: ['100-201'] }, { ports: ['100-150', '151-200'] }, 'ports: 201'],
    [{ ports: ['99-100'] }, { ports: ['100-200'] }, 'ports: 99'],
    [{ ports: ['100-200'] }, { ports: ['100-149', '151-200'] }, 'ports: 150'],
    [{ hosts: ['a.h.test'] }, { hosts: ['*.h.test'] }, 'narrower'],
    [{ hosts: ['h.test', 'i.test'] }, {}, 'hosts: i.test'],
    [{ paths: ['/v1/x'] }, { paths: ['/v1/**'] }, 'narrower'],
    [{ paths: ['/v1/**'] }, {}, 'narrower'],
    [{}, { paths: ['/v1/**'] }, 'paths: /'],
    [{ paths: ['/v2'] }, { paths: ['/v1/**'] }, 'paths: /v2'],
    [{ cidrs: ['10.0.0.0/8'] }, {}, 'cidrs: 10.0.0.0'],
    [{ cidrs: ['10.1.0.0/16'] }, { cidrs: ['10.0.0.0/8'] }, 'narrower'],
    [{ cidrs: ['10.0.0.0/7'] }, { cidrs: ['10.0.0.0/8'] }, 'cidrs: 11.0.0.0'],
    [{ cidrs: ['10.0.0.0/8'] }, { cidrs: ['10.0.0.0/9', '10.128.0.0/9'] }, 'narrower'],
    [{ cidrs: ['8.8.8.8/32'] }, {}, 'narrower'],
    [{}, { cidrs: ['8.8.8.8/32'] }, 'cidrs: 1.0.0.0'],
    [{ cidrs: ['fd00::/8'] }, { cidrs: ['fc00::/7'] }, 'narrower'],
    [{ cidrs: ['fc00::/7'] }, { cidrs: ['fd00::/8'] }, 'cidrs: fc00:0:0:0:0:0:0:0'],
    [{ cidrs: ['::/0'] }, { cidrs: ['0.0.0.0/0'] }, 'cidrs: 0:0:0:0:0:0:0:0'],
  ])('%j under %j: %s', (child, parent, expected) => expect(answer([net(child)], [net(parent)])).toBe(expected))

  test.each([
    ['http', 80],
    ['http', 443],
    ['https', 80],
    ['https', 443],
  ])('of both schemes together a grant has both ports: %s on %i is among them', (missing, port) => {
    const both = net({ schemes: ['http', 'https'] })
    const parents = (without?: number) =>
      ['http', 'https'].map((scheme) =>
        net({ schemes: [scheme], ports: [80, 443].filter((one) => scheme !== missing || one !== without) }),
      )
    expect(answer([both], parents())).toBe('narrower')
    expect(answer([both], parents(port))).toMatch(/^(methods|ports): /)
  })

  test('what several grants cover together is covered, part by part', () => {
    const [one, two] = [net({ hosts: ['a.test'] }), net({ hosts: ['b.test'], methods: ['GET'] })]
    expect(answer([net({ hosts: ['a.test', 'b.test'], methods: ['GET'] })], [one, two])).toBe('narrower')
    expect(answer([net({ hosts: ['a.test', 'b.test'] })], [one, two])).toBe('hosts: b.test')
    const paths = [net({ paths: ['/[a-m]*'] }), net({ paths: ['/[n-z]*'] })]
    expect(answer([net({ paths: ['/[a-z]*'] })], paths)).toBe('narrower')
    expect(answer([net({ paths: ['/[a-z]*', '/0'] })], paths)).toMatch(/^paths: \//)
    const schemes = [net({ schemes: ['http'] }), net({ schemes: ['https'] })]
    expect(answer([net({ schemes: ['http', 'https'] })], schemes)).toMatch(/^(methods|ports): /)
    expect(answer([net({ schemes: ['http'], ports: [80] })], schemes)).toBe('narrower')
    // A grant that does not fit otherwise lends none of its paths.
    const elsewhere = [net({ paths: ['/x'] }), net({ hosts: ['b.test'], paths: ['/y'] })]
    expect(answer([net({ paths: ['/x', '/y'] })], elsewhere)).toBe('paths: /y')
  })
})
