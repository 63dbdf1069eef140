/** Grants compiled and decided in the CVM against a direct reading of the same grants. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Action, type ActionName } from '../../capabilities/isa.ts'
import type { GrantInput } from '../../capabilities/schema.ts'
import { Cvm } from '../../src/gate/cvm.ts'
import { compileGrants } from '../../src/gate/policy.ts'
import { createLedger } from '../../src/gate/ledger.ts'

const ledger = createLedger()

// Patterns whose meaning the test can state by itself.
const PATTERNS: Record<string, (path: string) => boolean> = {
  '/**': () => true,
  '/a/**': (path) => path === '/a' || path.startsWith('/a/'),
  '/a/b': (path) => path === '/a/b',
  '/a/*': (path) => /^\/a\/[^/]+$/.test(path),
  '/*/b': (path) => /^\/[^/]+\/b$/.test(path),
  '/{b,c}/**': (path) => /^\/[bc](\/.*)?$/.test(path),
}
const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/ab', '/b', '/c/b', '/c/b/b']
const NAMES = ['LANG', 'PATH', 'lookup', 'é']

const conditions = {
  quota: fc.option(fc.record({ calls: fc.integer({ min: 0, max: 4 }) }), { nil: undefined }),
  notBefore: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined, freq: 2 }),
  expires: fc.option(fc.integer({ min: 8, max: 20 }), { nil: undefined, freq: 2 }),
}
const byteQuota = fc.option(
  fc.record({ calls: fc.integer({ min: 0, max: 4 }), bytes: fc.integer({ min: 0, max: 40 }) }, { requiredKeys: [] }),
  { nil: undefined },
)

const grant = fc.oneof(
  fc.record({
    resource: fc.constant('fs'),
    actions: fc.subarray(['read', 'write'], { minLength: 1 }),
    paths: fc.subarray(Object.keys(PATTERNS), { minLength: 1, maxLength: 3 }),
    ...conditions,
    quota: byteQuota,
  }),
  fc.record({
    resource: fc.constant('env'),
    actions: fc.constant(['read']),
    names: fc.subarray(NAMES, { minLength: 1 }),
    ...conditions,
  }),
  fc.record({ resource: fc.constant('clock'), actions: fc.constant(['precise']), ...conditions }),
  fc.record({
    resource: fc.constant('tool'),
    actions: fc.constant(['call']),
    names: fc.subarray(NAMES, { minLength: 1 }),
    ...conditions,
    quota: byteQuota,
  }),
) as fc.Arbitrary<GrantInput>

const request = fc
  .record({
    action: fc.constantFrom('fs.read', ...(Object.keys(Action) as ActionName[])),
    path: fc.constantFrom(...PATHS),
    name: fc.constantFrom(...NAMES, '/a'),
    bytes: fc.integer({ min: 0, max: 20 }),
    now: fc.integer({ min: 0, max: 22 }),
  })
  .map(({ path, name, action, ...rest }) => ({ ...rest, action, name: action.startsWith('fs') ? path : name }))
type Request = { action: ActionName; name: string; bytes: number; now: number }
type Left = { calls: number; bytes: number }

const covers = (grant: GrantInput, { action, name, now }: Request): boolean => {
  if (!grant.actions.some((each) => `${grant.resource}.${each}` === action)) return false
  if (grant.resource === 'fs' && !grant.paths.some((pattern) => PATTERNS[pattern]!(name))) return false
  if ((grant.resource === 'env' || grant.resource === 'tool') && !grant.names.includes(name)) return false
  return now >= Number(grant.notBefore ?? 0) && now < Number(grant.expires ?? Infinity)
}

const isPlain = (grant: GrantInput): boolean => {
  const quota: { calls?: number | undefined; bytes?: number | undefined } = grant.quota ?? {}
  return (
    quota.calls === undefined &&
    quota.bytes === undefined &&
    grant.notBefore === undefined &&
    grant.expires === undefined
  )
}

/** Grants without conditions first, then each in its order; the first that covers and has enough left pays. */
function naive(grants: readonly GrantInput[], left: readonly Left[], request: Request): boolean {
  if (grants.some((grant) => isPlain(grant) && covers(grant, request))) return true
  const payer = grants.findIndex(
    (grant, index) =>
      !isPlain(grant) && covers(grant, request) && left[index]!.calls >= 1 && left[index]!.bytes >= request.bytes,
  )
  if (payer < 0) return false
  left[payer]!.calls -= 1
  left[payer]!.bytes -= request.bytes
  return true
}

test('compiled grants allow exactly what a direct reading allows, quotas and times included', () => {
  let allowed = 0
  let asked = 0
  fc.assert(
    fc.property(
      fc.array(grant, { minLength: 1, maxLength: 5 }),
      fc.array(request, { minLength: 1, maxLength: 12 }),
      (raw, requests) => {
        const grants = JSON.parse(JSON.stringify(raw)) as GrantInput[]
        const program = compileGrants(grants)
        const account = ledger.open(program.cells)
        const cvm = new Cvm(program, account, ledger)
        cvm.exports.begin(1_000, 10)
        const left = grants.map(({ quota }) => ({
          calls: quota?.calls ?? Infinity,
          bytes: (quota && 'bytes' in quota ? quota.bytes : undefined) ?? Infinity,
        }))
        for (const each of requests) {
          const answer = cvm.exports.decide(
            Action[each.action],
            cvm.write(each.name),
            each.bytes,
            each.bytes,
            each.now,
            0,
          )
          if (answer > 0) cvm.exports.settle(answer, each.bytes)
          asked++
          if (answer > 0) allowed++
          if (answer > 0 !== naive(grants, left, each)) throw new Error(`differs on ${JSON.stringify(each)}`)
        }
        ledger.release(account)
      },
    ),
    { numRuns: 1_000, seed: 21 },
  )
  expect(allowed / asked).toBeGreaterThan(0.1)
  expect(allowed / asked).toBeLessThan(0.9)
})
