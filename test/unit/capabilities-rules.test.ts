/** Rules and read-out grants in their own words: each rule's grant or refusal, each refused request's rule, each part of a grant. */
import { describe, expect, test } from 'vitest'
import { formatGrant } from '../../capabilities/format-grant.ts'
import { formatRule, quoteShell } from '../../capabilities/format-rule.ts'
import type { ActionName } from '../../capabilities/isa.ts'
import { parseRule } from '../../capabilities/rules.ts'
import { parseGrant } from '../../capabilities/schema.ts'

const answer = (rule: string): unknown => {
  try {
    return parseRule(rule)
  } catch (error) {
    return (error as Error).message
  }
}
const FORMS =
  'fs.read=/data/**, fs.write=/out/**, net.fetch=https://api.example.com/v1/**, env.read=LANG, clock, tool.call=lookup'
const METHODS = 'must be "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS"'
const FORM = 'is not in canonical form: lower-case ASCII letters, digits, "-", "_" and "*"'

describe('a rule', () => {
  test.each<[string, object]>([
    ['fs.read=/a=b', { resource: 'fs', actions: ['read'], paths: ['/a=b'] }],
    ['fs.write=/a', { resource: 'fs', actions: ['write'], paths: ['/a'] }],
    ['env.read=A', { resource: 'env', actions: ['read'], names: ['A'] }],
    ['clock', { resource: 'clock', actions: ['precise'] }],
    ['tool.call=a=b', { resource: 'tool', actions: ['call'], names: ['a=b'] }],
  ])('%s is a grant', (rule, grant) => expect(answer(rule)).toStrictEqual(grant))

  test.each<[string, object]>([
    ['https://a.test', { schemes: ['https'], hosts: ['a.test'] }],
    ['http://a.test', { schemes: ['http'], hosts: ['a.test'] }],
    ['https://a.test:443', { schemes: ['https'], hosts: ['a.test'], ports: [443] }],
    ['https://**.a.test/', { schemes: ['https'], hosts: ['**.a.test'], paths: ['/'] }],
    ['https://a.test/x?y:80', { schemes: ['https'], hosts: ['a.test'], paths: ['/x?y:80'] }],
    ['POST https://a.test', { schemes: ['https'], hosts: ['a.test'], methods: ['POST'] }],
    ['GET,PUT https://a.test/x', { schemes: ['https'], hosts: ['a.test'], methods: ['GET', 'PUT'], paths: ['/x'] }],
    ['https://localhost', { schemes: ['https'], hosts: ['localhost'], cidrs: ['127.0.0.0/8', '::1/128'] }],
    ['https://localhost.test', { schemes: ['https'], hosts: ['localhost.test'] }],
    ['https://10.0.0.1/x', { schemes: ['https'], hosts: ['10.0.0.1'], paths: ['/x'], cidrs: ['10.0.0.1/32'] }],
    [
      'https://[fd00::1]:8443/**',
      { schemes: ['https'], hosts: ['[fd00::1]'], ports: [8443], paths: ['/**'], cidrs: ['fd00::1/128'] },
    ],
  ])('net.fetch=%s is a grant of what it names, and of nothing else', (value, more) => {
    expect(answer(`net.fetch=${value}`)).toStrictEqual({ resource: 'net', actions: ['fetch'], ...more })
  })

  test.each([
    'a.test',
    'ftp://a.test',
    'xhttps://a.test',
    ' https://a.test',
    'get https://a.test',
    'GEt https://a.test',
    'GET  https://a.test',
    'https://',
    'https:///x',
    'https://:80',
    'https://[::1',
    'https://::1',
    'https://a.test:',
    'https://a.test:80x',
    'https://a.test:443:1',
    'https://a.test/\n',
  ])('net.fetch=%j has no URL to go by', (value) => {
    const rule = `net.fetch=${value}`
    expect(answer(rule)).toBe(
      `rule ${JSON.stringify(rule)}: expected a URL with a scheme, a host and perhaps a pattern of paths, as in net.fetch=https://api.example.com/v1/**`,
    )
  })

  test.each<[string, string]>([
    ['net.fetch=https://a.test:0', '.ports[0] must be at least 1, it is 0'],
    ['net.fetch=GET, https://a.test', `.methods[1] ${METHODS}, it is ""`],
    ['net.fetch=,GET https://a.test', `.methods[0] ${METHODS}, it is ""`],
    ['net.fetch=https://a.test?x', `.hosts[0] ${FORM} (write "a.test") (it is "a.test?x")`],
    ['net.fetch=https://[]', `.hosts[0] ${FORM} (it is "[]")`],
    ['net.fetch=https://[10.0.0.1]', '.hosts[0] is no IPv6 address in its canonical form (it is "[10.0.0.1]")'],
    ['fs.read=x', '.paths[0] must begin with "/": patterns are absolute paths (it is "x")'],
    ['env.read=A=B', '.names[0] has "=" in it (it is "A=B")'],
    ['fs.read', ': a value must follow "=", as in fs.read=/data/**'],
    ['fs.write=', ': a value must follow "=", as in fs.write=/out/**'],
    ['net.fetch', ': a value must follow "=", as in net.fetch=https://api.example.com/v1/**'],
    ['env.read=', ': a value must follow "=", as in env.read=LANG'],
    ['tool.call=', ': a value must follow "=", as in tool.call=lookup'],
    ['clock=', ': clock takes no value'],
    ['clock=x', ': clock takes no value'],
    ['random', ': random is not supported yet'],
    ['random.get=x', ': random.get is not supported yet'],
    ['llm.call=x', ': llm.call is not supported yet'],
    ['kv', ': kv is not supported yet'],
    ['process.run=x=y', ': process.run is not supported yet'],
    ...['', '=', '=x', '.read=x', 'fs', 'fs.', 'f=x', 'fs=x', 'fs.rea=x', 'fs.read.x=/a', 'env.write=A', 'net=x'].map(
      (rule): [string, string] => [rule, ` is none of the known forms: ${FORMS}`],
    ),
    ['clock.precise', ` is none of the known forms: ${FORMS}`],
  ])('%j is refused: %s', (rule, expected) => expect(answer(rule)).toBe(`rule ${JSON.stringify(rule)}${expected}`))

  test('is repeated with its first 200 letters', () => {
    expect(answer('x'.repeat(201))).toBe(`rule "${'x'.repeat(200)}" is none of the known forms: ${FORMS}`)
  })
})

