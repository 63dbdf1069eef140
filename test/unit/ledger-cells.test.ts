/** The ledger's cells, over shared and over private memory: what one function does, alone. */
import { describe, expect, test } from 'vitest'
import { LEDGER_PAGES } from '../../capabilities/isa.ts'
import { createLedger } from '../../src/gate/ledger.ts'

const privateLedger = () => createLedger(new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES }))

test('a ledger is shared where the runtime shares memory', () => {
  expect(createLedger().shared).toBe(typeof SharedArrayBuffer === 'function')
  expect(privateLedger().shared).toBe(false)
})

describe.each([
  ['shared where possible', createLedger],
  ['private', privateLedger],
])('a ledger over %s memory', (_kind, create) => {
  const { functions, open, hold, release } = bind(create())

  test('takes an amount or nothing, and gives back', () => {
    const cell = functions.allocate()
    functions.set(cell, 10n)
    expect([
      functions.reserve(cell, 7n),
      functions.reserve(cell, 4n),
      functions.reserve(cell, 3n),
      functions.reserve(cell, 1n),
    ]).toEqual([1, 0, 1, 0])
    functions.refund(cell, 2n)
    expect(functions.left(cell)).toBe(2n)
  })

  test('lets as many calls of a rate through as it says, and refills evenly', () => {
    const cell = functions.allocate()
    functions.set(cell, 0n)
    const [interval, burst] = [100n, 5n]
    const take = (now: bigint): boolean => functions.rateTake(cell, now, interval, interval * (burst - 1n)) >= 0n
    expect(Array.from({ length: 7 }, () => take(10_000n))).toEqual([true, true, true, true, true, false, false])
    expect([take(10_099n), take(10_100n), take(10_100n), take(10_200n)]).toEqual([false, true, false, true])
    expect(Array.from({ length: 6 }, () => take(90_000n))).toEqual([true, true, true, true, true, false])
  })

  test('undoes a call of a rate only when none came after it', () => {
    const cell = functions.allocate()
    functions.set(cell, 0n)
    const first = functions.rateTake(cell, 1_000n, 100n, 400n)
    functions.rateUndo(cell, first, 1_100n)
    expect(functions.left(cell)).toBe(0n)
    const second = functions.rateTake(cell, 1_000n, 100n, 400n)
    functions.rateTake(cell, 1_000n, 100n, 400n)
    functions.rateUndo(cell, second, 1_100n)
    expect(functions.left(cell)).toBe(1_200n)
  })

  test('a version only rises', () => {
    const cell = functions.allocate()
    functions.set(cell, 5n)
    expect([functions.raise(cell, 3n), functions.raise(cell, 9n), functions.left(cell)]).toEqual([5n, 9n, 9n])
  })

  test('no two accounts have a cell in common, and freed cells are given again', () => {
    const plan = [
      { kind: 'calls' as const, initial: 4 },
      { kind: 'bytes' as const, initial: 9 },
    ]
    const accounts = Array.from({ length: 50 }, () => open(plan))
    const cells = accounts.flatMap((account) => [account.holders, ...account.cells])
    expect(new Set(cells).size).toBe(cells.length)
    expect(accounts[0]!.cells.map(functions.left)).toEqual([4n, 9n])
    for (const account of accounts) release(account)
    const again = Array.from({ length: 50 }, () => open(plan)).flatMap((account) => [account.holders, ...account.cells])
    expect(new Set(again)).toEqual(new Set(cells))
  })

  test('the list of free cells changes its mark with every change, so that a thread with an old head cannot win', () => {
    const head = 1
    functions.free(functions.allocate())
    const marks = new Set([functions.left(head)])
    for (let round = 0; round < 5; round++) {
      functions.free(functions.allocate())
      marks.add(functions.left(head))
    }
    expect(marks.size).toBe(6)
  })

  test('an account lives until its last holder lets go', () => {
    const account = open([{ kind: 'calls', initial: 4 }])
    hold(account)
    release(account)
    expect(open([]).holders).not.toBe(account.holders)
    release(account)
    expect([account.holders, ...account.cells]).toContain(open([]).holders)
  })

  test('a full ledger refuses an account as a whole', () => {
    const full = create()
    let last = 0
    for (let cell = full.functions.allocate(); cell !== 0; cell = full.functions.allocate()) last = cell
    expect(last).toBe(LEDGER_PAGES * 8_192 - 1)
    full.functions.free(last)
    const plan = [{ kind: 'calls' as const, initial: 1 }]
    expect(() => full.open(plan)).toThrow('no room for more quotas')
    expect(full.open([]).holders).toBe(last)
  })
})

/** The methods, free to be passed around. */
function bind(ledger: ReturnType<typeof createLedger>) {
  const { functions } = ledger
  return {
    functions,
    open: ledger.open.bind(ledger),
    hold: ledger.hold.bind(ledger),
    release: ledger.release.bind(ledger),
  }
}
