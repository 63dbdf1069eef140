/** Callers: a JWT of the right issuer, audience, time and key is one, everything else is not; keys may rotate. */
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { generateJwk, importSigningKey, type Jwk, publicJwk } from '../../capabilities/tokens/keys.ts'
import type { CallerOptions, KeySet } from '../../src/security/index.ts'
import { openSecurity, refusal, START } from '../security-world.ts'

const NOW = START / 1_000
type Issuer = { kid: string; jwk: Jwk; alg: 'Ed25519' | 'ES256' | 'HS256' }

async function issuer(kid: string, alg: Issuer['alg'] = 'ES256'): Promise<Issuer> {
  return { kid, alg, jwk: (await generateJwk(alg)).jwk }
}
const published = ({ kid, jwk, alg }: Issuer): Jwk => ({ ...publicJwk(jwk), kid, alg, use: 'sig' })

async function jwt(
  { kid, alg, jwk }: Issuer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const whole = { iss: 'https://id.test', aud: 'api', sub: 'alice', iat: NOW, exp: NOW + 60, ...claims }
  const set = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined))
  return new SignJWT(set)
    .setProtectedHeader({ alg, kid, ...header } as never)
    .sign((await importSigningKey(jwk, alg)).key)
}

const callers = (keys: CallerOptions['keys'], more: Partial<CallerOptions> = {}): CallerOptions => ({
  issuer: 'https://id.test',
  audience: 'api',
  keys,
  ...more,
})

describe('a caller', () => {
  test.each(['ES256', 'Ed25519'] as const)('with a JWT by %s is who it says', async (alg) => {
    const one = await issuer('one', alg)
    const { security } = await openSecurity({ callers: callers({ keys: [published(one)] }) })
    expect(await security.authenticate(await jwt(one, { roles: ['x'] }))).toMatchObject({
      subject: 'alice',
      issuer: 'https://id.test',
      claims: { roles: ['x'] },
      expires: START + 60_000,
    })
    expect(await refusal(security.authenticate(await jwt(one, { aud: ['other', 'api'] })))).toBe('accepted')
  })

  test.each([
    ['another issuer', { iss: 'https://evil.test' }, 'of the issuer'],
    ['no issuer', { iss: undefined }, 'of the issuer'],
    ['another audience', { aud: 'other' }, 'another audience'],
    ['an audience that begins so', { aud: 'api2' }, 'another audience'],
    ['no subject', { sub: undefined }, 'no subject'],
    ['a subject that is no text', { sub: 7 }, 'no subject'],
    ['no end', { exp: undefined }, 'expired'],
    ['an end in the past', { exp: NOW - 31 }, 'expired'],
    ['an end that is no number', { exp: '9999999999' }, 'expired'],
    ['a beginning in the future', { nbf: NOW + 31 }, 'not valid yet'],
    ['made in the future', { iat: NOW + 31 }, 'not valid yet'],
  ])('with %s is refused', async (_what, claims, expected) => {
    const one = await issuer('one')
    const { security } = await openSecurity({ callers: callers({ keys: [published(one)] }) })
    expect(await refusal(security.authenticate(await jwt(one, claims)))).toContain(expected)
  })

  test('by a key of a stranger, with another type, or a token of ours is refused', async () => {
    const [one, two] = [await issuer('one'), await issuer('one')]
    const { security } = await openSecurity({ callers: callers({ keys: [published(one)] }) })
    expect(await refusal(security.authenticate(await jwt(two)))).toContain('signature')
    expect(await refusal(security.authenticate(await jwt({ ...one, kid: 'two' })))).toContain('no key "two"')
    expect(await refusal(security.authenticate(await jwt(one, {}, { typ: 'toka-root+jwt' })))).toContain('typ')
    expect(await refusal(security.authenticate(await jwt(one, {}, { jku: 'https://evil.test' })))).toContain('jku')
    expect(await refusal(security.authenticate((await jwt(one)).replace('.', '=.')))).toContain('base64url')
    const { security: strict } = await openSecurity({
      callers: callers({ keys: [published(one)] }, { type: 'at+jwt' }),
    })
    expect(await refusal(strict.authenticate(await jwt(one)))).toContain('typ')
    expect(await refusal(strict.authenticate(await jwt(one, {}, { typ: 'application/AT+JWT' })))).toBe('accepted')
  })

  test('with a shared secret is refused, unless that was asked for', async () => {
    const one = await issuer('one', 'HS256')
    const keys = { keys: [{ ...one.jwk, kid: 'one', alg: 'HS256' }] }
    const { security } = await openSecurity({ callers: callers(keys) })
    expect(await refusal(security.authenticate(await jwt(one)))).toContain('HS256, which is not accepted')
    const { security: asked } = await openSecurity({ callers: callers(keys, { algorithms: ['HS256'] }) })
    expect(await refusal(asked.authenticate(await jwt(one)))).toBe('accepted')
  })

  test('of a public key that is taken for a secret is refused (CVE-2026-22818)', async () => {
    const one = await issuer('one', 'Ed25519')
    const { security } = await openSecurity({
      callers: callers({ keys: [published(one)] }, { algorithms: ['HS256', 'Ed25519'] }),
    })
    const forged = { kid: 'one', alg: 'HS256' as const, jwk: { kty: 'oct', k: 'A'.repeat(43) } }
    expect(await refusal(security.authenticate(await jwt(forged)))).toContain('no key')
  })
})

