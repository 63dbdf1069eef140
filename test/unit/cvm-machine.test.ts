/** The CVM's handles, reservations and bounds, through its exports. */
import { describe, expect, test } from 'vitest'
import { Assembler } from '../../capabilities/assembler.ts'
import { Bound, HandleRight, Reason } from '../../capabilities/isa.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import type { CellPlan, Program } from '../../capabilities/compile.ts'
import { Cvm } from '../../src/gate/cvm.ts'
import { compileGrants } from '../../src/gate/policy.ts'
import { createLedger } from '../../src/gate/ledger.ts'

const ledger = createLedger()

function load(program: Program): { cvm: Cvm; cells: readonly number[] } {
  const account = ledger.open(program.cells)
  const cvm = new Cvm(program, account, ledger)
  cvm.exports.begin(1_000_000, 1_024)
  return { cvm, cells: account.cells }
}

function withGrant(grant: object): ReturnType<typeof load> {
  return load(compileGrants([{ resource: 'fs', actions: ['read', 'write'], paths: ['/**'], ...grant }]))
}

const READ = 0
const ask = (cvm: Cvm, want = 0, least = want, now = 1_000): number =>
  cvm.exports.decide(READ, cvm.write('/a'), want, least, now, 0)
const left = (cell: number | undefined): number => Number(ledger.functions.left(cell!))

describe('reservations', () => {
  test('bytes are reserved at their most and settled at the actual', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 100 } })
    const permit = ask(cvm, 80)
    expect(left(cells[0])).toBe(20)
    expect(cvm.exports.settle(permit, 30)).toBe(1)
    expect(left(cells[0])).toBe(70)
  })

  test('a settled reservation is over: its number finds nothing, so nothing is given back twice', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 100, calls: 9 } })
    const permit = ask(cvm, 80)
    cvm.exports.settle(permit, 0)
    expect([cvm.exports.settle(permit, 0), cvm.exports.cancel(permit)]).toEqual([0, 0])
    expect(cells.map(left).sort()).toEqual([100, 8])
    for (const forged of [0, -1, permit + 1_024, permit - 1_024, 1_023, 0x7fffffff])
      expect(cvm.exports.settle(forged, 0)).toBe(0)
  })

  test('a cancelled call gives back calls, bytes and its place in the rate', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 100, calls: 9 }, rate: { per: '1h', burst: 1 } })
    const before = cells.map(left)
    cvm.exports.cancel(ask(cvm, 50))
    expect(cells.map(left)).toEqual(before)
    expect(ask(cvm, 50)).toBeGreaterThan(0)
    expect(ask(cvm, 1)).toBe(-Reason.RATE)
  })

  test('a request takes what the byte quota still holds when less makes sense, and is refused when not', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 100 } })
    expect(ask(cvm, 200, 101)).toBe(-Reason.QUOTA)
    const permit = ask(cvm, 200, 100)
    expect(cvm.exports.amount()).toBe(100)
    expect(left(cells[0])).toBe(0)
    cvm.exports.settle(permit, 40)
    expect(left(cells[0])).toBe(60)
  })

  test('more calls under way than allowed are refused until one is settled', () => {
    const { cvm } = withGrant({})
    cvm.exports.begin(1_000, 2)
    const [first, second] = [ask(cvm), ask(cvm)]
    expect(ask(cvm)).toBe(-Reason.LIMIT)
    cvm.exports.settle(first, 0)
    expect(ask(cvm)).toBeGreaterThan(0)
    expect(second).toBeGreaterThan(0)
  })

  test('what a call under way rests on is tested again: it may expire in between', () => {
    const { cvm } = withGrant({ expires: 5_000 })
    const permit = ask(cvm, 0, 0, 4_999)
    expect(cvm.exports.redecide(permit, 4_999)).toBe(0)
    expect(cvm.exports.redecide(permit, 5_000)).toBe(-Reason.EXPIRED)
  })
})

