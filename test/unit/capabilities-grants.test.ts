/** Grants and rules: what is accepted, and that every mistake is named with what was expected. */
import { describe, expect, test } from 'vitest'
import { formatRule, quoteShell } from '../../capabilities/format-rule.ts'
import { parseRule } from '../../capabilities/rules.ts'
import { durationMs, parseGrants } from '../../capabilities/schema.ts'
import { compileGrants } from '../../src/gate/policy.ts'
import { parseRule as parseRuleAtGate } from '../../src/gate/grants.ts'
import { TokaError } from '../../src/errors.ts'

const messageOf = (grant: unknown): string => {
  try {
    parseGrants([grant])
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}
const FS = { resource: 'fs', actions: ['read'], paths: ['/data/**'] }

describe('grants', () => {
  test('each resource is accepted in its form, and times become milliseconds', () => {
    const grants = parseGrants([
      {
        ...FS,
        quota: { calls: 1, bytes: 2 },
        rate: { per: '1s', burst: 3 },
        notBefore: 5,
        expires: '2030-01-01T00:00:00Z',
      },
      { resource: 'env', actions: ['read'], names: ['LANG'] },
      { resource: 'clock', actions: ['precise'] },
      { resource: 'tool', actions: ['call'], names: ['lookup'] },
    ])
    expect(grants).toHaveLength(4)
    expect(grants[0]).toMatchObject({ notBefore: 5, expires: Date.UTC(2030, 0, 1) })
  })

  test.each([
    [
      'an unknown field',
      { ...FS, pahts: [] },
      'grants[0].pahts is not a field of a grant of resource "fs"; there are: resource, actions, paths',
    ],
    [
      'an unknown field of a quota',
      { ...FS, quota: { byte: 1 } },
      'grants[0].quota.byte is not a field of .quota; there are: calls, bytes',
    ],
    [
      'a byte quota where no bytes are counted',
      { resource: 'clock', actions: ['precise'], quota: { bytes: 1 } },
      'grants[0].quota.bytes',
    ],
    [
      'an unknown resource',
      { ...FS, resource: 'disk' },
      'grants[0].resource must be one of fs, net, env, clock, tool (it is "disk")',
    ],
    ['an unknown action', { ...FS, actions: ['reed'] }, 'grants[0].actions[0] must be "read" or "write", it is "reed"'],
    ['no action', { ...FS, actions: [] }, 'grants[0].actions'],
    ['no path', { ...FS, paths: [] }, 'grants[0].paths'],
    ['a missing field', { resource: 'fs', actions: ['read'] }, 'grants[0].paths'],
    ['a negative quota', { ...FS, quota: { calls: -1 } }, 'grants[0].quota.calls'],
    ['a fraction of a call', { ...FS, quota: { calls: 1.5 } }, 'grants[0].quota.calls'],
    [
      'a rate without a unit',
      { ...FS, rate: { per: '10', burst: 1 } },
      'grants[0].rate.per must be a duration such as "500ms"',
    ],
    [
      'a time without a zone',
      { ...FS, expires: '2030-01-01T00:00:00' },
      'grants[0].expires must be an ISO time with a zone',
    ],
    ['a pattern for a name', { resource: 'env', actions: ['read'], names: ['A*'] }, 'names are exact'],
    [
      'an own __proto__',
      JSON.parse('{"resource":"clock","actions":["precise"],"__proto__":{}}'),
      '__proto__ is not a field',
    ],
    ['a string', 'fs.read', 'grants[0] must be an object, it is "fs.read": parseRule makes one of a line'],
  ])('%s is refused by its name', (_what, grant, expected) => {
    expect(messageOf(grant)).toContain(expected)
  })

  test.each(['hosts', 'cidrs', 'ports', 'methods', 'args', 'approval'])('%s is no field of a file grant', (field) => {
    expect(messageOf({ ...FS, [field]: [] })).toContain(`grants[0].${field} is not a field of a grant of resource "fs"`)
  })

  test.each(['random', 'llm', 'kv', 'process'])('resource %s is said to be not supported yet', (resource) => {
    expect(messageOf({ resource, actions: ['x'] })).toContain(`"${resource}" is not supported yet`)
  })

  test('the gate throws the error of the library', () => {
    for (const work of [() => compileGrants([{}]), () => parseRuleAtGate('fs.reed=/x')]) {
      expect(work).toThrow(TokaError)
      expect(work).toThrow(expect.objectContaining({ code: 'TOKA_GRANT_INVALID' }))
    }
  })

  test('a pattern that needs more than 255 states is refused, and many small ones are not', () => {
    // It must remember where each of the last twelve letters was an `a`.
    const wild = `/*a${'?'.repeat(12)}`
    expect(() => compileGrants([{ ...FS, paths: [wild] }])).toThrow('more than 255 states')
    const many = Array.from(
      { length: 200 },
      (_, index) => `/${(index * 2_654_435_761) % 4_294_967_291}/**/x${index}*.ts`,
    )
    expect(compileGrants([{ ...FS, paths: many }]).pool.length).toBeGreaterThan(0)
  })
})

describe('rules', () => {
  test.each([
    ['fs.read=/data/**', { resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
    ['fs.write=/out/a=b', { resource: 'fs', actions: ['write'], paths: ['/out/a=b'] }],
    ['env.read=LANG', { resource: 'env', actions: ['read'], names: ['LANG'] }],
    ['clock', { resource: 'clock', actions: ['precise'] }],
    ['tool.call=lookup', { resource: 'tool', actions: ['call'], names: ['lookup'] }],
  ])('%s is a grant', (rule, grant) => {
    expect(parseRule(rule)).toEqual(grant)
  })

  test.each([
    ['fs.reed=/x', 'none of the known forms: fs.read=/data/**'],
    ['fs.read', 'a value must follow "="'],
    ['fs.read=', 'a value must follow "="'],
    ['fs.read=data', 'must begin with "/"'],
    ['clock=1', 'clock takes no value'],
    ['net.fetch=x', 'expected a URL with a scheme'],
    ['llm.call=x', 'llm.call is not supported yet'],
    ['', 'none of the known forms'],
  ])('%j is refused with what is expected', (rule, expected) => {
    expect(() => parseRule(rule)).toThrow(expected)
  })

  test('a refused request is answered with the rule for its directory, special characters taken literally', () => {
    expect(formatRule('fs.read', '/data/x')).toBe('fs.read=/data/**')
    expect(formatRule('fs.read', '/x')).toBe('fs.read=/x')
    expect(formatRule('fs.write', '/a[1]*/{b}/c')).toBe('fs.write=/a[[]1][*]/[{]b[}]/**')
    expect(formatRule('clock.precise', '')).toBe('clock')
    expect(formatRule('net.fetch', 'https://a.example/v1/x?q')).toBe('net.fetch=https://a.example/v1/**')
    expect(formatRule('net.fetch', 'https://a.example/v1/x', 'POST')).toBe('net.fetch=POST https://a.example/v1/**')
    expect(formatRule('fs.read', '/a\u001b\n/x')).toBe('fs.read=/a??/**')
    expect(quoteShell("it's")).toBe("'it'\\''s'")
  })

  test('durations are milliseconds', () => {
    expect(['250ms', '2s', '3m', '1h', '1d'].map(durationMs)).toEqual([250, 2_000, 180_000, 3_600_000, 86_400_000])
  })
})