describe('keys that are fetched', () => {
  test('are kept, asked for again when a name is new, and not all the time', async () => {
    const [one, two] = [await issuer('one'), await issuer('two')]
    let set: KeySet = { keys: [published(one)] }
    let fetched = 0
    const keys = async () => {
      fetched++
      return set
    }
    const { security, clock } = await openSecurity({ callers: callers(keys, { refetchMs: 1_000 }) })
    for (let call = 0; call < 3; call++) await security.authenticate(await jwt(one))
    expect(fetched).toBe(1)
    set = { keys: [published(one), published(two)] }
    expect(await refusal(security.authenticate(await jwt(two)))).toContain('no key "two"')
    clock.ms += 1_000
    expect(await refusal(security.authenticate(await jwt(two)))).toBe('accepted')
    for (let call = 0; call < 20; call++)
      await refusal(security.authenticate(await jwt({ ...one, kid: `stranger ${call}` })))
    expect(fetched).toBe(2)
  })

  test('that are withdrawn let nobody in once the set is old, and an old set that cannot be had anew neither', async () => {
    const one = await issuer('one')
    let set: () => Promise<KeySet> = async () => ({ keys: [published(one)] })
    const { security, clock } = await openSecurity({
      callers: callers(() => set(), { refetchMs: 1_000, maxAgeMs: 10_000 }),
    })
    const late = await jwt(one, { exp: NOW + 3_600 })
    expect(await refusal(security.authenticate(late))).toBe('accepted')
    set = () => Promise.reject(new Error('down'))
    clock.ms += 9_999
    expect(await refusal(security.authenticate(late))).toBe('accepted')
    clock.ms += 1
    expect(await refusal(security.authenticate(late))).toContain('down')
    expect(await refusal(security.authenticate(late))).toContain('no key')
    set = async () => ({ keys: [] })
    clock.ms += 1_000
    expect(await refusal(security.authenticate(late))).toContain('no key')
  })

  test('that cannot be fetched refuse', async () => {
    const one = await issuer('one')
    const { security } = await openSecurity({ callers: callers(() => Promise.reject(new Error('down'))) })
    expect(await refusal(security.authenticate(await jwt(one)))).toContain('down')
    const { security: odd } = await openSecurity({ callers: callers(async () => ({}) as KeySet) })
    expect(await refusal(odd.authenticate(await jwt(one)))).toContain('no JSON Web Key Set')
  })
})

test('without callers nobody is authenticated', async () => {
  const { security } = await openSecurity()
  expect(await refusal(security.authenticate('a.b.c'))).toContain('without `callers`')
})
