/** The security manager: what it makes holds, is narrowed, runs out, is revoked and rotated as it says. */
import { describe, expect, test } from 'vitest'
import { attenuate, createSecurityManager, memoryKeys, memoryStore } from '../../src/security/index.ts'
import { openSecurity, refusal, rules, START } from '../security-world.ts'

const HOUR = 3_600_000

describe('a token', () => {
  test('allows what its grants say, and a refusal names the link, the constraint and what would be allowed', async () => {
    const { security } = await openSecurity()
    const { token } = await security.mint({ grants: rules('fs.read=/data/**', 'tool.call=lookup'), subject: 'reports' })
    const child = await security.attenuate(token, { grants: rules('fs.read=/data/2025/**') })
    expect(await security.authorize({ token, operation: 'fs.read', resource: '/data/x' })).toEqual({ allowed: true })
    const refused = await security.authorize({ token: child.token, operation: 'fs.read', resource: '/data/2024/x' })
    expect(refused).toMatchObject({
      allowed: false,
      denial: {
        operation: 'fs.read',
        resource: '/data/2024/x',
        reason: 'no-grant',
        link: 1,
        allow: "a token whose link 1 allows 'fs.read=/data/2024/**'",
        token: { jti: child.jti, constraint: 'grants.paths', allows: ['fs.read /data/2025/**'] },
      },
    })
    const other = await security.authorize({ token: child.token, operation: 'tool.call', resource: 'lookup' })
    expect(other).toMatchObject({ allowed: false, denial: { link: 1, token: { constraint: 'grants', allows: [] } } })
  })

  test('says which field of its grants a request does not fit', async () => {
    const { security } = await openSecurity()
    const { token } = await security.mint({
      grants: [
        { resource: 'net', actions: ['fetch'], hosts: ['a.test'], paths: ['/v1/**'] },
        { resource: 'net', actions: ['fetch'], hosts: ['b.test'], schemes: ['http'], ports: ['8000-8009'] },
        { resource: 'tool', actions: ['call'], names: ['t'], args: { id: { equals: 1 } } },
      ],
    })
    const constraint = async (operation: 'net.fetch' | 'tool.call', resource: string, more: object = {}) => {
      const decision = await security.authorize({ token, operation, resource, ...more })
      return decision.allowed ? 'allowed' : decision.denial.token?.constraint
    }
    expect(await constraint('net.fetch', 'https://a.test/v1/x')).toBe('allowed')
    expect(await constraint('net.fetch', 'https://c.test/v1/x')).toBe('grants.hosts')
    expect(await constraint('net.fetch', 'http://a.test/v1/x')).toBe('grants.schemes')
    expect(await constraint('net.fetch', 'https://b.test:8000/')).toBe('grants.schemes')
    expect(await constraint('net.fetch', 'https://a.test:444/v1/x')).toBe('grants.ports')
    expect(await constraint('net.fetch', 'http://b.test:8010/')).toBe('grants.ports')
    expect(await constraint('net.fetch', 'https://a.test/v2')).toBe('grants.paths')
    expect(await constraint('net.fetch', 'https://a.test/v1/x', { method: 'POST' })).toBe('grants.methods or cidrs')
    expect(await constraint('net.fetch', 'https://a.test/v1/x', { address: '10.0.0.1' })).toBe(
      'grants.methods or cidrs',
    )
    expect(await constraint('tool.call', 'u', { input: { id: 1 } })).toBe('grants.names')
    expect(await constraint('tool.call', 't', { input: { id: 2 } })).toBe('grants.args')
  })

  test('ends to the millisecond, and begins with an allowance for clocks', async () => {
    const { security, clock } = await openSecurity()
    const { token, expires } = await security.mint({ grants: rules('clock'), ttl: '1h' })
    expect(expires).toBe(START + HOUR)
    clock.ms = expires - 1
    expect(await refusal(security.verify(token))).toBe('accepted')
    clock.ms = expires
    expect(await refusal(security.verify(token))).toContain('(expired): link 0: it ended at 2026-01-01T01:00:00')
    clock.ms = START - 30_000
    expect(await refusal(security.verify(token))).toBe('accepted')
    clock.ms = START - 30_001
    expect(await refusal(security.verify(token))).toContain('(early)')
  })

  test('is for its audience alone', async () => {
    const { security, options } = await openSecurity()
    const { token } = await security.mint({ grants: rules('clock') })
    const other = createSecurityManager({ ...options, audience: 'another' })
    expect(await refusal(other.verify(token))).toContain('(audience): link 0: it is for "toka"')
  })

  test('lives no longer than a manager allows', async () => {
    const { security } = await openSecurity({ maxTtl: '10m' })
    expect(await refusal(security.mint({ grants: rules('clock'), ttl: '11m' }))).toContain('may live 600000 ms')
  })

  test.each(['Ed25519', 'ES256', 'HS256'] as const)(
    'may be rooted in a key for %s, and narrowed beneath it',
    async (alg) => {
      const { security } = await openSecurity()
      await security.rotate({ alg })
      await security.rotate({ alg })
      expect((await security.keys()).find(({ state }) => state === 'active')?.alg).toBe(alg)
      const { token } = await security.mint({ grants: rules('fs.read=/a/**') })
      const child = await attenuate(token, { grants: rules('fs.read=/a/b') }, { now: START })
      expect((await security.verify(child.token)).links).toHaveLength(2)
    },
  )
})

