/**
 * A token's text in, its links out, each proved to follow from the one before and to be narrower.
 *
 * The text is links (compact JWS) with `~` between, then what proves that its bearer was given the last one: `k.` and the
 * private part of the last link's key, which also narrows it further, or `s.` and a signature by that key (a seal, which
 * cannot be narrowed any more). Without that proof whoever reads a child could cut it off and use its parent.
 */
import { calculateJwkThumbprintUri } from 'jose'
import { Effort } from '../inclusion.ts'
import { describeWidening, findWidening } from '../subset.ts'
import { decodeBase64url } from './base64url.ts'
import { LINK_TYPE, type Link, MOST_LINKS, readClaims, ROOT_TYPE, SEAL_TYPE, TOKEN_BYTES } from './claims.ts'
import { hashText, type JwsHeader, signJws, splitJws, verifyJws } from './jws.ts'
import {
  algorithmOf,
  importSigningKey,
  importVerifyingKey,
  type Jwk,
  type SigningKey,
  type VerifyingKey,
} from './keys.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'

/** A token taken apart; nothing of it is verified yet. */
export type TokenParts = {
  links: readonly string[]
  /** The private part of the last link's key. */
  secret: string | undefined
  /** A signature over all links. */
  seal: string | undefined
}

export type Chain = {
  links: readonly [Link, ...Link[]]
  /** Signs the next link; undefined of a sealed token. */
  signer: SigningKey | undefined
}

/**
 * Takes a token's text apart.
 * @throws TokenError `text`
 */
export function splitToken(text: string): TokenParts {
  if (text.length > TOKEN_BYTES) throw new TokenError('text', `the token is longer than ${TOKEN_BYTES} bytes`)
  const parts = text.split('~')
  const proof = parts.pop() ?? ''
  if (parts.length < 1 || parts.length > MOST_LINKS)
    throw new TokenError('text', `a token has 1 to ${MOST_LINKS} links, and its proof behind them`)
  if (proof.startsWith('k.') && decodeBase64url(proof.slice(2))?.length === 32)
    return { links: parts, secret: proof.slice(2), seal: undefined }
  if (proof.startsWith('s.')) return { links: parts, secret: undefined, seal: proof.slice(2) }
  throw new TokenError('text', 'the token does not end in the proof that its bearer was given it')
}

export function joinToken({ links, secret, seal }: TokenParts): string {
  return [...links, secret === undefined ? `s.${seal}` : `k.${secret}`].join('~')
}

/** What its signatures are checked with. Without `rootKey` the root's is not: who narrows a token need not know it. */
export type ChainKeys = {
  rootKey?: ((header: JwsHeader) => Promise<VerifyingKey | undefined> | VerifyingKey | undefined) | undefined
}

function inLink<T>(index: number, error: unknown): T {
  if (error instanceof TokenError && error.link === undefined) throw new TokenError(error.problem, error.message, index)
  throw error
}

async function openLink(text: string, index: number, parent: Link | undefined, keys: ChainKeys): Promise<Link> {
  const typ = parent ? LINK_TYPE : ROOT_TYPE
  try {
    if (!parent && !keys.rootKey) {
      const { header, payload } = splitJws(text)
      if (header.typ !== typ) throw new TokenError('header', `its typ is not ${typ}`)
      return readClaims(parseStrictJson(payload), index)
    }
    const keyFor = parent ? (header: JwsHeader) => boundKey(parent.key, header) : keys.rootKey!
    const { payload } = await verifyJws(text, typ, keyFor)
    return readClaims(parseStrictJson(payload), index)
  } catch (error) {
    return inLink(index, error)
  }
}

/** The key that a parent was bound to. A `kid` has no meaning there, so there is none. */
async function boundKey(jwk: Jwk, { kid }: JwsHeader): Promise<VerifyingKey> {
  if (kid !== undefined) throw new TokenError('header', 'only a root names its key')
  return importVerifyingKey(jwk, algorithmOf(jwk))
}

/** The name of the key that a link is bound to: what the next one must give as its issuer. */
export function thumbprintOf(jwk: Jwk): Promise<string> {
  return calculateJwkThumbprintUri(jwk as unknown as Parameters<typeof calculateJwkThumbprintUri>[0], 'sha256')
}

