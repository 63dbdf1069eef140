/** The account that a sandbox of a worker and its forks share, as the embedding thread keeps it. */
import type { Ledger } from '../gate/ledger.ts'
import type { Policy } from '../gate/policy.ts'

/**
 * The gates in the worker hold the account too. But a worker can be lost with what it holds, so this thread decides when
 * the account is freed: after the last sandbox is disposed, or when the worker is gone.
 */
export class Family {
  readonly policy: Policy
  readonly #ledger: Ledger
  #members = 1
  #freed = false

  /** Takes over the hold that `openPolicy` gave. */
  constructor(policy: Policy, ledger: Ledger) {
    this.policy = policy
    this.#ledger = ledger
  }

  join(): void {
    this.#members++
  }

  /** A member is disposed, or was never made. Who made the family is a member until it has others. */
  leave(): void {
    if (--this.#members === 0) this.end()
  }

  /** Nobody uses the account any more. */
  end(): void {
    if (this.#freed) return
    this.#freed = true
    this.#ledger.abandon(this.policy.account)
  }
}
