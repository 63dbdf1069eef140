/** The cells of tokens' links in a manager's ledger: one for each quota of a link, whoever uses it, filled from the store by leases. */
import type { CellPlan, Program } from '../../capabilities/compile.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import type { Account, Ledger } from '../gate/ledger.ts'
import type { MaybePromise } from '../kernel/host-port.ts'
import type { QuotaCell, SecurityStore } from './store.ts'

type Shared = {
  cell: number
  users: number
  kind: CellPlan['kind']
  jti: string
  /** Of a quota: where it is kept. */
  quota: QuotaCell | undefined
}

/** A link's cells begin here in the program: the caller's own grants, where there are any, are link 0. */
export type Placement = { links: readonly Link[]; first: number }

/** A cell of a program that belongs to a link: its place in the program, and the name that it has wherever the link is used. */
export type LinkCell = { index: number; name: string; plan: CellPlan; link: Link }

/** The cells of links, in the order of the program. What says that no secret was read is a sandbox's own. */
export function linkCells(program: Program, { links, first }: Placement): LinkCell[] {
  const counts = new Map<number, number>()
  return program.cells.flatMap((plan, index) => {
    const at = plan.link ?? 0
    const link = links[at - first]
    if (!link || plan.kind === 'clean') return []
    const place = counts.get(at) ?? 0
    counts.set(at, place + 1)
    return [{ index, name: `${link.jti}/${place}`, plan, link }]
  })
}

/** Where a quota is kept; undefined for a cell that is none. */
export function quotaOf({ name, plan: { kind, initial }, link }: LinkCell): QuotaCell | undefined {
  return kind === 'calls' || kind === 'bytes' ? { key: name, initial, until: link.expires } : undefined
}

export class SharedCells {
  readonly #ledger: Ledger
  readonly #store: SecurityStore
  readonly #cells = new Map<string, Shared>()

  constructor(ledger: Ledger, store: SecurityStore) {
    this.#ledger = ledger
    this.#store = store
  }

  /**
   * The account of a chain's program.
   * @param whole leases all that is left: for gates that cannot ask for more
   * @param isRevoked what is known of a link now
   */
  async open(
    program: Program,
    placement: Placement,
    whole: boolean,
    isRevoked: (jti: string) => boolean,
  ): Promise<{ account: Account; names: string[] }> {
    const names: string[] = []
    const lent = new Map<number, number>()
    try {
      for (const one of linkCells(program, placement)) {
        const shared = this.#join(one)
        names.push(one.name)
        lent.set(one.index, shared.cell)
        if (shared.kind === 'alive') this.#ledger.functions.set(shared.cell, isRevoked(one.link.jti) ? 0n : 1n)
        if (shared.quota) await this.#lease(shared, whole)
      }
      return { account: this.#ledger.open(program.cells, lent), names }
    } catch (error) {
      await this.leave(names)
      throw error
    }
  }

  #join(one: LinkCell): Shared {
    const known = this.#cells.get(one.name)
    if (known) {
      known.users++
      return known
    }
    const { kind } = one.plan
    const account = this.#ledger.open([{ kind, initial: 0 }])
    // The account's counter of holders is not needed: users are counted here.
    this.#ledger.functions.free(account.holders)
    const shared: Shared = { cell: account.cells[0]!, users: 1, kind, jti: one.link.jti, quota: quotaOf(one) }
    this.#cells.set(one.name, shared)
    return shared
  }

  #lease({ cell, quota }: Shared, whole: boolean): MaybePromise<boolean> {
    const taken = this.#store.lease(quota!, whole)
    const add = (amount: number): boolean => {
      if (amount > 0) this.#ledger.functions.refund(cell, BigInt(amount))
      return amount > 0
    }
    return typeof taken === 'number' ? add(taken) : taken.then(add)
  }

  /** Leases more for quotas, or for those of one kind, where the store answers at once. Answers whether any was got by then. */
  topUp(names: readonly string[], kind?: 'bytes'): boolean {
    let got = false
    for (const name of names) {
      const shared = this.#cells.get(name)
      if (!shared?.quota || (kind !== undefined && shared.kind !== kind)) continue
      const more = this.#lease(shared, false)
      if (more instanceof Promise) more.catch(() => {})
      else got = more || got
    }
    return got
  }

  /** One user less of each; what the last leaves unspent goes back. */
  async leave(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const shared = this.#cells.get(name)
      if (!shared || --shared.users > 0) continue
      this.#cells.delete(name)
      const { functions } = this.#ledger
      const left = Number(functions.left(shared.cell))
      functions.set(shared.cell, 0n)
      functions.free(shared.cell)
      if (shared.quota && left > 0) await this.#store.giveBack(shared.quota, left)
    }
  }

  /** Says of every link in use whether it is alive. One store each: what rests on it is refused from then on. */
  revive(isAlive: (jti: string) => boolean): void {
    for (const { kind, jti, cell } of this.#cells.values())
      if (kind === 'alive') this.#ledger.functions.set(cell, isAlive(jti) ? 1n : 0n)
  }

  /** What is left of a quota: unleased, and unspent here. */
  async left(quota: QuotaCell): Promise<number> {
    const shared = this.#cells.get(quota.key)
    const here = shared ? Number(this.#ledger.functions.left(shared.cell)) : 0
    return (await this.#store.left(quota)) + here
  }
}
