/** Frames and the call graph in, which functions count the depth of calls, and how much each of them takes, out. */
import { type CallGraph, Trait } from './call-graph.ts'
import { FRAME_SLOTS, PASSED_SLOTS, UNCOUNTED_SLOTS } from './costs.ts'

/** Of a body that no way leads through to one that counts. */
const NONE = 0

/**
 * Depth is counted in the functions through which recursion must pass, in one on each long way down without them, and
 * in those that may catch an exception, which must put it right. Such a function takes its own frame, and the largest
 * frames that may lie between it and the next that counts. Ways down that end without one are on the stack
 * once at most, whatever lies above them: `UNCOUNTED_SLOTS` beyond the guest's own are there for that.
 */
export class Depth {
  readonly #graph: CallGraph
  readonly #counts: Uint8Array
  /** By the body that does not count: slots of the longest way down from it that nobody counts. */
  readonly #below: Uint32Array
  /** By the body that does not count: slots of the largest frames from it down to one that counts. */
  readonly #passed: Uint32Array

  constructor(graph: CallGraph) {
    const bodies = graph.cyclic.length
    this.#graph = graph
    this.#counts = new Uint8Array(bodies)
    this.#below = new Uint32Array(bodies)
    this.#passed = new Uint32Array(bodies)
  }

  /**
   * To be asked for callees first.
   * @param slots of the body's locals and operands
   * @returns the slots that it takes, when it is one that counts
   */
  slotsOf(body: number, slots: number): number | undefined {
    const { cyclic, traits, callees } = this.#graph
    const own = FRAME_SLOTS + slots
    const trait = traits[body] as number
    let below = 0
    let passed = 0
    let passes = (trait & Trait.leaves) !== 0
    for (const callee of callees(body)) {
      // Of those that come later a cycle is closed: they count.
      if (this.#counts[callee] === 1 || (cyclic[callee] === 1 && calls(traits[callee]))) passes = true
      else {
        below = Math.max(below, this.#below[callee] as number)
        passed = Math.max(passed, this.#passed[callee] as number)
      }
    }
    const isLong = own + below > UNCOUNTED_SLOTS || (passed > NONE && own + passed > PASSED_SLOTS)
    if (calls(trait) && (isLong || cyclic[body] === 1 || (trait & Trait.exceptions) !== 0)) {
      this.#counts[body] = 1
      return own + Math.max(passed, below - UNCOUNTED_SLOTS)
    }
    this.#below[body] = own + below
    this.#passed[body] = passes || passed > NONE ? own + passed : NONE
    return undefined
  }
}

const calls = (trait = 0): boolean => (trait & Trait.calls) !== 0
