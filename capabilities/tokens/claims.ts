/**
 * What a link says: its claims in, one checked link out.
 *
 * Names follow draft-niyikiza-oauth-attenuating-agent-tokens (del_depth, del_max_depth, par_hash); grants ride in
 * authorization_details (RFC 9396), the key that may narrow the link further in cnf (RFC 7800).
 */
import * as z from 'zod'
import { GrantError } from '../grant-error.ts'
import { type Grant, parseGrants } from '../schema.ts'
import { decodeBase64url } from './base64url.ts'
import type { Jwk } from './keys.ts'
import { TokenError } from './token-error.ts'

export const ROOT_TYPE = 'toka-root+jwt'
export const LINK_TYPE = 'toka-link+jwt'
export const SEAL_TYPE = 'toka-seal+jwt'
const DETAIL = 'toka_grant'

/** Links of a chain, and bytes of its text. */
export const MOST_LINKS = 8
export const TOKEN_BYTES = 65_536

const text = z.string().min(1).max(512)
const seconds = z.int().min(0).max(8_640_000_000_000)
const base64url = z.string().refine((value) => decodeBase64url(value) !== undefined)
const coordinate = base64url.max(64)

/** A public key, with its members and no other: what it could say of itself is fixed by its kind. */
const cnfJwk = z.union([
  z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: coordinate }),
  z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: coordinate, y: coordinate }),
])

const claims = z.strictObject({
  iss: text,
  sub: text.optional(),
  aud: text,
  jti: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  iat: seconds,
  nbf: seconds.optional(),
  exp: seconds,
  cnf: z.strictObject({ jwk: cnfJwk }),
  par_hash: base64url.length(43).optional(),
  del_depth: z
    .int()
    .min(0)
    .max(MOST_LINKS - 1),
  del_max_depth: z
    .int()
    .min(0)
    .max(MOST_LINKS - 1),
  quota: z.strictObject({ calls: z.int().min(0).optional(), bytes: z.int().min(0).optional() }).optional(),
  authorization_details: z.array(z.looseObject({ type: z.literal(DETAIL) })),
})

/** The claims as they are signed. */
export type Claims = z.infer<typeof claims>

/** One link, checked by itself. Times in milliseconds since 1970. */
export type Link = {
  /** Who signed: the issuer's name of a root; the thumbprint of the parent's key of a later link. */
  issuer: string
  /** Whom it was given to, as its maker says. */
  subject: string | undefined
  audience: string
  jti: string
  issuedAt: number
  notBefore: number | undefined
  expires: number
  depth: number
  maxDepth: number
  parentHash: string | undefined
  /** The public key whose owner may narrow it further. */
  key: Jwk
  quota: { calls?: number | undefined; bytes?: number | undefined } | undefined
  grants: Grant[]
}

function readGrants(details: readonly object[], index: number): Grant[] {
  try {
    return parseGrants(
      details.map((detail) => Object.fromEntries(Object.entries(detail).filter(([name]) => name !== 'type'))),
    )
  } catch (error) {
    if (error instanceof GrantError) throw new TokenError('claims', error.message, index)
    throw error
  }
}

/**
 * Checks the claims of one link.
 * @throws TokenError `claims` naming the claim
 */
export function readClaims(value: unknown, index: number): Link {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
    throw new TokenError('claims', '__proto__ is not a claim', index)
  const parsed = claims.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const where = issue?.path.join('.') || (issue && 'keys' in issue ? String(issue.keys[0]).slice(0, 40) : 'claims')
    throw new TokenError('claims', `${where} is not what it must be (${issue?.code ?? 'invalid'})`, index)
  }
  const { data } = parsed
  return {
    issuer: data.iss,
    subject: data.sub,
    audience: data.aud,
    jti: data.jti,
    issuedAt: data.iat * 1_000,
    notBefore: data.nbf === undefined ? undefined : data.nbf * 1_000,
    expires: data.exp * 1_000,
    depth: data.del_depth,
    maxDepth: data.del_max_depth,
    parentHash: data.par_hash,
    key: data.cnf.jwk,
    quota: data.quota,
    grants: readGrants(data.authorization_details, index),
  }
}

/** Grants as a link carries them. */
export function writeGrants(grants: readonly Grant[]): Claims['authorization_details'] {
  return grants.map((grant) => ({ type: DETAIL, ...grant }))
}
