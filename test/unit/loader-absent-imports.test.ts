/** Imports without a host function behind them, and imports that seldom wait: answered, told or fatal, in wasm. */
import { describe, expect, it } from 'vitest'
import { type BorderImport, type BorderLink, Death, instantiateBorder, PENDING } from '../../src/loader/border.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { buildModule, instantiate } from '../loader-modules.ts'
import { skipReasons } from '../skip-reasons.ts'

const counts: number[] = []
const counter = instantiate(
  buildModule({
    imports: [{ module: 'e', name: 'count', params: ['i32'], results: ['i32'] }],
    functions: [{ name: 'count', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x10, 0] }],
  }),
  {
    e: {
      count: (operation: number) => {
        counts.push(operation)
        return 0
      },
    },
  },
).count as (operation: number) => number

function link(imports: readonly BorderImport[], changes: Partial<BorderLink> = {}) {
  counts.length = 0
  const told: number[] = []
  const border = instantiateBorder(imports, {
    ...{ host: {}, callout: () => 0, suspend: () => {}, suspension: undefined, onFault: () => {} },
    tell: (position) => told.push(position),
    ...changes,
  })
  border.countWith(counter)
  return { border, told }
}

const row = (name: string, parts: Partial<BorderImport>): BorderImport => ({
  ...{ module: 'm', name, params: [], results: [], operation: 9 },
  ...parts,
})

describe('an import that answers a constant', () => {
  it('is counted, and gives its number or null; the host hears nothing', () => {
    const constant = { value: -52, told: false, fatal: false }
    const { border, told } = link([
      row('number', { params: ['i32', 'externref'], results: ['i32'], constant }),
      row('reference', { results: ['externref'], constant }),
      row('nothing', { params: ['i64'], constant }),
    ])
    const { number, reference, nothing } = border.imports['m'] as Record<string, (...args: unknown[]) => unknown>
    expect(number?.(1, { any: 'object' })).toBe(-52)
    expect(reference?.()).toBeNull()
    expect(nothing?.(1n)).toBeUndefined()
    expect([counts, told]).toEqual([[9, 9, 9], []])
  })

  it('tells its position, and no value of the guest’s', () => {
    const constant = { value: 0, told: true, fatal: false }
    const rows = [row('a', { constant }), row('b', { params: ['externref'], results: ['i32'], constant })]
    const { border, told } = link(rows)
    const { b } = border.imports['m'] as Record<string, (...args: unknown[]) => unknown>
    expect(b?.({})).toBe(0)
    expect(told).toEqual([1])
  })

  it('ends the guest when it is fatal, for good', () => {
    const constant = { value: 0, told: true, fatal: true }
    const { border, told } = link([row('a', { params: ['externref'], results: ['externref'], constant })])
    const { a } = border.imports['m'] as Record<string, (...args: unknown[]) => unknown>
    for (let at = 0; at < 2; at++) expect(() => a?.({})).toThrow(WebAssembly.RuntimeError)
    expect([border.dead.value, told]).toEqual([Death.killed, [0]])
  })

  it('stands beside imports of the host, which keep their own functions', () => {
    const constant = { value: 3, told: false, fatal: false }
    const rows = [
      row('first', { results: ['i32'] }),
      row('constant', { results: ['i32'], constant }),
      row('last', { results: ['i32'] }),
    ]
    const { border } = link(rows, { host: { m: { first: () => 1, last: () => 2 } } })
    const { first, constant: middle, last } = border.imports['m'] as Record<string, () => unknown>
    expect([first?.(), middle?.(), last?.()]).toEqual([1, 3, 2])
  })

  it('is refused where an import of the host would pass a reference, or a number that has no constant', () => {
    expect(() => link([row('a', { params: ['externref'] })])).toThrow(/passes a externref to the host/)
    const constant = { value: 0, told: false, fatal: false }
    expect(() => link([row('a', { results: ['f64'], constant })])).toThrow(/constant f64/)
    expect(() => link([row('a', { results: ['i64'], mayWait: true })])).toThrow(/no single i32/)
  })
})

describe('an import that may wait', () => {
  const rows = [row('read', { params: ['i32'], results: ['i32'], mayWait: true })]

  it('answers at once where nothing waits', () => {
    const { border } = link(rows, { host: { m: { read: (n: number) => n + 1 } } })
    const { read } = border.imports['m'] as Record<string, (n: number) => number>
    expect(read?.(4)).toBe(5)
  })

  it('suspends the guest until its answer is there, and kills it then if it must die', async ({ skip }) => {
    const suspension = await findSuspension()
    skip(!suspension, skipReasons.noJspi)
    let answer: (value: number) => void = () => {}
    const { border } = link(rows, {
      suspension,
      host: { m: { read: () => PENDING } },
      wait: () => new Promise<number>((resolve) => (answer = resolve)),
    })
    // A guest that asks once: only wasm lies between its entry and the border.
    const guest = instantiate(
      buildModule({
        imports: [{ module: 'm', name: 'read', params: ['i32'], results: ['i32'] }],
        functions: [{ name: 'run', results: ['i32'], code: [0x41, 1, 0x10, 0] }],
      }),
      border.imports,
    )
    const run = suspension?.promising(guest.run as () => number) as () => Promise<number>
    const first = run()
    answer(77)
    expect(await first).toBe(77)
    const second = run()
    border.dead.value = Death.killed
    answer(5)
    await expect(second).rejects.toThrow(WebAssembly.RuntimeError)
  })

  it('kills a guest that cannot be suspended and is told to wait all the same', () => {
    const { border } = link(rows, { host: { m: { read: () => PENDING } } })
    const { read } = border.imports['m'] as Record<string, (n: number) => number>
    expect(() => read?.(1)).toThrow(WebAssembly.RuntimeError)
    expect(border.dead.value).toBe(Death.fault)
  })
})