describe('quotas', () => {
  test('ten children of a ten-call parent make ten calls', async () => {
    const { security } = await openSecurity()
    const { token } = await security.mint({ grants: rules('tool.call=t'), quota: { calls: 10 } })
    const children = await Promise.all(
      Array.from({ length: 10 }, () => security.attenuate(token, { quota: { calls: 10 } })),
    )
    let allowed = 0
    for (let round = 0; round < 3; round++)
      for (const { token: child } of children)
        if ((await security.authorize({ token: child, operation: 'tool.call', resource: 't' })).allowed) allowed++
    expect(allowed).toBe(10)
    expect(await security.authorize({ token, operation: 'tool.call', resource: 't' })).toMatchObject({
      denial: { reason: 'quota', link: 0, token: { constraint: 'quota' } },
    })
  })

  test('what is left is in the report, for each link', async () => {
    const { security } = await openSecurity()
    const { token } = await security.mint({
      grants: rules('tool.call=t', 'fs.read=/d/**'),
      quota: { calls: 10 },
      subject: 'bot',
    })
    const child = await security.attenuate(token, { grants: rules('tool.call=t'), quota: { calls: 3 }, ttl: '30m' })
    await security.authorize({ token: child.token, operation: 'tool.call', resource: 't' })
    const report = await security.inspect(child.token)
    expect(report).toMatchObject({
      verified: true,
      mayNarrow: 6,
      links: [
        { by: 'toka', subject: 'bot', quotas: [{ what: 'calls of the whole token', initial: 10, left: 9 }] },
        {
          by: 'the bearer of link 0',
          tookAway: ['fs.read /d/**', 'the last 30 minutes', 'all but 3 calls'],
          quotas: [{ initial: 3, left: 2 }],
        },
      ],
    })
  })

  test('two managers with one store never allow more than there is, and all of it', async () => {
    const { security, options } = await openSecurity()
    const other = createSecurityManager(options)
    const { token } = await security.mint({ grants: rules('tool.call=t'), quota: { calls: 25 } })
    let allowed = 0
    for (let round = 0; round < 40; round++) {
      const manager = round % 3 === 0 ? other : security
      if ((await manager.authorize({ token, operation: 'tool.call', resource: 't' })).allowed) allowed++
    }
    expect(allowed).toBeLessThanOrEqual(25)
    await security.close()
    const last = createSecurityManager(options)
    while ((await last.authorize({ token, operation: 'tool.call', resource: 't' })).allowed) allowed++
    while ((await other.authorize({ token, operation: 'tool.call', resource: 't' })).allowed) allowed++
    expect(allowed).toBe(25)
  })

  test('what is over is forgotten, and nothing that lives', async () => {
    const { security, clock, options } = await openSecurity()
    const spend = async (ttl: string) => {
      const made = await security.mint({ grants: rules('clock'), ttl, quota: { calls: 4 } })
      const held = await security.hold(made.token, { whole: true })
      return { ...made, held }
    }
    const [short, long] = [await spend('10m'), await spend('3h')]
    const left = ({ jti, expires }: { jti: string; expires: number }) =>
      options.store.left({ key: `${jti}/1`, initial: 4, until: expires })
    expect([await left(short), await left(long)]).toEqual([0, 0])
    clock.ms += HOUR
    await security.limit('alice', { per: '1s', burst: 1 })
    expect([await left(short), await left(long)]).toEqual([4, 0])
    expect(await refusal(security.limit('alice', { per: '1s', burst: 0 }))).toContain('rate.burst')
    expect(await refusal(security.limit('a'.repeat(513), { per: '1s', burst: 1 }))).toContain('caller')
  })

  test('a rate refills evenly', async () => {
    const { security, clock } = await openSecurity()
    const answers: boolean[] = []
    for (let call = 0; call < 4; call++) answers.push((await security.limit('alice', { per: '1s', burst: 3 })).allowed)
    expect(answers).toEqual([true, true, true, false])
    expect((await security.limit('bob', { per: '1s', burst: 3 })).allowed).toBe(true)
    expect(await security.limit('alice', { per: '1s', burst: 3 })).toEqual({ allowed: false, retryAfterMs: 334 })
    clock.ms += 334
    expect((await security.limit('alice', { per: '1s', burst: 3 })).allowed).toBe(true)
    expect((await security.limit('alice', { per: '1s', burst: 3 })).allowed).toBe(false)
  })
})

