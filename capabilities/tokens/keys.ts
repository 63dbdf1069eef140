/** Keys: made, read from JSON Web Keys and written as such. A key has one algorithm, and no other is ever tried with it. */
import { TokenError } from './token-error.ts'
import { decodeBase64url } from './base64url.ts'

/** What tokens are signed with: Ed25519, ES256 where Web Crypto lacks it, HS256 for a service that is alone. */
export const TOKEN_ALGORITHMS = ['Ed25519', 'ES256', 'HS256'] as const
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]

/** What callers' JWTs may be signed with besides. */
export const CALLER_ALGORITHMS = [
  ...TOKEN_ALGORITHMS,
  'EdDSA',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
] as const
export type Algorithm = (typeof CALLER_ALGORITHMS)[number]

/** Members of a key that are looked at. */
export type Jwk = {
  kty: string
  crv?: string
  x?: string
  y?: string
  d?: string
  k?: string
  n?: string
  e?: string
  alg?: string
  use?: string
  key_ops?: string[]
  kid?: string
}

export type SigningKey = { readonly alg: TokenAlgorithm; readonly key: CryptoKey }
export type VerifyingKey = { readonly alg: Algorithm; readonly key: CryptoKey }

const HASHES: Readonly<Record<string, string>> = { '256': 'SHA-256', '384': 'SHA-384', '512': 'SHA-512' }

/** Bytes of the secret of HS256, at least (RFC 7518, section 3.2). */
const SECRET_BYTES = 32

function parametersOf(alg: Algorithm): { name: string; hash?: string; namedCurve?: string } {
  const hash = HASHES[alg.slice(2)]
  if (alg === 'Ed25519' || alg === 'EdDSA') return { name: 'Ed25519' }
  if (alg === 'HS256') return { name: 'HMAC', hash: 'SHA-256' }
  if (alg.startsWith('RS')) return { name: 'RSASSA-PKCS1-v1_5', hash: hash! }
  if (alg.startsWith('PS')) return { name: 'RSA-PSS', hash: hash! }
  return { name: 'ECDSA', namedCurve: alg === 'ES512' ? 'P-521' : `P-${alg.slice(2)}` }
}

/** The kind of key that an algorithm needs: `kty` and, where there are several, `crv`. */
function fits({ kty, crv }: Jwk, alg: Algorithm): boolean {
  if (alg === 'Ed25519' || alg === 'EdDSA') return kty === 'OKP' && crv === 'Ed25519'
  if (alg.startsWith('HS')) return kty === 'oct'
  if (alg.startsWith('ES')) return kty === 'EC' && crv === (alg === 'ES512' ? 'P-521' : `P-${alg.slice(2)}`)
  return kty === 'RSA'
}

function refuse(what: string): never {
  throw new TokenError('key', what)
}

async function importKey(jwk: Jwk, alg: Algorithm, use: 'sign' | 'verify'): Promise<CryptoKey> {
  if (!fits(jwk, alg)) refuse(`a key of kind ${String(jwk.kty)} cannot be used with ${alg}`)
  if (jwk.alg !== undefined && jwk.alg !== alg) refuse(`a key for ${jwk.alg} cannot be used with ${alg}`)
  if (jwk.use !== undefined && jwk.use !== 'sig') refuse('a key that is not for signatures')
  if (jwk.key_ops && !jwk.key_ops.includes(use)) refuse(`a key that may not ${use}`)
  if (jwk.kty === 'oct' && (decodeBase64url(jwk.k ?? '')?.length ?? 0) < SECRET_BYTES)
    refuse(`a secret of fewer than ${SECRET_BYTES} bytes`)
  // What says who may use it was checked above, and runtimes differ in how they read it.
  const { alg: _, use: __, key_ops: ___, ...bare } = jwk
  try {
    return await crypto.subtle.importKey('jwk', bare as JsonWebKey, parametersOf(alg), false, [use])
  } catch {
    return refuse(`a key that is no usable key for ${alg}`)
  }
}

/** @throws TokenError `key` when it is no private key for the algorithm */
export async function importSigningKey(jwk: Jwk, alg: TokenAlgorithm): Promise<SigningKey> {
  if (jwk.kty !== 'oct' && jwk.d === undefined) refuse('a public key cannot sign')
  return { alg, key: await importKey(jwk, alg, 'sign') }
}

/** @throws TokenError `key` when it is no key for the algorithm */
export async function importVerifyingKey(jwk: Jwk, alg: Algorithm): Promise<VerifyingKey> {
  return { alg, key: await importKey(publicJwk(jwk), alg, 'verify') }
}

/** The key without what only its owner knows; a shared secret stays what it is. */
export function publicJwk({ d: _, ...jwk }: Jwk): Jwk {
  if (jwk.kty !== 'RSA' && jwk.kty !== 'EC' && jwk.kty !== 'OKP') return jwk
  const { kty, crv, x, y, n, e, alg, use, key_ops } = jwk
  return Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e, alg, use, key_ops: key_ops?.filter((one) => one !== 'sign') }).filter(
      ([, value]) => value !== undefined && (!Array.isArray(value) || value.length > 0),
    ),
  ) as unknown as Jwk
}

/** The algorithm of a key by its kind. */
export function algorithmOf({ kty, crv }: Jwk): TokenAlgorithm {
  if (kty === 'OKP' && crv === 'Ed25519') return 'Ed25519'
  if (kty === 'EC' && crv === 'P-256') return 'ES256'
  return refuse(`a key of kind ${String(kty)} ${String(crv ?? '')} cannot be bound to a token`)
}

let ed25519: Promise<boolean> | undefined

/** Whether this runtime's Web Crypto has Ed25519. */
function hasEd25519(): Promise<boolean> {
  ed25519 ??= crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']).then(
    () => true,
    () => false,
  )
  return ed25519
}

/**
 * Makes a key pair, or for HS256 a secret.
 * @param alg default: Ed25519, or ES256 where Web Crypto lacks it
 * @returns the private JSON Web Key
 */
export async function generateJwk(alg?: TokenAlgorithm): Promise<{ alg: TokenAlgorithm; jwk: Jwk }> {
  const chosen = alg ?? ((await hasEd25519()) ? 'Ed25519' : 'ES256')
  const parameters = chosen === 'HS256' ? { ...parametersOf(chosen), length: SECRET_BYTES * 8 } : parametersOf(chosen)
  const made = await crypto.subtle.generateKey(parameters, true, ['sign', 'verify'])
  const key = 'privateKey' in made ? (made as CryptoKeyPair).privateKey : (made as CryptoKey)
  const { kty, crv, x, y, d, k } = (await crypto.subtle.exportKey('jwk', key)) as Jwk
  const jwk = Object.fromEntries(Object.entries({ kty, crv, x, y, d, k }).filter(([, value]) => value !== undefined))
  return { alg: chosen, jwk: jwk as unknown as Jwk }
}
