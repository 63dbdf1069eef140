/** A token in, a narrower one out: offline, because its bearer's own key signs. */
import { attenuateToken } from '../../capabilities/tokens/mint.ts'
import { checkGrants, orTokaError } from '../gate/grants.ts'
import type { AttenuateOptions } from './options.ts'
import { parseTtl } from './ttl.ts'
import { tokenError } from './verified-tokens.ts'

/**
 * Narrows a token, offline: no key and no store is needed, its bearer signs.
 * @param token as it was given
 * @throws TokaError TOKA_TOKEN_INVALID saying where the child would be wider, TOKA_GRANT_INVALID
 */
export async function attenuate(
  token: string,
  { grants, ttl, ...options }: AttenuateOptions,
  { now = Date.now() }: { now?: number } = {},
): Promise<{ token: string; jti: string }> {
  const checked = grants && checkGrants(grants)
  const expires = ttl === undefined ? undefined : now + parseTtl(ttl)
  try {
    return await attenuateToken(token, { ...options, now, grants: checked, expires })
  } catch (error) {
    throw orTokaError(tokenError(error))
  }
}
