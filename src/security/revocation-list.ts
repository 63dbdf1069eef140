/** The list of revoked links: signed, with a version that only rises, and a time after which it is too old to trust. */
import * as z from 'zod'
import { signJws, verifyJws } from '../../capabilities/tokens/jws.ts'
import type { SigningKey, VerifyingKey } from '../../capabilities/tokens/keys.ts'
import { parseStrictJson } from '../../capabilities/tokens/strict-json.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

/** Bytes of a signed list: a million links. */
const LIST_BYTES = 64 * 2 ** 20
const TYPE = 'toka-revocations+jwt'

const schema = z.strictObject({
  version: z.int().min(1),
  /** When it was signed, in milliseconds since 1970. */
  at: z.int().min(0),
  /** Each `jti` with when it may be forgotten. */
  revoked: z.array(z.tuple([z.string().regex(/^[A-Za-z0-9_-]{16,64}$/), z.int().min(0)])).max(1_000_000),
})

export type RevocationList = z.infer<typeof schema>

/** A list that names nothing. */
export const NO_REVOCATIONS: RevocationList = { version: 0, at: 0, revoked: [] }

/**
 * Reads a signed list.
 * @throws TokenError when its signature or its form is wrong
 */
export async function openList(
  text: string,
  keyFor: (kid: string | undefined) => Promise<VerifyingKey | undefined>,
): Promise<RevocationList> {
  const { payload } = await verifyJws(text, TYPE, ({ kid }) => keyFor(kid), LIST_BYTES)
  const parsed = schema.safeParse(parseStrictJson(payload))
  if (!parsed.success) throw new TokenError('claims', 'the list of revoked links is malformed')
  return parsed.data
}

/** The list with one more link, or none, and without those whose tokens have ended anyway. */
export function nextList(
  list: RevocationList,
  now: number,
  revoked?: readonly [jti: string, until: number],
): RevocationList {
  const kept = list.revoked.filter(([jti, until]) => until > now && jti !== revoked?.[0])
  return { version: list.version + 1, at: now, revoked: revoked ? [...kept, [...revoked]] : kept }
}

export function signList(list: RevocationList, signer: SigningKey & { kid: string }): Promise<string> {
  return signJws(list, { typ: TYPE, kid: signer.kid }, signer)
}
