/** What is known of a child's grant without a proof: the same words are not wider, and under no grant everything is. */
import { expect, test } from 'vitest'
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
  expect(grant?.resource === 'net' && widerNet(grant, [])).toStrictEqual({ field: 'resource' })
})
