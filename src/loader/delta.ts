/** A guest's state in, its difference from the start image out, and back: what a snapshot holds of memory. */
import { RUN_BLOCK, type Run, type State } from './state.ts'

type Blocks = Map<number, Uint8Array>

const ZEROS = new Uint8Array(RUN_BLOCK)

/** The blocks that are not all zero, by their numbers, as views. */
function blocksOf(runs: readonly Run[]): Blocks {
  const blocks: Blocks = new Map()
  for (const { offset, bytes } of runs) {
    for (let at = 0; at < bytes.length; at += RUN_BLOCK)
      blocks.set((offset + at) / RUN_BLOCK, bytes.subarray(at, at + RUN_BLOCK))
  }
  return blocks
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < RUN_BLOCK; at++) if (a[at] !== b[at]) return false
  return true
}

/** Neighbours become one run: fewer copies when a guest is made from them. */
function runsOf(blocks: Blocks): Run[] {
  const numbers = [...blocks.keys()].sort((a, b) => a - b)
  const runs: Run[] = []
  for (let from = 0, to = 0; from < numbers.length; from = to) {
    const first = numbers[from] as number
    while (to < numbers.length && numbers[to] === first + to - from) to++
    const bytes = new Uint8Array((to - from) * RUN_BLOCK)
    for (let at = from; at < to; at++)
      bytes.set(blocks.get(numbers[at] as number) as Uint8Array, (at - from) * RUN_BLOCK)
    runs.push({ offset: first * RUN_BLOCK, bytes })
  }
  return runs
}

/** A state whose runs are the blocks that differ from the base's; a block that became zero is one of them. */
export function deltaOf(base: State, state: State): State {
  const before = blocksOf(base.runs)
  const now = blocksOf(state.runs)
  const changed: Blocks = new Map()
  for (const [number, block] of now) if (!isSame(block, before.get(number) ?? ZEROS)) changed.set(number, block)
  for (const number of before.keys()) if (!now.has(number)) changed.set(number, ZEROS)
  return { ...state, runs: runsOf(changed) }
}

/** Whether two states of one module are the same. */
export function isSameState(base: State, state: State): boolean {
  if (base === state) return true
  const isSameGlobal = ({ value }: State['globals'][number], at: number): boolean =>
    Object.is(value, state.globals[at]?.value)
  return (
    base.pages === state.pages &&
    !base.savedTables &&
    !state.savedTables &&
    base.globals.every(isSameGlobal) &&
    deltaOf(base, state).runs.length === 0
  )
}

/** The state that `deltaOf` was given. Both sides' runs are whole blocks within their pages. */
export function applyDelta(base: State, delta: State): State {
  const blocks = blocksOf(base.runs)
  for (const [number, block] of blocksOf(delta.runs)) {
    if (isSame(block, ZEROS)) blocks.delete(number)
    else blocks.set(number, block)
  }
  return { ...delta, runs: runsOf(blocks) }
}
