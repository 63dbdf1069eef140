/** Grants and rules from the caller in, checked ones out, with the library's own error. */
import { compileGrants as compile, type Program } from '../../capabilities/compile.ts'
import { GrantError } from '../../capabilities/grant-error.ts'
import { parseRule as parse } from '../../capabilities/rules.ts'
import { type Grant, parseGrants } from '../../capabilities/schema.ts'
import { TokaError } from '../errors.ts'

function orTokaError<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof GrantError) throw new TokaError('TOKA_GRANT_INVALID', error.message)
    throw error
  }
}

/**
 * Checks grants and compiles them.
 * @throws TokaError TOKA_GRANT_INVALID naming the grant, the field and what is expected
 */
export function compileGrants(grants: unknown): Program {
  return orTokaError(() => compile(parseGrants(grants)))
}

/**
 * Reads the one-line form of a grant.
 * @throws TokaError TOKA_GRANT_INVALID with the forms that there are
 * @example parseRule('fs.read=/data/**')
 */
export function parseRule(text: string): Grant {
  return orTokaError(() => parse(text))
}
