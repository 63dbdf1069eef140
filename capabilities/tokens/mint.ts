/** What a token shall allow in, its text out: roots by an issuer's key, narrower links by whoever holds a token. */
import { GrantError } from '../grant-error.ts'
import type { Grant } from '../schema.ts'
import { type Chain, type ChainKeys, joinToken, openChain, splitToken, thumbprintOf } from './chain.ts'
import { encodeBase64url } from './base64url.ts'
import { type Claims, LINK_TYPE, MOST_LINKS, ROOT_TYPE, SEAL_TYPE, TOKEN_BYTES, writeGrants } from './claims.ts'
import { hashText, signJws } from './jws.ts'
import { generateJwk, publicJwk, type SigningKey } from './keys.ts'
import { TokenError } from './token-error.ts'

/** What a root says. Times in milliseconds since 1970. */
export type RootOptions = {
  issuer: string
  audience: string
  subject?: string | undefined
  grants: readonly Grant[]
  quota?: { calls?: number | undefined; bytes?: number | undefined } | undefined
  now: number
  notBefore?: number | undefined
  expires: number
  /** Links that may follow, from 0 to 7; default 7. */
  maxDepth?: number | undefined
}

/** How a token is narrowed. What is left out stays as it is. */
export type LinkOptions = {
  subject?: string | undefined
  grants?: readonly Grant[] | undefined
  quota?: { calls?: number | undefined; bytes?: number | undefined } | undefined
  now: number
  notBefore?: number | undefined
  expires?: number | undefined
  maxDepth?: number | undefined
  /** Whether the new token can be narrowed no further. */
  seal?: boolean | undefined
}

/** 128 random bits. */
function newId(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
}

/** Whole seconds; an end is never later than was asked for. */
const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000)

function checkSpan({
  now,
  expires,
  notBefore,
}: {
  now: number
  expires: number
  notBefore?: number | undefined
}): void {
  if (!(seconds(expires) > seconds(now)))
    throw new GrantError('the token would have ended before it begins: give it a second at least')
  if (notBefore !== undefined && notBefore >= expires) throw new GrantError('the token would end before it begins')
}

function clean<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}

function bounded(text: string): string {
  if (text.length > TOKEN_BYTES)
    throw new GrantError(`the token would be longer than ${TOKEN_BYTES} bytes: use fewer or shorter grants`)
  return text
}

/** Makes the first link of a chain. */
export async function mintRoot(
  { issuer, audience, subject, grants, quota, now, notBefore, expires, maxDepth = MOST_LINKS - 1 }: RootOptions,
  signer: SigningKey & { kid: string },
): Promise<{ token: string; jti: string }> {
  checkSpan({ now, expires, notBefore })
  const { jwk } = await generateJwk(signer.alg === 'ES256' ? 'ES256' : undefined)
  const jti = newId()
  const claims: Claims = clean({
    iss: issuer,
    sub: subject,
    aud: audience,
    jti,
    iat: seconds(now),
    nbf: notBefore === undefined ? undefined : Math.ceil(notBefore / 1_000),
    exp: seconds(expires),
    cnf: { jwk: publicJwk(jwk) as Claims['cnf']['jwk'] },
    del_depth: 0,
    del_max_depth: maxDepth,
    quota: quota && clean(quota),
    authorization_details: writeGrants(grants),
  })
  const link = await signJws(claims, { typ: ROOT_TYPE, kid: signer.kid }, signer)
  return { token: bounded(joinToken({ links: [link], secret: jwk.d, seal: undefined })), jti }
}

function childClaims(
  { links }: Chain,
  parentHash: string,
  issuer: string,
  options: LinkOptions,
  jti: string,
): Omit<Claims, 'cnf'> {
  const parent = links.at(-1)!
  const expires = options.expires ?? parent.expires
  const notBefore = options.notBefore ?? parent.notBefore
  checkSpan({ now: options.now, expires, notBefore })
  return clean({
    iss: issuer,
    sub: options.subject,
    aud: parent.audience,
    jti,
    iat: seconds(options.now),
    nbf: notBefore === undefined ? undefined : Math.ceil(notBefore / 1_000),
    exp: seconds(expires),
    par_hash: parentHash,
    del_depth: parent.depth + 1,
    del_max_depth: Math.min(options.maxDepth ?? parent.maxDepth, MOST_LINKS - 1),
    quota: options.quota && clean(options.quota),
    authorization_details: writeGrants(options.grants ?? parent.grants),
  })
}

/**
 * Narrows a token, offline: its bearer's own key signs, nobody is asked.
 * @throws TokenError `wider` with what the child would allow and its parent does not, `chain` when no link may follow;
 *   and whatever is wrong with the token itself, but for its root's signature, unless `keys` says how to check that
 */
export async function attenuateToken(
  token: string,
  options: LinkOptions,
  keys: ChainKeys = {},
): Promise<{ token: string; jti: string }> {
  const parts = splitToken(token)
  const chain = await openChain(parts, keys)
  const parent = chain.links.at(-1)!
  if (!chain.signer) throw new TokenError('chain', 'the token is sealed: it cannot be narrowed further')
  if (parent.depth >= parent.maxDepth || parts.links.length >= MOST_LINKS)
    throw new TokenError('chain', `the token allows no link beneath depth ${parent.maxDepth}`)
  const { alg, jwk } = await generateJwk(chain.signer.alg === 'ES256' ? 'ES256' : undefined)
  const jti = newId()
  const rest = childClaims(chain, await hashText(parts.links.at(-1)!), await thumbprintOf(parent.key), options, jti)
  const claims: Claims = { ...rest, cnf: { jwk: publicJwk(jwk) as Claims['cnf']['jwk'] } }
  const links = [...parts.links, await signJws(claims, { typ: LINK_TYPE }, chain.signer)]
  const whole = { links, secret: jwk.d, seal: undefined }
  // The reader's own checks decide: a token that it would refuse is never handed out.
  const { signer } = await openChain(whole, keys)
  if (!options.seal) return { token: bounded(joinToken(whole)), jti }
  const seal = await signJws({ hash: await hashText(links.join('~')) }, { typ: SEAL_TYPE }, { alg, key: signer!.key })
  return { token: bounded(joinToken({ links, secret: undefined, seal })), jti }
}
