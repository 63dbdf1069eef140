/** What people read of grants and rules: every part of a grant has its words, and texts that are no rule are refused. */
import { expect, test } from 'vitest'
import { formatGrant } from '../../capabilities/format-grant.ts'
import { parseRule } from '../../capabilities/rules.ts'
import { type GrantInput, parseGrant } from '../../capabilities/schema.ts'

const lines = (grant: GrantInput): string[] => formatGrant(parseGrant(grant))
const clock: GrantInput = { resource: 'clock', actions: ['precise'] }

test.each<[GrantInput, string[]]>([
  [
    { resource: 'fs', actions: ['read', 'write'], paths: ['/a', '/b/**'] },
    ['fs.read /a', 'fs.read /b/**', 'fs.write /a', 'fs.write /b/**'],
  ],
  [{ resource: 'net', actions: ['fetch'], hosts: ['a.test'] }, ['net.fetch https://a.test/**']],
  [
    {
      resource: 'net',
      actions: ['fetch'],
      hosts: ['a.test', 'b.test'],
      schemes: ['http', 'https'],
      ports: [80, 8080],
      methods: ['GET', 'PUT'],
      paths: ['/x'],
      cidrs: ['10.0.0.0/8', 'fd00::/8'],
    },
    ['a', 'b'].map((name) => `net.fetch GET,PUT http|https://${name}.test:80,8080/x in 10.0.0.0/8, fd00::/8`),
  ],
  [{ resource: 'tool', actions: ['call'], names: ['t', 'u'] }, ['tool.call t', 'tool.call u']],
  [{ resource: 'env', actions: ['read'], names: ['LANG'] }, ['env.read LANG']],
  [clock, ['clock.precise at full resolution']],
  [
    {
      resource: 'tool',
      actions: ['call'],
      names: ['t'],
      args: {
        any: { any: true },
        none: { any: true, optional: true },
        is: { equals: 'x' },
        one: { oneOf: [1, null] },
        low: { min: 1 },
        high: { max: 2 },
        both: { min: 1, max: 2, optional: true },
        path: { path: '/a/*' },
      },
    },
    [
      'tool.call t({ any: anything; none: anything or none; is: equals "x"; one: oneOf [1,null]; low: 1..∞; high: -∞..2; both: 1..2 or none; path: path "/a/*" })',
    ],
  ],
  [
    {
      resource: 'tool',
      actions: ['call'],
      names: ['t'],
      rate: { per: '1s', burst: 10 },
      notBefore: '2026-01-01T00:00:00Z',
      expires: '2027-01-01T00:00:00Z',
      approval: 'required',
      flow: { raises: 'secret', forbiddenAfter: 'secret' },
    },
    [
      'tool.call t (10 in 1s, from 2026-01-01T00:00:00.000Z, until 2027-01-01T00:00:00.000Z, each call approved, is a secret, not after a secret was read)',
    ],
  ],
  [{ resource: 'fs', actions: ['read'], paths: ['/a'], flow: { raises: 'secret' } }, ['fs.read /a (is a secret)']],
])('a grant is read out with all that it says: %j', (grant, expected) => {
  expect(lines(grant)).toEqual(expected)
})

test.each([
  [
    'net.fetch=http://localhost:8080/x',
    { hosts: ['localhost'], ports: [8080], paths: ['/x'], cidrs: ['127.0.0.0/8', '::1/128'] },
  ],
  ['net.fetch=http://10.0.0.1', { hosts: ['10.0.0.1'], cidrs: ['10.0.0.1/32'] }],
  ['net.fetch=http://[::1]', { hosts: ['[::1]'], cidrs: ['::1/128'] }],
  ['net.fetch=GET,PUT http://a.test', { hosts: ['a.test'], methods: ['GET', 'PUT'] }],
])('%s grants the address that it names, and no other field', (rule, expected) => {
  expect(parseRule(rule)).toEqual({ resource: 'net', actions: ['fetch'], schemes: ['http'], ...expected })
})

test.each([
  ['net.fetch=a.test', 'expected a URL with a scheme, a host'],
  ['net.fetch=x https://a.test', 'expected a URL'],
  ['net.fetch=https://a.test:x', 'expected a URL'],
  ['net.fetch=https://a.test/\n', 'rule'],
  ['fs.read=', 'a value must follow "=", as in fs.read='],
  ['fs.read', 'a value must follow "="'],
  ['fs=x', 'is none of the known forms: fs.read='],
  ['clock=x', 'clock takes no value'],
  ['kv.get=x', 'kv.get is not supported yet'],
  ['random', 'random is not supported yet'],
  ['llm', 'llm is not supported yet'],
  ['process.run=x', 'process.run is not supported yet'],
])('%j is no rule, and the text says why', (rule, expected) => {
  expect(() => parseRule(rule)).toThrow(expected)
})