describe('revocation', () => {
  test('of a link stops it and all beneath it, and nobody else', async () => {
    const { security } = await openSecurity()
    const root = await security.mint({ grants: rules('clock') })
    const [left, right] = [await security.attenuate(root.token, {}), await security.attenuate(root.token, {})]
    const below = await security.attenuate(left.token, {})
    const ask = async (token: string) =>
      await refusal(security.authorize({ token, operation: 'clock.precise', resource: '' }))
    expect(await Promise.all([root, left, right, below].map(({ token }) => ask(token)))).toEqual(
      Array(4).fill('accepted'),
    )
    await security.revoke(left.jti)
    expect(await ask(root.token)).toBe('accepted')
    expect(await ask(right.token)).toBe('accepted')
    expect(await ask(left.token)).toContain(`(revoked): link 1: it was revoked (${left.jti})`)
    expect(await ask(below.token)).toContain('(revoked): link 1')
  })

  test('reaches a manager that shares the store, and one that is handed the signed list', async () => {
    const { security, options } = await openSecurity()
    const { token, jti } = await security.mint({ grants: rules('clock') })
    const sharing = createSecurityManager(options)
    const awayOptions = { ...options, keys: memoryKeys(await security.publicKeys()), store: memoryStore() }
    const away = createSecurityManager(awayOptions)
    expect(await refusal(away.verify(token))).toBe('accepted')
    await security.revoke(jti)
    expect(await refusal(sharing.verify(token))).toContain('(revoked)')
    expect(await refusal(away.verify(token))).toBe('accepted')
    const list = await security.exportRevocations()
    await away.importRevocations(list)
    expect(await refusal(away.verify(token))).toContain('(revoked)')
    // It is kept: a restart of the process does not revive the token.
    expect(await refusal(createSecurityManager(awayOptions).verify(token))).toContain('(revoked)')
    expect(await refusal(away.importRevocations(`${list.slice(0, -4)}AAAA`))).toContain('signature')
    expect(await refusal(away.mint({ grants: rules('clock') }))).toContain('public')
  })

  test('a list that is too old denies, until it is signed anew', async () => {
    const { security, clock } = await openSecurity({ revocationsMaxAgeMs: 60_000 })
    await security.renewRevocations()
    const { token } = await security.mint({ grants: rules('clock') })
    const held = await security.hold(token, { whole: true })
    clock.ms += 60_000
    expect(await refusal(security.verify(token))).toBe('accepted')
    clock.ms += 1
    expect(await refusal(security.verify(token))).toContain('(stale)')
    await security.renewRevocations()
    expect(await refusal(security.verify(token))).toBe('accepted')
    await held.release()
  })

  test('a list of a manager that is ahead goes over one that is behind, and the next one goes over both', async () => {
    const { security, options } = await openSecurity()
    const behind = createSecurityManager({ ...options, store: memoryStore() })
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(async () => security.mint({ grants: rules('clock') })),
    )
    await behind.revoke(first!.jti)
    await security.revoke(first!.jti)
    await security.revoke(second!.jti)
    await behind.importRevocations(await security.exportRevocations())
    expect(await refusal(behind.verify(second!.token))).toContain('(revoked)')
    await behind.revoke(third!.jti)
    for (const { token } of [first!, second!, third!])
      expect(await refusal(behind.verify(token))).toContain('(revoked)')
  })

  test('is remembered by a manager whose own tokens live shorter', async () => {
    const { security, clock, options } = await openSecurity({ maxTtl: '7d' })
    const { token, jti } = await security.mint({ grants: rules('clock'), ttl: '7d' })
    const short = createSecurityManager({ ...options, maxTtl: '1h' })
    await short.revoke(jti)
    clock.ms += 2 * 3_600_000
    await short.revoke('A'.repeat(22))
    expect(await refusal(security.verify(token))).toContain('(revoked)')
    expect(() => createSecurityManager({ ...options, maxTtl: '32d' })).toThrow('31 days')
  })

  test('an older list is refused', async () => {
    const { security } = await openSecurity()
    const old = await security.exportRevocations()
    await security.revoke('A'.repeat(22))
    expect(await refusal(security.importRevocations(old))).toContain('version 1, and version 2 is known')
  })
})