describe('numbers that are none', () => {
  test('a clock that tells no time finds every expiry passed', () => {
    const { cvm } = withGrant({ expires: 5_000 })
    for (const now of [Number.NaN, Infinity, 1e300]) expect(ask(cvm, 0, 0, now)).toBe(-Reason.EXPIRED)
    expect(ask(cvm, 0, 0, -1)).toBeGreaterThan(0)
  })

  test('amounts are never negative and never trap', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 100 } })
    for (const amount of [Number.NaN, -1, -Infinity]) {
      expect(cvm.exports.settle(ask(cvm, amount), amount)).toBe(1)
      expect(left(cells[0])).toBe(100)
    }
    expect(ask(cvm, Infinity)).toBe(-Reason.QUOTA)
    expect(ask(cvm, 1e300, 101)).toBe(-Reason.QUOTA)
    cvm.exports.settle(ask(cvm, 60), Infinity)
    expect(left(cells[0])).toBe(40)
  })
})

describe('handles', () => {
  test('a handle has the rights that it was opened with, no others', () => {
    const { cvm } = withGrant({})
    const permit = ask(cvm)
    const handle = cvm.exports.openHandle(permit, 0)
    cvm.exports.settle(permit, 0)
    expect(cvm.exports.checkHandle(handle, HandleRight.READ, 1, 1, 0)).toBeGreaterThan(0)
    expect(cvm.exports.checkHandle(handle, HandleRight.EITHER, 0, 0, 0)).toBeGreaterThan(0)
    expect(cvm.exports.checkHandle(handle, HandleRight.WRITE, 1, 1, 0)).toBe(-Reason.HANDLE)
    expect(cvm.exports.checkHandle(handle, 3, 1, 1, 0)).toBe(-Reason.HANDLE)
  })

  test('no handle without a decision', () => {
    const { cvm } = withGrant({})
    const settled = ask(cvm)
    cvm.exports.settle(settled, 0)
    for (const forged of [0, -5, settled, 12_345]) expect(cvm.exports.openHandle(forged, 0)).toBe(0)
  })

  test('a closed handle is dead, and the next one in its place has another number', () => {
    const { cvm } = withGrant({})
    const permit = ask(cvm)
    const seen = new Set<number>()
    for (let round = 0; round < 500; round++) {
      const handle = cvm.exports.openHandle(permit, permit)
      expect(seen.has(handle)).toBe(false)
      seen.add(handle)
      expect(cvm.exports.closeHandle(handle)).toBe(1)
      expect(cvm.exports.closeHandle(handle)).toBe(0)
    }
    for (const old of seen) expect(cvm.exports.checkHandle(old, HandleRight.READ, 0, 0, 0)).toBe(-Reason.HANDLE)
  })

  test('a number is never given twice, not even when a place has been used two million times', () => {
    const { cvm } = withGrant({})
    const permit = ask(cvm)
    const first = cvm.exports.openHandle(permit, 0)
    cvm.exports.closeHandle(first)
    let repeated = 0
    for (let round = 0; round < 2 ** 21 + 10; round++) {
      const handle = cvm.exports.openHandle(permit, 0)
      if (handle === first) repeated++
      cvm.exports.closeHandle(handle)
    }
    expect(repeated).toBe(0)
  })

  test('no random number is a handle', () => {
    const { cvm } = withGrant({})
    const handle = cvm.exports.openHandle(ask(cvm), 0)
    for (let guess = -3_000; guess < 3_000; guess++) {
      if (guess !== handle) expect(cvm.exports.checkHandle(guess, HandleRight.READ, 0, 0, 0)).toBe(-Reason.HANDLE)
    }
  })

  test('each call of a handle charges its bytes, expires with its grant, and handles end at their bound', () => {
    const { cvm, cells } = withGrant({ quota: { bytes: 10 }, expires: 5_000 })
    const permit = ask(cvm)
    const handle = cvm.exports.openHandle(permit, 0)
    const read = cvm.exports.checkHandle(handle, HandleRight.READ, 8, 1, 0)
    expect(left(cells[0])).toBe(2)
    cvm.exports.checkHandle(handle, HandleRight.READ, 8, 1, 0)
    expect([cvm.exports.amount(), left(cells[0])]).toEqual([2, 0])
    expect(cvm.exports.checkHandle(handle, HandleRight.READ, 8, 1, 0)).toBe(-Reason.QUOTA)
    cvm.exports.settle(read, 3)
    expect(left(cells[0])).toBe(5)
    expect(cvm.exports.checkHandle(handle, HandleRight.READ, 1, 1, 5_000)).toBe(-Reason.EXPIRED)
    let opened = 1
    while (cvm.exports.openHandle(permit, 0) !== 0) opened++
    expect(opened).toBe(Bound.HANDLES)
  })
})

