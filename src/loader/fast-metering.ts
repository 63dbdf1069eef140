/** Metering of modules that may be hostile: never less than what was spent is taken, at as few places as that allows. */
import { FREE_ENTRY, Price, STRETCH } from './costs.ts'
import { Charge, type MeteredBlock, type Metering } from './metering.ts'

/**
 * Fuel is taken at loop heads and function entries, and in stretches of code that are longer than `STRETCH`. A loop
 * head pays for the dearest way round, an entry in advance for the dearest way from the last charge to a call or to
 * the end. So at each call all that was spent is paid for, whatever way was taken, and nowhere is more than one stretch
 * unpaid. Where the entry's charge would be small, callers pay it, unless a cycle of calls could pass there.
 */
export class FastMetering implements Metering {
  readonly #charges: Charge[] = []
  readonly #cyclic: boolean
  #entry: Charge
  /** Cost since the last charge, on the dearest way here. */
  #unpaid = 0

  /** @param cyclic whether a cycle of calls may pass the body, which then has a charge at its entry in any case */
  constructor(cyclic: boolean) {
    this.#cyclic = cyclic
    this.#entry = new Charge(0, true)
  }

  begin(at: number): void {
    this.#entry = this.#add(at, true)
  }

  spend(price: number, at: number): boolean {
    const due = this.#unpaid >= STRETCH
    if (due) {
      this.#add(at, true).cost = this.#unpaid
      this.#unpaid = 0
    }
    this.#unpaid += price
    return due
  }

  enterIf(block: MeteredBlock): void {
    block.before = this.#unpaid
  }

  enterLoop(block: MeteredBlock, at: number, after: number): void {
    block.before = this.#unpaid
    block.entry = this.#add(at, false)
    block.head = this.#add(after, true)
    this.#unpaid = 0
  }

  enterElse(block: MeteredBlock, live: boolean): void {
    if (live) this.branch(block)
    this.#unpaid = block.before
  }

  enterHandler(): void {
    this.#unpaid = STRETCH
  }

  branch(block: MeteredBlock): void {
    block.pending = Math.max(block.pending, this.#unpaid)
  }

  branchFromHandler(block: MeteredBlock): void {
    block.pending = Math.max(block.pending, STRETCH)
  }

  fallThrough(): void {}

  leave(block: MeteredBlock, live: boolean, isLoop: boolean, fromBefore: boolean): void {
    if (isLoop) {
      const { head, entry } = block
      if (!head || !entry) return
      head.cost = Math.max(Price.check, block.pending)
      if (block.before > head.cost) entry.cost = block.before
      return
    }
    this.#unpaid = Math.max(live ? this.#unpaid : 0, block.pending, fromBefore ? block.before : 0, 0)
  }

  settle(): void {
    this.#entry.cost = Math.max(this.#entry.cost, this.#unpaid)
  }

  end(): { charges: readonly Charge[]; callersPay: number } {
    const { cost } = this.#entry
    const free = !this.#cyclic && cost <= FREE_ENTRY
    this.#entry.cost = free ? 0 : Math.max(cost, Price.check)
    return { charges: this.#charges, callersPay: free ? cost : 0 }
  }

  #add(at: number, tests: boolean): Charge {
    const charge = new Charge(at, tests)
    this.#charges.push(charge)
    return charge
  }
}
