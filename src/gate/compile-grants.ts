/** Grants in, the program of the capability VM out: apart from the checks, because a page compiles none before it opens a sandbox. */
import { compileGrants as compile, type Program } from '../../capabilities/compile.ts'
import { parseGrants } from '../../capabilities/schema.ts'
import { attempt } from './grants.ts'

/**
 * Checks grants and compiles them.
 * @throws TokaError TOKA_GRANT_INVALID naming the grant, the field and what is expected
 */
export function compileGrants(grants: unknown): Program {
  return attempt(() => compile(parseGrants(grants)))
}
