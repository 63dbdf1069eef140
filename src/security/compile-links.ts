/** Links of a token in, the program that decides by all of them out. */
import { type ChainLink, compileChain, type Program } from '../../capabilities/compile.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { TokaError } from '../errors.ts'
import { orTokaError } from '../gate/grants.ts'

/**
 * @param own links before the token's: grants of the embedding program
 * @throws TokaError TOKA_GRANT_INVALID when the program would be too large
 */
export function compileLinks(links: readonly Link[], own: readonly ChainLink[] = []): Program {
  let program: Program
  try {
    program = compileChain([
      ...own,
      ...links.map(({ grants, notBefore, expires, quota }) => ({ grants, notBefore, expires, quota, revocable: true })),
    ])
  } catch (error) {
    throw orTokaError(error)
  }
  const problem = verifyProgram(program)
  if (problem) throw new TokaError('TOKA_GRANT_INVALID', `the grants of the token cannot be decided by: ${problem}`)
  return program
}
