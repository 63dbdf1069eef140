/** What is known of a child's grant without a proof: the same words are not wider, and under no grant everything is. */
import { expect, test } from 'vitest'
import { Effort } from '../../capabilities/inclusion.ts'
import { widerNet } from '../../capabilities/net-subset.ts'
import { parseGrants } from '../../capabilities/schema.ts'
import { findWidening } from '../../capabilities/subset.ts'

/** To prove something of it, one must remember where each of its last nineteen letters was an `a`: too much. */
const HARD = `/*a${'?'.repeat(18)}`
const FS = { resource: 'fs', actions: ['read'] }
const NET = { resource: 'net', actions: ['fetch'], hosts: ['h.test'] }

test('what a parent has word for word needs no proof', () => {
  expect(findWidening(parseGrants([{ ...FS, paths: [HARD] }]), parseGrants([{ ...FS, paths: [HARD] }]))).toBe(undefined)
})

test('between kinds of constraints nothing is proved, and nothing shown', () => {
  const tool = (a: object) => parseGrants([{ resource: 'tool', actions: ['call'], names: ['t'], args: { a } }])
  expect(findWidening(tool({ path: '/x/y' }), tool({ prefix: '/x' }))).toStrictEqual({
    grant: 0,
    action: 'tool.call',
    field: 'args.a',
  })
})

test('under no grant at all every grant is wider', () => {
  const [grant] = parseGrants([NET])
  expect(grant?.resource === 'net' && widerNet(grant, [], new Effort())).toStrictEqual({ field: 'resource' })
})

test('grants that are each hard to prove are refused together, in the time of one', () => {
  const hard = (count: number) =>
    parseGrants(Array.from({ length: count }, (_, at) => ({ ...FS, paths: [`/*a${'?'.repeat(9)}${at}`] })))
  const parent = parseGrants([{ ...FS, paths: ['/**'] }])
  expect(findWidening(hard(1), parent)).toBe(undefined)
  const begun = performance.now()
  const refused = findWidening(hard(200), parent)
  expect(refused).toMatchObject({ action: 'fs.read', field: 'patterns' })
  expect(refused?.grant).toBeGreaterThan(0)
  expect(refused).not.toHaveProperty('witness')
  // Two hundred took half a minute and more.
  expect(performance.now() - begun).toBeLessThan(8_000)
})

test('many grants with many hosts and methods are refused before they are compared one by one', () => {
  const hosts = (name: string) => Array.from({ length: 250 }, (_, at) => `${name}${at}.test`)
  const grants = (name: string) =>
    parseGrants(Array.from({ length: 40 }, () => ({ ...NET, hosts: hosts(name), methods: ['GET', 'POST', 'PUT'] })))
  const begun = performance.now()
  expect(findWidening(grants('a'), grants('b'))).toMatchObject({ action: 'net.fetch' })
  expect(performance.now() - begun).toBeLessThan(8_000)
})
