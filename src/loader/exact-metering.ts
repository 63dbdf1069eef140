/** Metering whose sum is the same on every machine: each basic block pays its own price when it is entered. */
import { Price, STRETCH } from './costs.ts'
import { Charge, type MeteredBlock, type Metering } from './metering.ts'

export class ExactMetering implements Metering {
  readonly #charges: Charge[] = []
  readonly #testsEntry: boolean
  #open = new Charge(0, false)
  /** Cost in the text since a charge that tests. */
  #untested = 0

  /** @param testsEntry false for a body so short that its callers' tests are enough */
  constructor(testsEntry: boolean) {
    this.#testsEntry = testsEntry
  }

  begin(at: number): void {
    this.#start(at, this.#testsEntry).cost = Price.check
  }

  spend(price: number): boolean {
    this.#open.cost += price
    this.#untested += price
    return false
  }

  enterIf(_block: MeteredBlock, after: number): void {
    this.#start(after, false)
  }

  enterLoop(_block: MeteredBlock, _at: number, after: number): void {
    this.#start(after, true).cost = Price.check
  }

  enterElse(_block: MeteredBlock, _live: boolean, after: number): void {
    this.#start(after, false)
  }

  enterHandler(after: number): void {
    this.#start(after, false)
  }

  branch(): void {}

  branchFromHandler(): void {}

  fallThrough(after: number): void {
    this.#start(after, false)
  }

  leave(block: MeteredBlock, live: boolean, _isLoop: boolean, fromBefore: boolean, after: number): void {
    if (block.reached || fromBefore || !live) this.#start(after, false)
  }

  settle(): void {}

  end(): { charges: readonly Charge[]; callersPay: number } {
    return { charges: this.#charges, callersPay: 0 }
  }

  #start(at: number, tests: boolean): Charge {
    // A charge of nothing is left out, and its test goes to the next one.
    const owed = this.#open.tests && this.#open.cost === 0
    this.#open = new Charge(at, tests || owed || this.#untested > STRETCH)
    if (this.#open.tests) this.#untested = 0
    this.#charges.push(this.#open)
    return this.#open
  }
}
