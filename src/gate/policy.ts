/** Grants in, what gates decide by out: a program and the account that it charges, both plain data. A page loads it with its first sandbox. */
import { compileGrants as compile, type Program } from '../../capabilities/compile.ts'
import { parseGrants } from '../../capabilities/schema.ts'
import { attempt } from './grants.ts'
import type { Account, Ledger } from './ledger.ts'

/** The same in every worker that shares the ledger's memory. Each gate verifies the program anew. */
export type Policy = {
  readonly program: Program
  readonly account: Account
  /** Tries to get more for quotas that are spent here, but not elsewhere. Of this thread alone: workers are sent none. */
  readonly topUp?: ((kind?: 'bytes') => boolean) | undefined
}

/**
 * Checks grants and compiles them.
 * @throws TokaError TOKA_GRANT_INVALID naming the grant, the field and what is expected
 */
export function compileGrants(grants: unknown): Program {
  return attempt(() => compile(parseGrants(grants)))
}

/**
 * Compiles grants and opens their account, held once: release it when the gates that use it hold it themselves.
 * @param grants as given by the caller; checked here
 * @throws TokaError TOKA_GRANT_INVALID for grants that are not usable, TOKA_RUNTIME_UNSUPPORTED when the ledger is full
 */
export function openPolicy(grants: unknown, ledger: Ledger): Policy {
  const program = compileGrants(grants)
  return { program, account: ledger.open(program.cells) }
}
