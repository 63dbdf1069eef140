/** Instructions' effects in, the size of a frame and of the merges between branches out: what compile time and stack grow with. */
import { FREE_ARITY } from './costs.ts'
import type { FunctionType } from './sections.ts'

/** A block and the operands below its own. */
export type OperandBlock = { height: number; type: FunctionType }

/** Counts operands along one body. Only code that can be reached is counted right, and only that is compiled. */
export class OperandCount {
  /** Operands now. */
  height = 0
  /** Most operands at one time. */
  highest = 0
  /** Locals and operands alive, summed up over all places where control meets or parts. */
  merged = 0
  locals = 0
  /** Slots that the arguments and results of one call take at most, where registers are not enough. */
  handed = 0

  move(effect: number): void {
    this.height += effect
    if (this.height > this.highest) this.highest = this.height
  }

  call({ params, results }: FunctionType): void {
    this.handed = Math.max(this.handed, params.length + results.length - FREE_ARITY)
    this.height -= params.length
    this.move(results.length)
  }

  merge(): void {
    this.merged += this.locals + Math.max(0, this.height)
  }

  open({ params }: FunctionType): number {
    this.merge()
    return this.height - params.length
  }

  /** Begins another part of a block with so many operands. */
  restart({ height }: OperandBlock, operands: number): void {
    this.merge()
    this.height = height
    this.move(operands)
  }
}