/** @param effort what the proofs of all links together may cost */
async function checkFollows(
  child: Link,
  parent: Link,
  { index, parentText, effort }: { index: number; parentText: string; effort: Effort },
): Promise<void> {
  const refuse = (what: string) => {
    throw new TokenError('chain', what, index)
  }
  if (child.depth !== index) refuse(`it says that it is link ${child.depth}`)
  if (child.depth > parent.maxDepth) refuse(`its parent allows ${parent.maxDepth} links beneath the root`)
  if (child.maxDepth > parent.maxDepth) refuse('it allows more links than its parent')
  if (child.parentHash !== (await hashText(parentText))) refuse('its parent is another link')
  if (child.issuer !== (await thumbprintOf(parent.key))) refuse("it names another key than its parent's")
  if (child.audience !== parent.audience) refuse('it is for another audience than its parent')
  if (child.expires > parent.expires) refuse('it ends later than its parent')
  if ((child.notBefore ?? Infinity) < (parent.notBefore ?? 0)) refuse('it begins earlier than its parent')
  for (const key of ['calls', 'bytes'] as const)
    if ((child.quota?.[key] ?? 0) > (parent.quota?.[key] ?? Infinity))
      refuse(`its quota of ${key} is larger than its parent's`)
  const widening = findWidening(child.grants, parent.grants, effort)
  if (widening) throw new TokenError('wider', describeWidening(widening), index)
}

function checkRoot(root: Link): void {
  if (root.depth !== 0 || root.parentHash !== undefined) throw new TokenError('chain', 'it is no root', 0)
}

/** Proves that the bearer was given the last link. */
async function checkProof({ links, secret, seal }: TokenParts, last: Link): Promise<SigningKey | undefined> {
  const alg = algorithmOf(last.key)
  const key = await importVerifyingKey(last.key, alg)
  if (secret === undefined) {
    const { payload } = await verifyJws(seal ?? '', SEAL_TYPE, ({ kid }) => (kid === undefined ? key : undefined))
    const claims = parseStrictJson(payload) as { hash?: unknown } | undefined
    if (claims?.hash !== (await hashText(links.join('~'))))
      throw new TokenError('signature', 'its seal is of another token')
    return undefined
  }
  const signer = await importSigningKey({ ...last.key, d: secret }, alg)
  // Runtimes differ in whether they compare the halves of a key, so a signature does.
  const trial = await signJws({ hash: await hashText(links.join('~')) }, { typ: SEAL_TYPE }, signer)
  await verifyJws(trial, SEAL_TYPE, () => key)
  return signer
}

/**
 * Opens a token: every signature, that each link follows from its parent and is narrower, and that its bearer was given
 * the last one. When and for whom it holds is not looked at here.
 * @throws TokenError
 */
export async function openChain(parts: TokenParts, keys: ChainKeys): Promise<Chain> {
  const links: Link[] = []
  const effort = new Effort()
  for (const [index, text] of parts.links.entries()) {
    const parent = links.at(-1)
    const link = await openLink(text, index, parent, keys)
    if (parent) await checkFollows(link, parent, { index, parentText: parts.links[index - 1]!, effort })
    else checkRoot(link)
    links.push(link)
  }
  if (new Set(links.map(({ jti }) => jti)).size !== links.length)
    throw new TokenError('chain', 'two links have one jti')
  const signer = await checkProof(parts, links.at(-1)!)
  return { links: links as [Link, ...Link[]], signer }
}

/** When and for whom a chain must hold. Times in milliseconds since 1970. */
export type Circumstances = { audience: string; now: number; skewMs: number }

/**
 * Checks a chain's audience and times. Its end is meant to the millisecond; its beginning allows for clocks that differ.
 * @throws TokenError `audience`, `expired` or `early`
 */
export function checkCircumstances({ links }: Pick<Chain, 'links'>, { audience, now, skewMs }: Circumstances): void {
  for (const [index, { audience: meant, expires, notBefore, issuedAt }] of links.entries()) {
    if (meant !== audience) throw new TokenError('audience', `it is for ${JSON.stringify(meant.slice(0, 100))}`, index)
    if (!(now < expires)) throw new TokenError('expired', `it ended at ${new Date(expires).toISOString()}`, index)
    const begins = Math.max(notBefore ?? 0, issuedAt)
    if (!(begins <= now + skewMs))
      throw new TokenError('early', `it begins at ${new Date(begins).toISOString()}`, index)
  }
}
