/** Grants and rules from the caller in, checked ones out, with the library's own error. */
import { GrantError } from '../../capabilities/grant-error.ts'
import { parseRule as parse } from '../../capabilities/rules.ts'
import { type Grant, parseGrants } from '../../capabilities/schema.ts'
import { TokaError } from '../errors.ts'

/** The library's own error for one of the capabilities'. */
export function orTokaError(error: unknown): unknown {
  return error instanceof GrantError ? new TokaError('TOKA_GRANT_INVALID', error.message) : error
}

/** @throws the library's own error for one of the capabilities' */
export function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw orTokaError(error)
  }
}

/**
 * Checks grants.
 * @throws TokaError TOKA_GRANT_INVALID naming the grant, the field and what is expected
 */
export function checkGrants(grants: unknown): Grant[] {
  return attempt(() => parseGrants(grants))
}

/**
 * Reads a policy file of Wassette (YAML).
 * @throws TokaError TOKA_GRANT_INVALID naming what cannot be read, or cannot be said in grants
 */
export async function importWassettePolicy(text: string): Promise<Grant[]> {
  const { importWassette } = await import('../../capabilities/wassette.ts')
  return attempt(() => importWassette(text))
}

/**
 * Reads the one-line form of a grant.
 * @throws TokaError TOKA_GRANT_INVALID with the forms that there are
 * @example parseRule('fs.read=/data/**')
 */
export function parseRule(text: string): Grant {
  return attempt(() => parse(text))
}