describe('the rule for a refused request', () => {
  test.each<[ActionName, string, string]>([
    ['fs.read', '/', 'fs.read=/'],
    ['fs.read', '/a', 'fs.read=/a'],
    ['fs.read', '/a*', 'fs.read=/a[*]'],
    ['fs.read', '/a/b/c', 'fs.read=/a/b/**'],
    ['fs.write', '/*?[{}]/x', 'fs.write=/[*][?][[][{][}]]/**'],
    ['fs.write', '/a\u0000\u001f\u007f\\ ~/x', 'fs.write=/a???? ~/**'],
    ['clock.precise', 'x', 'clock'],
    ['env.read', 'A/B/C', 'env.read=A/B/C'],
    ['tool.call', 't', 'tool.call=t'],
    ['net.fetch', 'https://a.test/', 'net.fetch=https://a.test/'],
    ['net.fetch', 'https://a.test', 'net.fetch=https://a.test'],
    ['net.fetch', 'https://a.test/x/y?z/w', 'net.fetch=https://a.test/x/**'],
    ['net.fetch', 'https://a.test/x/y\nz', 'net.fetch=https://a.test/x/**'],
    ['net.fetch', 'https://a.test?x/y/z', 'net.fetch=https://a.test?x/y/z'],
    ['net.fetch', ' https://a.test/x/y', 'net.fetch= https://a.test/x/y'],
    ['net.resolve', 'http://a.test/x/y', 'net.fetch=http://a.test/x/**'],
  ])('%s %j is %s', (action, resource, expected) => expect(formatRule(action, resource)).toBe(expected))

  test.each<[ActionName, string, string]>([
    ['net.fetch', 'https://a.test/x/y', 'net.fetch=PUT https://a.test/x/**'],
    ['net.resolve', 'https://a.test/x/y', 'net.fetch=PUT https://a.test/x/**'],
    ['fs.read', '/a/b', 'fs.read=/a/**'],
  ])('%s %j with a method is %s', (action, resource, expected) =>
    expect(formatRule(action, resource, 'PUT')).toBe(expected),
  )

  test('goes through a shell as it is', () => {
    expect(quoteShell('a')).toBe("'a'")
    expect(quoteShell("a'b'")).toBe("'a'\\''b'\\'''")
  })
})

