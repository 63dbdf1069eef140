/** Claims of one link: each at its bounds, and what a refusal calls it. */
import { describe, expect, test } from 'vitest'
import { readClaims, writeGrants } from '../../capabilities/tokens/claims.ts'
import { parseGrants } from '../../capabilities/schema.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

const key = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }
const grant = { type: 'toka_grant', resource: 'clock', actions: ['precise'] }
const whole = {
  iss: 'i',
  aud: 'a',
  jti: 'j'.repeat(16),
  iat: 1,
  exp: 2,
  cnf: { jwk: key },
  del_depth: 0,
  del_max_depth: 7,
  authorization_details: [grant],
}

function answer(change: object, index = 0): string {
  const claims = Object.fromEntries(Object.entries({ ...whole, ...change }).filter(([, value]) => value !== undefined))
  try {
    readClaims(claims, index)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    expect(error.problem).toBe('claims')
    expect(error.link).toBe(index)
    return error.message
  }
}

test('a link says what was claimed, times in milliseconds', () => {
  expect(readClaims({ ...whole, sub: 's', nbf: 1, par_hash: 'A'.repeat(43), quota: { calls: 3 } }, 0)).toEqual({
    issuer: 'i',
    subject: 's',
    audience: 'a',
    jti: 'j'.repeat(16),
    issuedAt: 1_000,
    notBefore: 1_000,
    expires: 2_000,
    depth: 0,
    maxDepth: 7,
    parentHash: 'A'.repeat(43),
    key,
    quota: { calls: 3 },
    grants: [{ resource: 'clock', actions: ['precise'] }],
  })
  expect(readClaims(whole, 0)).toMatchObject({ subject: undefined, notBefore: undefined, quota: undefined })
})

describe('bounds', () => {
  test.each<[object, string]>([
    [{ iss: '' }, 'iss'],
    [{ iss: 'x'.repeat(512) }, 'accepted'],
    [{ iss: 'x'.repeat(513) }, 'iss'],
    [{ aud: '' }, 'aud'],
    [{ sub: '' }, 'sub'],
    [{ sub: 's' }, 'accepted'],
    [{ jti: 'j'.repeat(15) }, 'jti'],
    [{ jti: 'j'.repeat(64) }, 'accepted'],
    [{ jti: 'j'.repeat(65) }, 'jti'],
    [{ jti: `${'j'.repeat(16)}.` }, 'jti'],
    [{ jti: `.${'j'.repeat(16)}` }, 'jti'],
    [{ iat: -1 }, 'iat'],
    [{ iat: 0 }, 'accepted'],
    [{ iat: 1.5 }, 'iat'],
    [{ exp: 8_640_000_000_000 }, 'accepted'],
    [{ exp: 8_640_000_000_001 }, 'exp'],
    [{ exp: undefined }, 'exp'],
    [{ nbf: 'x' }, 'nbf'],
    [{ del_depth: -1 }, 'del_depth'],
    [{ del_depth: 7 }, 'accepted'],
    [{ del_depth: 8 }, 'del_depth'],
    [{ del_max_depth: -1 }, 'del_max_depth'],
    [{ del_max_depth: 0 }, 'accepted'],
    [{ del_max_depth: 8 }, 'del_max_depth'],
    [{ par_hash: 'A'.repeat(42) }, 'par_hash'],
    [{ par_hash: `${'A'.repeat(42)}=` }, 'par_hash'],
    [{ quota: {} }, 'accepted'],
    [{ quota: { calls: 0, bytes: 0 } }, 'accepted'],
    [{ quota: { calls: -1 } }, 'quota.calls'],
    [{ quota: { bytes: -1 } }, 'quota.bytes'],
    [{ quota: { bytes: 0.5 } }, 'quota.bytes'],
    [{ quota: { lives: 9 } }, 'quota'],
    [{ cnf: {} }, 'cnf.jwk'],
    [{ cnf: { jwk: key, kid: 'k' } }, 'cnf'],
    [{ cnf: { jwk: { ...key, x: 'A'.repeat(64) } } }, 'accepted'],
    [{ cnf: { jwk: { ...key, x: 'A'.repeat(66) } } }, 'cnf.jwk.x'],
    [{ cnf: { jwk: { ...key, x: '=' } } }, 'cnf.jwk.x'],
    [{ cnf: { jwk: { ...key, y: 'AAAA' } } }, 'cnf.jwk'],
    [{ cnf: { jwk: { ...key, crv: 'P-256' } } }, 'cnf.jwk'],
    [{ cnf: { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } } }, 'accepted'],
    [{ cnf: { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA' } } }, 'cnf.jwk'],
    [{ cnf: { jwk: { kty: 'EC', crv: 'Ed25519', x: 'AAAA', y: 'AAAA' } } }, 'cnf.jwk'],
    [{ cnf: { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'k' } } }, 'cnf.jwk'],
    [{ authorization_details: [] }, 'accepted'],
    [{ authorization_details: undefined }, 'authorization_details'],
    [{ authorization_details: [{ type: 'other' }] }, 'authorization_details.0.type'],
  ])('%j: %s', (change, expected) => {
    const said = answer(change)
    if (expected === 'accepted') expect(said).toBe('accepted')
    else
      expect(said).toMatch(new RegExp(`^link 0: ${expected.replaceAll('.', '\\.')} is not what it must be \\(\\w+\\)$`))
  })
})

test('a claim that is not known is named, shortened, and so is what a grant has wrong', () => {
  expect(answer({ roles: [] }, 3)).toBe('link 3: roles is not what it must be (unrecognized_keys)')
  expect(answer({ [`${'r'.repeat(40)}s`]: 1 })).toBe(
    `link 0: ${'r'.repeat(40)} is not what it must be (unrecognized_keys)`,
  )
  expect(answer({ authorization_details: [{ ...grant, magic: 1 }] })).toContain(
    'link 0: grants[0].magic is not a field',
  )
  expect(() => readClaims(JSON.parse('{"__proto__":{}}'), 1)).toThrow('link 1: __proto__ is not a claim')
  for (const value of [null, 'x', 7, [], undefined])
    expect(() => readClaims(value, 2)).toThrow('link 2: claims is not what it must be (invalid_type)')
})

test('grants are written as they are read', () => {
  const grants = parseGrants([{ resource: 'fs', actions: ['read'], paths: ['/a'] }])
  expect(writeGrants(grants)).toEqual([{ type: 'toka_grant', resource: 'fs', actions: ['read'], paths: ['/a'] }])
  expect(readClaims({ ...whole, authorization_details: writeGrants(grants) }, 0).grants).toEqual(grants)
})
