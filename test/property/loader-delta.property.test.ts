/** Any two states of one guest: their difference, put on the first, is the second, and holds no block that is the same. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyDelta, deltaOf } from '../../src/loader/delta.ts'
import { PAGE_BYTES, RUN_BLOCK, type State } from '../../src/loader/state.ts'

const BLOCKS = (2 * PAGE_BYTES) / RUN_BLOCK

/** A memory as one number a block: 0 is an untouched one. */
const memory = fc.array(fc.constantFrom(0, 0, 1, 2, 3), { minLength: BLOCKS, maxLength: BLOCKS })

/** As `capture` makes it: runs of blocks that are not all zero, as long as they can be. */
function stateOf(blocks: readonly number[]): State {
  const runs: { offset: number; bytes: Uint8Array }[] = []
  for (let from = 0; from < blocks.length; from++) {
    if (blocks[from] === 0) continue
    let to = from
    while (to < blocks.length && blocks[to] !== 0) to++
    const bytes = new Uint8Array((to - from) * RUN_BLOCK)
    // One byte at each end: a comparison must look at all of a block.
    for (let at = from; at < to; at++) {
      bytes[(at - from) * RUN_BLOCK] = 9
      bytes[(at - from + 1) * RUN_BLOCK - 1] = blocks[at] as number
    }
    runs.push({ offset: from * RUN_BLOCK, bytes })
    from = to
  }
  return { pages: 2, runs, globals: [{ type: 'i32', value: blocks.length }], tableSizes: [3] }
}

test('a difference leads from one state to the other', () => {
  fc.assert(
    fc.property(memory, memory, (before, after) => {
      const [base, state] = [stateOf(before), stateOf(after)]
      const delta = deltaOf(base, state)
      expect(applyDelta(base, delta)).toEqual(state)
      const bytes = delta.runs.reduce((sum, run) => sum + run.bytes.length, 0)
      expect(bytes / RUN_BLOCK).toBe(before.filter((block, at) => block !== after[at]).length)
    }),
    { seed: 20_261_127, numRuns: 200 },
  )
})
