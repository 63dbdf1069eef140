/** What a Toka needs of whoever vouches for tokens: a policy for a sandbox, and word when it ends. */
import type { Denial } from './denials.ts'
import type { Ledger } from './ledger.ts'
import type { Policy } from './policy.ts'

/** A token that a sandbox holds. Its policy's account is held once, for who opens the gate to take over. */
export interface HeldToken {
  readonly policy: Policy
  /** Aborted when a link of it is revoked. */
  readonly revoked: AbortSignal
  /** The denial with what the link that refused allows. */
  explain(denial: Denial): Denial
  /** A run is over: for the log. */
  ended(run: { denials: readonly Denial[]; audit: { records: number; head: string } }): void
  /** The sandbox and its forks are gone. Safe to call twice. */
  release(): Promise<void>
}

export interface TokenAuthority {
  /** Counts what tokens may spend: a Toka that is given an authority uses its ledger. */
  readonly ledger: Ledger
  /**
   * Takes a token for a sandbox.
   * @param options `grants`: of the caller, which must allow too; `whole`: its gate cannot ask for more of a quota later
   * @throws TokaError TOKA_TOKEN_INVALID
   */
  hold(token: string, options: { grants?: unknown; whole: boolean }): Promise<HeldToken>
}