describe('a grant that is read out', () => {
  const lines = (grant: unknown): string[] => formatGrant(parseGrant(grant))
  const NET = { resource: 'net', actions: ['fetch'], hosts: ['a.test'] }
  const TOOL = { resource: 'tool', actions: ['call'], names: ['t'] }

  test.each<[object, string]>([
    [{ schemes: ['http'] }, 'net.fetch http://a.test/**'],
    [{ ports: ['1-2', 3] }, 'net.fetch https://a.test:1-2,3/**'],
    [{ methods: ['PUT'] }, 'net.fetch PUT https://a.test/**'],
    [{ cidrs: ['10.0.0.0/8'] }, 'net.fetch https://a.test/** in 10.0.0.0/8'],
    [{ approval: 'required' }, 'net.fetch https://a.test/** (each call approved)'],
    [{ notBefore: 0 }, 'net.fetch https://a.test/** (from 1970-01-01T00:00:00.000Z)'],
    [{ expires: 0 }, 'net.fetch https://a.test/** (until 1970-01-01T00:00:00.000Z)'],
    [{ rate: { per: '2h', burst: 3 } }, 'net.fetch https://a.test/** (3 in 2h)'],
    [{ flow: {} }, 'net.fetch https://a.test/**'],
    [{ flow: { raises: 'secret' } }, 'net.fetch https://a.test/** (is a secret)'],
    [{ flow: { forbiddenAfter: 'secret' } }, 'net.fetch https://a.test/** (not after a secret was read)'],
  ])('of the network with %j: %s', (more, expected) => expect(lines({ ...NET, ...more })).toEqual([expected]))

  test('has a line for each action, host and path', () => {
    expect(lines({ ...NET, hosts: ['a.test', 'b.test'], paths: ['/x', '/y'] })).toEqual([
      'net.fetch https://a.test/x',
      'net.fetch https://a.test/y',
      'net.fetch https://b.test/x',
      'net.fetch https://b.test/y',
    ])
  })

  test.each<[object, string]>([
    [{}, 'tool.call t({  })'],
    [{ a: { any: true } }, 'tool.call t({ a: anything })'],
    [{ a: { equals: null } }, 'tool.call t({ a: equals null })'],
    [{ a: { equals: 0, optional: true } }, 'tool.call t({ a: equals 0 or none })'],
    [{ a: { optional: true, prefix: 'x' } }, 'tool.call t({ a: prefix "x" or none })'],
    [{ a: { host: 'a.test' } }, 'tool.call t({ a: host "a.test" })'],
    [{ a: { min: 0 } }, 'tool.call t({ a: 0..∞ })'],
    [{ a: { max: 0 } }, 'tool.call t({ a: -∞..0 })'],
    // Fields that are there and hold nothing say nothing.
    [{ a: { any: undefined, equals: 1 } }, 'tool.call t({ a: equals 1 })'],
    [{ a: { equals: undefined, path: '/x' } }, 'tool.call t({ a: path "/x" })'],
  ])('of a tool with %j: %s', (args, expected) => expect(lines({ ...TOOL, args })).toEqual([expected]))
})
