/** Tokens that decisions were asked about: each is kept for a while, because the next question is often the same token's. */
import type { HeldToken } from '../gate/authority.ts'
import type { Denial } from '../gate/denials.ts'
import type { Ledger } from '../gate/ledger.ts'
import { Cvm } from '../gate/cvm.ts'
import { type AuthorizeRequest, Decider } from './decide.ts'

const KEPT = 64

type Kept = Promise<{ held: HeldToken; decider: Decider }>

export class Deciders {
  readonly #hold: (token: string) => Promise<HeldToken>
  readonly #ledger: Ledger
  readonly #now: () => number
  readonly #kept = new Map<string, Kept>()
  /** One for all: a page has addresses for a hundred memories (see docs/limits.md). */
  #cvm: Cvm | undefined
  #installed: Decider | undefined

  constructor(hold: (token: string) => Promise<HeldToken>, ledger: Ledger, now: () => number) {
    this.#hold = hold
    this.#ledger = ledger
    this.#now = now
  }

  async decide(token: string, request: AuthorizeRequest): Promise<Denial | undefined> {
    const known = this.#kept.get(token) ?? this.#make(token)
    this.#kept.delete(token)
    this.#kept.set(token, known)
    const { held, decider } = await known
    if (this.#installed !== decider) decider.install()
    this.#installed = decider
    const denial = decider.decide(request)
    return denial && held.explain(denial)
  }

  #make(token: string): Kept {
    const made = this.#hold(token).then((held) => {
      this.#cvm ??= new Cvm(held.policy.program, held.policy.account, this.#ledger)
      return { held, decider: new Decider(this.#cvm, held.policy, this.#ledger, this.#now) }
    })
    made.catch(() => this.#kept.delete(token))
    if (this.#kept.size >= KEPT) {
      const [oldest, kept] = this.#kept.entries().next().value!
      this.#kept.delete(oldest)
      void kept.then(({ held }) => this.#drop(held)).catch(() => {})
    }
    return made
  }

  async close(): Promise<void> {
    const all = [...this.#kept.values()]
    this.#kept.clear()
    await Promise.allSettled(all.map(async (kept) => this.#drop((await kept).held)))
  }

  async #drop(held: HeldToken): Promise<void> {
    this.#ledger.release(held.policy.account)
    await held.release()
  }
}
