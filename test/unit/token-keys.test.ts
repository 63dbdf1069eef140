/** Keys: one algorithm each, used for nothing else, whatever they say of themselves; public halves hold nothing private. */
import { describe, expect, test } from 'vitest'
import {
  type Algorithm,
  algorithmOf,
  CALLER_ALGORITHMS,
  generateJwk,
  importSigningKey,
  importVerifyingKey,
  type Jwk,
  publicJwk,
  TOKEN_ALGORITHMS,
} from '../../capabilities/tokens/keys.ts'
import { signJws, verifyJws } from '../../capabilities/tokens/jws.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

async function refusalOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    return `${error.problem}: ${error.message}`
  }
}

const made = {
  Ed25519: (await generateJwk('Ed25519')).jwk,
  ES256: (await generateJwk('ES256')).jwk,
  HS256: (await generateJwk('HS256')).jwk,
}

/** A key pair of an algorithm that only callers use. */
async function foreign(alg: Algorithm): Promise<{ jwk: Jwk; key: CryptoKey }> {
  const hash = `SHA-${alg.slice(2)}`
  const parameters = alg.startsWith('ES')
    ? { name: 'ECDSA', namedCurve: alg === 'ES512' ? 'P-521' : 'P-384' }
    : {
        name: alg.startsWith('RS') ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS',
        hash,
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
      }
  const pair = (await crypto.subtle.generateKey(parameters, true, ['sign', 'verify'])) as CryptoKeyPair
  return { jwk: (await crypto.subtle.exportKey('jwk', pair.publicKey)) as Jwk, key: pair.privateKey }
}

describe('made keys', () => {
  test.each(TOKEN_ALGORITHMS)('%s signs, and its public half verifies', async (alg) => {
    const jwk = made[alg]
    const signed = await signJws({ a: 1 }, { typ: 't' }, await importSigningKey(jwk, alg))
    const key = await importVerifyingKey(jwk, alg)
    expect(key.alg).toBe(alg)
    expect((await verifyJws(signed, 't', () => key)).header.alg).toBe(alg)
    expect(key.key.extractable).toBe(false)
  })

  test('have the members of their kind, and no other', () => {
    expect(Object.keys(made.Ed25519).sort()).toEqual(['crv', 'd', 'kty', 'x'])
    expect(Object.keys(made.ES256).sort()).toEqual(['crv', 'd', 'kty', 'x', 'y'])
    expect(Object.keys(made.HS256).sort()).toEqual(['k', 'kty'])
    expect(made.HS256.k).toHaveLength(43)
  })

  test('without a wish are Ed25519, where there is that', async () => {
    const { alg, jwk } = await generateJwk()
    const there = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']).then(
      () => true,
      () => false,
    )
    expect(alg).toBe(there ? 'Ed25519' : 'ES256')
    expect(algorithmOf(jwk)).toBe(alg)
  })
})

describe('callers', () => {
  test.each(CALLER_ALGORITHMS.filter((alg) => /^(?:ES(?:384|512)|[RP]S)/.test(alg)))('sign with %s', async (alg) => {
    const { jwk, key } = await foreign(alg)
    const signed = await signJws({ a: 1 }, { typ: 't' }, { alg: alg as 'ES256', key })
    const verifying = await importVerifyingKey(jwk, alg)
    expect((await verifyJws(signed, 't', () => verifying)).header.alg).toBe(alg)
  })

  test('EdDSA is another name of Ed25519', async () => {
    const verifying = await importVerifyingKey(made.Ed25519, 'EdDSA')
    const signing = (await importSigningKey(made.Ed25519, 'Ed25519')).key
    const signed = await signJws({}, { typ: 't' }, { alg: 'EdDSA' as 'Ed25519', key: signing })
    expect((await verifyJws(signed, 't', () => verifying)).header.alg).toBe('EdDSA')
  })
})

