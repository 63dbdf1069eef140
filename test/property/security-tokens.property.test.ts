/** Trees of tokens: narrowing never widens, revoking stops all beneath and nobody else, quotas never exceed the tightest ancestor. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attenuate, createSecurityManager } from '../../src/security/index.ts'
import { allows, type Asked, asked, grant } from '../random-grants.ts'
import { openSecurity, refusal, rules, START } from '../security-world.ts'

const grants = fc.array(grant, { minLength: 1, maxLength: 2 })

function request(one: Asked) {
  if (one.operation !== 'net.fetch')
    return { operation: one.operation, resource: one.name, ...('input' in one ? { input: one.input } : {}) }
  const { method, scheme, host, port, path, address } = one
  return {
    operation: one.operation,
    resource: `${scheme}://${host}:${port}${path}`,
    method,
    address: /^[\d.]+$/.test(host) ? host : address,
  }
}

test('a token that could be narrowed allows what its own grants say, and nothing that its parent refuses', async () => {
  const { security } = await openSecurity()
  const tally = { narrowed: 0, refused: 0, allowed: 0 }
  await fc.assert(
    fc.asyncProperty(
      grants,
      grants,
      fc.boolean(),
      fc.array(asked, { minLength: 6, maxLength: 6 }),
      async (parent, other, same, all) => {
        const { token } = await security.mint({ grants: parent as never })
        const child = same ? parent.slice(0, 1) : other
        const made = await attenuate(token, { grants: child as never }, { now: START }).catch(
          (error: Error) => error.message,
        )
        if (typeof made === 'string') {
          expect(made).toContain('wider')
          tally.refused++
          return
        }
        tally.narrowed++
        for (const one of all) {
          const whole = { ...request(one) }
          const [above, below] = [
            await security.authorize({ token, ...whole }),
            await security.authorize({ token: made.token, ...whole }),
          ]
          if (below.allowed) {
            tally.allowed++
            expect(above.allowed, JSON.stringify({ parent, child, one })).toBe(true)
          }
          if (one.operation !== 'net.fetch' || !/^[\d.]+$/.test(one.host))
            expect(below.allowed, JSON.stringify({ child, one })).toBe(child.some((each) => allows(each, one)))
        }
      },
    ),
    { numRuns: 250 },
  )
  expect(Math.min(tally.narrowed, tally.refused, tally.allowed)).toBeGreaterThan(20)
}, 60_000)

test('revoking any link stops it and all beneath it, and nobody else', async () => {
  const { security } = await openSecurity()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(100), { minLength: 3, maxLength: 9 }), fc.nat(100), async (parents, chosen) => {
      const first = await security.mint({ grants: rules('clock') })
      const tree = [{ ...first, parent: -1 }]
      for (const pick of parents) {
        const parent = pick % tree.length
        tree.push({ ...(await attenuate(tree[parent]!.token, {}, { now: START })), expires: 0, parent })
      }
      const revoked = chosen % tree.length
      const beneath = (index: number): boolean => index >= 0 && (index === revoked || beneath(tree[index]!.parent))
      const ask = (token: string) => refusal(security.authorize({ token, operation: 'clock.precise', resource: '' }))
      for (const { token } of tree) expect(await ask(token)).toBe('accepted')
      await security.revoke(tree[revoked]!.jti)
      for (const [index, { token }] of tree.entries())
        expect(
          (await ask(token)) === 'accepted',
          `link ${index} of ${JSON.stringify(tree.map(({ parent }) => parent))}, ${revoked} revoked`,
        ).toBe(!beneath(index))
    }),
    { numRuns: 25 },
  )
}, 60_000)

test('no quota is exceeded, whoever of a tree spends at once', async () => {
  const { security } = await openSecurity()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(100), fc.nat(6)), { minLength: 2, maxLength: 7 }),
      fc.array(fc.nat(100), { minLength: 20, maxLength: 60 }),
      async (links, spenders) => {
        const root = await security.mint({ grants: rules('tool.call=t'), quota: { calls: 8 } })
        const tree = [{ token: root.token, parent: -1, quota: 8, spent: 0 }]
        for (const [pick, wanted] of links) {
          const parent = pick % tree.length
          const quota = Math.min(wanted, tree[parent]!.quota)
          const { token } = await attenuate(tree[parent]!.token, { quota: { calls: quota } }, { now: START })
          tree.push({ token, parent, quota, spent: 0 })
        }
        const answers = spenders.map(async (pick) => {
          const index = pick % tree.length
          const { allowed } = await security.authorize({
            token: tree[index]!.token,
            operation: 'tool.call',
            resource: 't',
          })
          for (let at = index; allowed && at >= 0; at = tree[at]!.parent) tree[at]!.spent++
        })
        await Promise.all(answers)
        for (const { spent, quota } of tree) expect(spent).toBeLessThanOrEqual(quota)
      },
    ),
    { numRuns: 40 },
  )
}, 60_000)

test('rotation refuses no token that is alive, and accepts none whose time is over or whose keys were stolen', async () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('mint' as const), by: fc.nat(1), ttl: fc.integer({ min: 1, max: 60 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 45 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('rotate' as const), by: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stolen' as const), by: fc.nat(1) }) },
  )
  const tally = { alive: 0, ended: 0, stolen: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
      const { security, clock, options } = await openSecurity({ maxTtl: '1h' })
      const managers = [security, createSecurityManager(options)]
      const made: { token: string; expires: number; stolen: boolean }[] = []
      for (const one of steps) {
        if (one.do === 'wait') clock.ms += one.minutes * 60_000
        else if (one.do === 'mint')
          made.push({
            ...(await managers[one.by]!.mint({ grants: rules('clock'), ttl: `${one.ttl}m` })),
            stolen: false,
          })
        else {
          await managers[one.by]!.rotate({ compromised: one.do === 'stolen' })
          if (one.do === 'stolen') for (const token of made) token.stolen = true
          // What another process read of the keys counts for a second (`FRESH_MS`): it is opened anew here.
          managers[1 - one.by] = createSecurityManager(options)
        }
        for (const { token, expires, stolen } of made) {
          const alive = !stolen && clock.ms < expires
          for (const manager of managers) expect((await refusal(manager.verify(token))) === 'accepted').toBe(alive)
          tally[alive ? 'alive' : stolen ? 'stolen' : 'ended']++
        }
      }
    }),
    { numRuns: 25 },
  )
  expect(Math.min(tally.alive, tally.ended, tally.stolen)).toBeGreaterThan(30)
}, 60_000)