describe('rotation', () => {
  test('never rejects a token that is alive, nor accepts one whose key is gone', async () => {
    const { security, clock } = await openSecurity({ maxTtl: '1h' })
    const alive: { token: string; expires: number }[] = []
    const dead: string[] = []
    for (let round = 0; round < 12; round++) {
      alive.push(await security.mint({ grants: rules('clock'), ttl: '1h' }))
      if (round % 3 === 0) await security.rotate()
      clock.ms += 20 * 60_000
      for (const { token, expires } of alive) {
        const answer = await refusal(security.verify(token))
        if (clock.ms < expires) expect(answer).toBe('accepted')
        else {
          expect(answer).not.toBe('accepted')
          dead.push(token)
        }
      }
    }
    expect(dead.length).toBeGreaterThan(3)
    const states = (await security.keys()).map(({ state }) => state)
    expect(states.filter((state) => state === 'active')).toHaveLength(1)
    expect(states.filter((state) => state === 'next')).toHaveLength(1)
  })

  test('away from a key that was stolen kills what it signed at once, and the list stays readable', async () => {
    const { security, options } = await openSecurity()
    const { token } = await security.mint({ grants: rules('clock') })
    const { jti } = await security.mint({ grants: rules('clock') })
    await security.revoke(jti)
    await security.rotate({ compromised: true })
    expect(await refusal(security.verify(token))).toContain('(key)')
    const fresh = createSecurityManager(options)
    const next = await fresh.mint({ grants: rules('clock') })
    expect(await refusal(fresh.verify(next.token))).toBe('accepted')
  })
})

describe('sealed tokens and depth', () => {
  test('away from stolen keys trusts none of them, those that waited or retired neither', async () => {
    const { security, options } = await openSecurity()
    const retired = await security.mint({ grants: rules('clock') })
    await security.rotate()
    const stolen = await options.keys.load()
    await security.rotate({ compromised: true })
    const thief = createSecurityManager({ ...options, keys: memoryKeys(stolen.keys), store: memoryStore() })
    const now = await thief.mint({ grants: rules('clock') })
    await thief.rotate()
    const later = await thief.mint({ grants: rules('clock') })
    for (const { token } of [retired, now, later]) expect(await refusal(security.verify(token))).toContain('(key)')
    expect((await security.keys()).map(({ state }) => state).sort()).toEqual(['active', 'gone', 'gone', 'gone', 'next'])
  })

  test('a sealed token is used, and not narrowed', async () => {
    const { security } = await openSecurity()
    const { token } = await security.mint({ grants: rules('clock') })
    const sealed = await security.attenuate(token, { seal: true })
    expect(await refusal(security.verify(sealed.token))).toBe('accepted')
    expect(await refusal(attenuate(sealed.token, {}, { now: START }))).toContain('sealed')
    expect((await security.inspect(sealed.token)).mayNarrow).toBe(0)
  })

  test('a chain has at most eight links, and fewer where a link says so', async () => {
    const { security } = await openSecurity()
    let { token } = await security.mint({ grants: rules('clock') })
    for (let link = 1; link < 8; link++) token = (await security.attenuate(token, {})).token
    expect(await refusal(security.attenuate(token, {}))).toContain('no link beneath depth 7')
    const short = await security.mint({ grants: rules('clock'), maxDepth: 1 })
    const child = await security.attenuate(short.token, { maxDepth: 5 }).catch((error: Error) => error.message)
    expect(child).toContain('allows more links than its parent')
    const good = await security.attenuate(short.token, {})
    expect(await refusal(security.attenuate(good.token, {}))).toContain('no link beneath depth 1')
  })
})
