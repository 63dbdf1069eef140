/** A compact JWS (RFC 7515) in, its payload out: the text is checked letter by letter before any signature is. */
import { CompactSign, compactVerify } from 'jose'
import { decodeBase64url, encodeBase64url } from './base64url.ts'
import { CALLER_ALGORITHMS, type Algorithm, type SigningKey, type VerifyingKey } from './keys.ts'
import { parseStrictJson } from './strict-json.ts'
import { TokenError } from './token-error.ts'

export type JwsHeader = { alg: Algorithm; typ?: string; kid?: string }

/** Bytes of a JWS, the largest. */
export const JWS_BYTES = 65_536

/** Members that a header may have. Keys inside a token (`jwk`, `jku`, `x5u`, `x5c`), `crit`, `b64` and `zip` are not among them. */
const MEMBERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid'])

type Parts = { header: JwsHeader; payload: Uint8Array<ArrayBuffer>; signature: Uint8Array<ArrayBuffer> }

function readHeader(bytes: Uint8Array): JwsHeader {
  const value = parseStrictJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TokenError('header', 'the header is no JSON object with each name once')
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined)
    throw new TokenError('header', `the header has ${JSON.stringify(unknown.slice(0, 40))}, which is not accepted`)
  const { alg, typ, kid } = value as Record<string, unknown>
  if (!CALLER_ALGORITHMS.some((known) => known === alg))
    throw new TokenError('header', `the algorithm ${JSON.stringify(String(alg).slice(0, 40))} is not accepted`)
  for (const text of [typ, kid])
    if (text !== undefined && (typeof text !== 'string' || text.length > 256))
      throw new TokenError('header', 'typ and kid must be short texts')
  return value as JwsHeader
}

/** @throws TokenError `text` or `header` */
export function splitJws(text: string, most = JWS_BYTES): Parts {
  if (text.length > most) throw new TokenError('text', `it is longer than ${most} bytes`)
  const parts = text.split('.')
  const bytes = parts.map(decodeBase64url)
  const [header, payload, signature] = bytes
  if (parts.length !== 3 || !header || !payload || !signature)
    throw new TokenError('text', 'it is not three parts of base64url, each in its only form, with dots between')
  return { header: readHeader(header), payload, signature }
}

/**
 * Verifies a signature.
 * @param keyFor answers the configured key that a header means; undefined when there is none
 * @param most bytes of the text
 * @throws TokenError `text`, `header`, `key` or `signature`
 */
export async function verifyJws(
  text: string,
  typ: string | undefined,
  keyFor: (header: JwsHeader) => Promise<VerifyingKey | undefined> | VerifyingKey | undefined,
  most = JWS_BYTES,
): Promise<{ header: JwsHeader; payload: Uint8Array<ArrayBuffer> }> {
  const { header, payload } = splitJws(text, most)
  if (typ !== undefined && header.typ !== typ)
    throw new TokenError('header', `its typ is ${JSON.stringify(header.typ ?? null)}, not ${JSON.stringify(typ)}`)
  const key = await keyFor(header)
  if (!key) throw new TokenError('key', `no key ${JSON.stringify(header.kid ?? null)} is configured`)
  if (key.alg !== header.alg) throw new TokenError('header', `its key is for ${key.alg}, not for ${header.alg}`)
  try {
    await compactVerify(text, key.key, { algorithms: [key.alg] })
  } catch {
    throw new TokenError('signature', 'the signature does not hold')
  }
  return { header, payload }
}

/** Signs a payload. */
export async function signJws(
  payload: unknown,
  header: { typ: string; kid?: string },
  { alg, key }: SigningKey,
): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(payload))
  return new CompactSign(bytes).setProtectedHeader({ alg, ...header }).sign(key)
}

/** SHA-256 of a text, in base64url. */
export async function hashText(text: string): Promise<string> {
  return encodeBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
}
