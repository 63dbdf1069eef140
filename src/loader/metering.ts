/** The events of a pass over a body in, the places where fuel is taken out: what both ways of metering share. */
import type { Edit } from './edits.ts'
import type { Snippet } from './snippet.ts'

/** A block of the body at hand, as metering sees it. */
export type MeteredBlock = {
  /** A branch that can be reached, or a handler, leads to its label. */
  reached: boolean
  /** Worst unpaid cost of a branch to its label; of a loop, to its head. Below zero: none. */
  pending: number
  /** Unpaid cost where it begins. */
  before: number
  /** The charges before and after a loop's header. */
  entry: Charge | undefined
  head: Charge | undefined
}

/** A place where fuel is taken. One of no cost is left out. */
export class Charge implements Edit {
  readonly at: number
  readonly until: number
  code: ArrayLike<number> | undefined
  unlikely: readonly number[] | undefined
  cost = 0
  /** Whether the fuel's end is looked for here too. */
  tests: boolean

  constructor(at: number, tests: boolean) {
    this.at = at
    this.until = at
    this.tests = tests
  }

  take({ code, unlikely }: Snippet): void {
    this.code = code
    this.unlikely = unlikely
  }
}

/**
 * One way of metering, fed with the events of one body in order. `at` is a place before an instruction, `after` one
 * behind it. Code that cannot be reached spends nothing.
 */
export interface Metering {
  begin(at: number): void
  /** @returns whether the fuel's end is looked for before the instruction */
  spend(price: number, at: number): boolean
  enterIf(block: MeteredBlock, after: number): void
  enterLoop(block: MeteredBlock, at: number, after: number): void
  /** @param live whether the end of the first branch can be reached */
  enterElse(block: MeteredBlock, live: boolean, after: number): void
  /** An exception may land after `after` from anywhere in a block. */
  enterHandler(after: number): void
  branch(block: MeteredBlock): void
  /** A handler leads to the block's label. */
  branchFromHandler(block: MeteredBlock): void
  /** Behind a branch that is not always taken. */
  fallThrough(after: number): void
  /** @param fromBefore an `if` without an `else`: what comes after can be reached from before it */
  leave(block: MeteredBlock, live: boolean, isLoop: boolean, fromBefore: boolean, after: number): void
  /** Another function runs, or the function ends: what it has spent must have been paid for. */
  settle(): void
  /** @returns the charges, in the order in which they were made, and what each caller pays for the body beside them */
  end(): { charges: readonly Charge[]; callersPay: number }
}
