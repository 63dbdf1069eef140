/** Tables of the host's references in a state: empty ones are saved by their size, others cannot be. */
import { expect, it } from 'vitest'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { bindState } from '../../src/loader/state.ts'
import { buildModule } from '../loader-modules.ts'

/** `grow` adds five empty slots to a table of references, and `put` sets the first. */
function makeGuest() {
  const source = buildModule({
    functions: [
      { name: 'grow', results: ['i32'], code: [0xd0, 0x6f, 0x41, 5, 0xfc, 15, 0] },
      { name: 'put', params: ['externref'], code: [0x41, 0, 0x20, 0, 0x26, 0] },
    ],
    memory: { minimum: 1, name: 'memory' },
    tables: [{ minimum: 1, element: 'externref' }],
  })
  const { bytes, meta } = rewriteModule(source, { exportState: true })
  if (!meta.layout) throw new Error('no layout')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const table = exports['__t0'] as WebAssembly.Table
  return {
    ...{ table, bound: bindState([{ exports, layout: meta.layout }]) },
    grow: exports['grow'] as () => number,
    put: exports['put'] as (reference: unknown) => void,
  }
}

const BUDGET = { memoryBytes: 2 ** 20 }

it('a table that grew and is empty comes back in a fork, at its size', () => {
  const guest = makeGuest()
  guest.grow()
  const fork = makeGuest()
  fork.bound.restore(guest.bound.capture())
  expect(fork.table.length).toBe(6)
})

it('a table that holds a reference cannot be saved, and a guest with one cannot be wiped', () => {
  const guest = makeGuest()
  const state = guest.bound.capture()
  guest.put({ secret: 1 })
  expect(() => guest.bound.capture()).toThrow(/changed its tables/)
  expect(guest.bound.reset(state, BUDGET)).toBe(false)
  guest.put(null)
  expect(guest.bound.reset(state, BUDGET)).toBe(true)
})

it('a guest whose table grew since the state is discarded: a table never shrinks', () => {
  const guest = makeGuest()
  const state = guest.bound.capture()
  guest.grow()
  expect(guest.bound.reset(state, BUDGET)).toBe(false)
})

it('a state with a smaller or an absurd table does not fit', () => {
  const guest = makeGuest()
  const state = guest.bound.capture()
  for (const size of [0, 100_000]) {
    expect(() => makeGuest().bound.restore({ ...state, tableSizes: [size] })).toThrow(/does not fit/)
  }
})