describe('bounds', () => {
  test('a decision that leaves behind more than there is room for is refused, and debits nothing', () => {
    for (const charges of [Bound.ENTRIES, Bound.ENTRIES + 1]) {
      const assembler = new Assembler()
      const cell = assembler.cell({ kind: 'calls', initial: 1_000 } satisfies CellPlan)
      assembler.emit('ACT', 0, 1)
      for (let index = 0; index < charges; index++) assembler.emit('CHARGE', 255, cell)
      assembler.emit('COMMIT')
      assembler.emit('RET', 0, 1)
      assembler.end()
      assembler.emit('RET')
      const { cvm, cells } = load(assembler.finish())
      const fits = charges <= Bound.ENTRIES
      expect(ask(cvm) > 0).toBe(fits)
      expect(left(cells[0])).toBe(fits ? 1_000 - charges : 1_000)
    }
  })

  test('a revoked link ends handles and calls under way', () => {
    const assembler = new Assembler()
    const alive = assembler.cell({ kind: 'calls', initial: 1 })
    assembler.emit('ACT', 0, 1)
    assembler.emit('ALIVE', 0, alive)
    assembler.emit('RET', 0, 1)
    assembler.end()
    assembler.emit('RET')
    const { cvm, cells } = load(assembler.finish())
    const permit = ask(cvm)
    const handle = cvm.exports.openHandle(permit, 0)
    ledger.functions.set(cells[0]!, 0n)
    expect(cvm.exports.redecide(permit, 0)).toBe(-Reason.REVOKED)
    expect(cvm.exports.checkHandle(handle, HandleRight.READ, 0, 0, 0)).toBe(-Reason.REVOKED)
    expect(ask(cvm)).toBe(-Reason.REVOKED)
  })

  test('the verifier refuses what is not a program', () => {
    const good = compileGrants([{ resource: 'fs', actions: ['read'], paths: ['/a/**'], quota: { calls: 1 } }])
    const changed = (at: number, value: number): Program => {
      const code = good.code.slice()
      code[at] = value
      return { ...good, code }
    }
    expect(verifyProgram(good)).toBeUndefined()
    expect(verifyProgram({ ...good, code: new Uint8Array() })).toContain('no, half or too many')
    expect(verifyProgram({ ...good, code: good.code.subarray(0, -1) })).toContain('no, half or too many')
    expect(verifyProgram({ ...good, code: good.code.subarray(0, -8) })).toContain('forward and inside')
    expect(verifyProgram(changed(0, 16))).toContain('no opcode 16')
    expect(verifyProgram(changed(2, 0))).toContain('forward and inside')
    expect(verifyProgram(changed(3, 255))).toContain('forward and inside')
    expect(verifyProgram({ ...good, pool: good.pool.slice(0, 300) })).toContain('beyond the pool')
    expect(verifyProgram({ ...good, cells: [] })).toContain('a cell of someone else')
    expect(verifyProgram({ ...good, pool: good.pool.map((byte, index) => (index >= 296 ? 255 : byte)) })).toContain(
      'not closed',
    )
    expect(() => load(changed(0, 16))).toThrow("a policy's program was refused")
  })

  test('a program that costs too much is refused', () => {
    const assembler = new Assembler()
    const blob = assembler.constant(new Uint8Array(8))
    for (let index = 0; index < 300; index++) assembler.emit('EQ', 0, blob)
    assembler.end()
    assembler.emit('RET')
    expect(verifyProgram(assembler.finish())).toContain('cost too much')
  })
})