describe('a key', () => {
  const rsa: Jwk = { kty: 'RSA', n: 'AQAB', e: 'AQAB' }
  const at = (jwk: Jwk, alg: Algorithm) => refusalOf(() => importVerifyingKey(jwk, alg))

  test.each<[Algorithm, Jwk, string]>([
    ['ES256', made.Ed25519, 'OKP'],
    ['EdDSA', made.ES256, 'EC'],
    ['Ed25519', { ...made.Ed25519, crv: 'X25519' }, 'OKP'],
    ['Ed25519', { ...made.Ed25519, kty: 'EC' }, 'EC'],
    ['HS256', made.Ed25519, 'OKP'],
    ['HS256', rsa, 'RSA'],
    ['Ed25519', made.HS256, 'oct'],
    ['ES384', made.ES256, 'EC'],
    ['ES512', { ...made.ES256, crv: 'P-512' }, 'EC'],
    ['ES256', { ...made.ES256, kty: 'RSA' }, 'RSA'],
    ['RS256', made.ES256, 'EC'],
    ['PS256', made.HS256, 'oct'],
    ['ES256', {} as Jwk, 'undefined'],
  ])('is not used with %s when it is of another kind', async (alg, jwk, kind) => {
    expect(await at(jwk, alg)).toBe(`key: a key of kind ${kind} cannot be used with ${alg}`)
  })

  test.each<[Jwk, string]>([
    [{ ...made.ES256, alg: 'ES384' }, 'key: a key for ES384 cannot be used with ES256'],
    [{ ...made.ES256, alg: 'ES256' }, 'accepted'],
    [{ ...made.ES256, use: 'enc' }, 'key: a key that is not for signatures'],
    [{ ...made.ES256, use: 'sig' }, 'accepted'],
    [{ ...made.ES256, key_ops: ['verify'] }, 'accepted'],
    [{ ...made.ES256, key_ops: ['sign', 'verify'] }, 'accepted'],
    [{ ...made.ES256, key_ops: ['deriveBits'] }, 'key: a key that may not verify'],
    [{ ...made.ES256, key_ops: ['sign'] }, 'accepted'],
    [{ ...made.ES256, x: 'AAAA' }, 'key: a key that is no usable key for ES256'],
    [{ kty: 'EC', crv: 'P-256' }, 'key: a key that is no usable key for ES256'],
  ])('is used as it says it may be: case %#', async (jwk, expected) => {
    expect(await at(jwk, 'ES256')).toBe(expected)
  })

  test('that signs must be private, and may have to say that it signs', async () => {
    const signing = (jwk: Jwk) => refusalOf(() => importSigningKey(jwk, 'ES256'))
    expect(await signing(publicJwk(made.ES256))).toBe('key: a public key cannot sign')
    expect(await signing({ ...made.ES256, key_ops: ['verify'] })).toBe('key: a key that may not sign')
    expect(await signing({ ...made.ES256, key_ops: ['sign'] })).toBe('accepted')
    expect(await refusalOf(() => importSigningKey(made.HS256, 'HS256'))).toBe('accepted')
  })

  test.each([
    ['A'.repeat(42), 'key: a secret of fewer than 32 bytes'],
    ['', 'key: a secret of fewer than 32 bytes'],
    ['=', 'key: a secret of fewer than 32 bytes'],
    [undefined, 'key: a secret of fewer than 32 bytes'],
    ['A'.repeat(43), 'accepted'],
    ['A'.repeat(86), 'accepted'],
  ])('that is a secret has 32 bytes at least: %s', async (k, expected) => {
    expect(await at({ kty: 'oct', ...(k === undefined ? {} : { k }) }, 'HS256')).toBe(expected)
  })
})

describe('the public half', () => {
  test('has nothing private in it, and says what the key says', () => {
    const whole: Jwk = { ...made.ES256, alg: 'ES256', use: 'sig', kid: 'k', key_ops: ['sign', 'verify'] }
    const { x, y } = made.ES256
    expect(publicJwk(whole)).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x,
      y,
      alg: 'ES256',
      use: 'sig',
      key_ops: ['verify'],
    })
    expect(publicJwk({ ...made.Ed25519, key_ops: ['sign'] })).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: made.Ed25519.x,
    })
    const rsa = { kty: 'RSA', n: 'AQAB', e: 'AQAB' }
    expect(publicJwk({ ...rsa, d: 'x', p: 'x', q: 'x', dp: 'x', dq: 'x', qi: 'x' } as Jwk)).toEqual(rsa)
    expect(publicJwk({ ...made.HS256, d: 'x' })).toEqual(made.HS256)
  })

  test('of a key that tokens can be bound to has one algorithm', async () => {
    expect([algorithmOf(made.Ed25519), algorithmOf(made.ES256)]).toEqual(['Ed25519', 'ES256'])
    const refused = (jwk: Jwk) => refusalOf(() => algorithmOf(jwk))
    expect(await refused(made.HS256)).toBe('key: a key of kind oct  cannot be bound to a token')
    expect(await refused({ kty: 'EC', crv: 'P-384' })).toBe('key: a key of kind EC P-384 cannot be bound to a token')
    expect(await refused({ kty: 'OKP', crv: 'X25519' })).toBe(
      'key: a key of kind OKP X25519 cannot be bound to a token',
    )
    expect(await refused({ kty: 'EC', crv: 'Ed25519' })).toBe(
      'key: a key of kind EC Ed25519 cannot be bound to a token',
    )
    expect(await refused({ kty: 'OKP', crv: 'P-256' })).toBe('key: a key of kind OKP P-256 cannot be bound to a token')
  })
})
