/** The reference machine by hand: each test of its instructions at its edge, what it leaves behind, what it debits. */
import { describe, expect, test } from 'vitest'
import { Bound, EntryKind, ONE_CALL, Opcode, type OpcodeName, Reason } from '../../capabilities/isa.ts'
import { type ModelRequest, type ModelVerdict, runModel } from '../../capabilities/model.ts'

type Instruction = readonly [name: OpcodeName, a?: number, immediate?: number, jump?: number]

const REQUEST: ModelRequest = {
  action: 0,
  bytes: [new Uint8Array(), new Uint8Array(), new Uint8Array(), new Uint8Array()],
  integers: [0, 0, 0, 0],
  now: 0,
  flags: 0,
  subtree: false,
}
const END = 0xffff
const i64s = (...values: number[]): Uint8Array => new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)

/** Tests that fail go to the last instruction, which denies, where nothing else is said. */
function run(
  instructions: readonly Instruction[],
  given: { pool?: Uint8Array; cells?: number[] } & Partial<ModelRequest> = {},
): ModelVerdict {
  const { pool = new Uint8Array(), cells = [], ...request } = given
  const all: Instruction[] = [...instructions, ['RET', 0, 0]]
  const code = new Uint8Array(all.length * 8)
  const view = new DataView(code.buffer)
  all.forEach(([name, a = 0, immediate = 0, jump = END], index) => {
    code[index * 8] = Opcode[name]
    code[index * 8 + 1] = a
    view.setUint16(index * 8 + 2, jump === END ? all.length - 1 : jump, true)
    view.setUint32(index * 8 + 4, immediate, true)
  })
  return runModel({ code, pool, cells: [] }, { ...REQUEST, ...request }, cells)
}

const denied = (reason: number, link = 0): ModelVerdict => ({
  allowed: false,
  reason,
  link,
  entries: [],
  horizon: Infinity,
})
const ACT: Instruction = ['ACT', 0, 1]
const YES: Instruction = ['RET', 0, 1]
const times = (count: number, instruction: Instruction): Instruction[] => new Array(count).fill(instruction)

describe('entries', () => {
  test.each<[Instruction, reason: number, kind: number]>([
    [['ALIVE', 0, 0], Reason.REVOKED, EntryKind.ALIVE],
    [['FLAG', 0, 2], Reason.FLOW, EntryKind.FLAG_CLEAR],
    [['FLAG', 1, 1], Reason.FLOW, EntryKind.FLAG_SET],
    [['CHARGE', 4, 0], Reason.QUOTA, EntryKind.BYTES],
    [['RATE', 0, 0], Reason.RATE, EntryKind.RATE],
  ])('of %j forty-eight find room, one more does not', (instruction, reason, kind) => {
    // A rate that always has room: of cell 0, a microsecond, and a year.
    const pool = i64s(0, 1, 1e13)
    const most = run([ACT, ...times(Bound.ENTRIES, instruction), ['COMMIT'], YES], { pool, cells: [1], flags: 1 })
    expect(most.allowed).toBe(true)
    expect(most.entries).toHaveLength(48)
    expect(new Set(most.entries.map((entry) => entry.kind))).toEqual(new Set([kind]))
    const more = run([ACT, ...times(Bound.ENTRIES + 1, instruction), ['COMMIT'], YES], { pool, cells: [1], flags: 1 })
    expect(more).toEqual(denied(reason))
  })

  test('of a test that failed those of its alternative go, with its expiry; those of the links before stay', () => {
    const pool = i64s(700, 500)
    const program: Instruction[] = [
      ACT,
      ['ALIVE', 0, 0],
      ['BEFORE', 0, 0],
      ['ACT', 0, 1],
      ['ALIVE', 0, 1],
      ['BEFORE', 0, 8],
      ['ACT', 1, 0, 7],
      YES,
    ]
    const verdict = run(program, { pool, cells: [1, 1] })
    expect(verdict).toEqual({
      allowed: true,
      reason: Reason.NO_GRANT,
      link: 1,
      entries: [0, 1].map((cell) => ({ kind: EntryKind.ALIVE, cell, amount: 0 })),
      horizon: 500,
    })
    const dropped = run(
      [ACT, ['ALIVE', 0, 0], ['BEFORE', 0, 0], ['ACT', 0, 1], ['ALIVE', 0, 1], ['BEFORE', 0, 8], ['EQ', 5, 0]],
      {
        pool,
        cells: [1, 1],
      },
    )
    expect(dropped).toEqual({
      allowed: false,
      reason: Reason.NO_GRANT,
      link: 0,
      entries: [{ kind: EntryKind.ALIVE, cell: 0, amount: 0 }],
      horizon: 700,
    })
  })
})

describe('charges', () => {
  const charge = (amount: number, cells: number[], ...more: Instruction[]): ModelVerdict =>
    run([ACT, ['CHARGE', 4, 0], ...more, ['COMMIT'], YES], { integers: [amount, 0, 0, 0], cells })

  test('an amount is zero to what JavaScript counts, and not more than is left', () => {
    const most = Bound.AMOUNT
    expect([0, 1, 5].map((amount) => charge(amount, [5]).allowed)).toEqual([true, true, true])
    expect(charge(most, [most]).allowed).toBe(true)
    for (const [amount, left] of [
      [6, 5],
      [-1, 5],
      [most + 1, Infinity],
    ] as const)
      expect(charge(amount, [left])).toEqual(denied(Reason.QUOTA))
  })

  test('of one cell add up, calls and bytes; those of another cell do not count', () => {
    expect(charge(3, [6], ['CHARGE', 4, 0]).allowed).toBe(true)
    expect(charge(3, [5], ['CHARGE', 4, 0])).toEqual(denied(Reason.QUOTA))
    expect(charge(3, [3], ['CHARGE', ONE_CALL, 0])).toEqual(denied(Reason.QUOTA))
    expect(charge(3, [4], ['CHARGE', ONE_CALL, 0]).entries).toEqual([
      { kind: EntryKind.BYTES, cell: 0, amount: 3 },
      { kind: EntryKind.CALLS, cell: 0, amount: 1 },
    ])
    expect(charge(3, [3, 3], ['CHARGE', 4, 1]).allowed).toBe(true)
  })

  test('are debited by COMMIT, all or none', () => {
    const cells = [10, 7, 1]
    charge(4, cells, ['CHARGE', ONE_CALL, 1], ['CHARGE', 4, 0])
    expect(cells).toEqual([2, 6, 1])
    // What is only tested again costs nothing: a mask of flags is no cell.
    charge(1, cells, ['ALIVE', 0, 2], ['FLAG', 0, 8])
    expect(cells).toEqual([1, 6, 1])
    const short = [10, 0]
    charge(4, short, ['CHARGE', ONE_CALL, 1])
    expect(short).toEqual([10, 0])
  })

  test('that nothing commits deny, and those of an alternative that failed are no debt', () => {
    expect(run([ACT, ['CHARGE', ONE_CALL, 0], YES], { cells: [1] })).toMatchObject({
      allowed: false,
      reason: Reason.FAULT,
    })
    const failed: Instruction[] = [ACT, ['CHARGE', ONE_CALL, 0], ['EQ', 5, 0, 3], YES]
    expect(run(failed, { pool: i64s(1), cells: [1] }).allowed).toBe(true)
    const rate: Instruction[] = [ACT, ['RATE', 0, 0], YES]
    expect(run(rate, { pool: i64s(0, 1, 0), cells: [0] }).reason).toBe(Reason.FAULT)
  })
})

describe('rates', () => {
  // Of cell 0: one call in a hundred microseconds, and two at once.
  const pool = i64s(0, 100, 100)
  const call = (cells: number[], now: number, count = 1): ModelVerdict =>
    run([ACT, ...times(count, ['RATE', 0, 0]), ['COMMIT'], YES], { pool, cells, now })

  test('a call moves the time of the next on by the interval, from now where it lies behind', () => {
    const cells = [0]
    call(cells, 1_000)
    expect(cells).toEqual([1_100])
    call(cells, 1_000)
    expect(cells).toEqual([1_200])
    expect(call(cells, 1_000)).toEqual(denied(Reason.RATE))
    expect(call(cells, 1_099).allowed).toBe(false)
    expect(call(cells, 1_100).allowed).toBe(true)
    expect(cells).toEqual([1_300])
  })

  test('two of one cell in one decision are as two calls: the second may find no room when both are debited', () => {
    const cells = [0]
    expect(call(cells, 1_000, 2).allowed).toBe(true)
    expect(cells).toEqual([1_200])
    const refused = call(cells, 1_100, 2)
    expect([refused.allowed, refused.reason, cells]).toEqual([false, Reason.RATE, [1_200]])
  })

  test('a cell that a rate and a charge share is debited in the order of entries', () => {
    const cells = [0]
    const verdict = run([ACT, ['CHARGE', ONE_CALL, 1], ['RATE', 0, 0], ['COMMIT'], YES], {
      pool,
      cells: [0, 1],
      now: 5,
    })
    expect(verdict.entries.map(({ kind }) => kind)).toEqual([EntryKind.CALLS, EntryKind.RATE])
    expect(cells).toEqual([0])
  })
})

describe('answers', () => {
  test('of all reasons met the highest is said, of the link that was reached last', () => {
    const pool = i64s(10, 5)
    expect(run([ACT, ['AFTER', 0, 0, 2], ['ACT', 0, 1, 4], ['EQ', 5, 0, 4]], { pool })).toEqual(denied(Reason.NOT_YET))
    expect(run([ACT, ['AFTER', 0, 0, 2], ['ACT', 1, 1], ['EQ', 5, 0]], { pool })).toEqual(denied(Reason.NO_GRANT, 1))
    expect(run([['ACT', 0, 2]])).toEqual(denied(Reason.NO_GRANT))
  })

  test('times: a beginning holds from its microsecond on, an end up to the one before', () => {
    const at = (name: OpcodeName, now: number): ModelVerdict => run([ACT, [name, 0, 0], YES], { pool: i64s(10), now })
    expect([9, 10, 11].map((now) => at('AFTER', now).allowed)).toEqual([false, true, true])
    expect([9, 10, 11].map((now) => at('BEFORE', now).allowed)).toEqual([true, false, false])
    expect(at('BEFORE', 9).horizon).toBe(10)
    expect(at('BEFORE', 10)).toEqual(denied(Reason.EXPIRED))
    expect(at('AFTER', 9)).toEqual(denied(Reason.NOT_YET))
    expect(at('AFTER', 10).horizon).toBe(Infinity)
  })

  test('flags: one of the mask is up, or none is', () => {
    const flag = (a: number, mask: number): boolean => run([ACT, ['FLAG', a, mask], YES], { flags: 6 }).allowed
    expect([1, 2, 3, 4, 8].map((mask) => flag(1, mask))).toEqual([false, true, true, true, false])
    expect([1, 2, 3, 4, 8].map((mask) => flag(0, mask))).toEqual([true, false, false, false, true])
  })

  test('integers: at most, at least, equal, one of a set', () => {
    const pool = i64s(5, 2, 5, 9)
    const holds = (name: OpcodeName, at: number, value: number): boolean =>
      run([ACT, [name, 6, at], YES], { pool, integers: [0, 0, value, 0] }).allowed
    expect([4, 5, 6].map((value) => holds('LE', 0, value))).toEqual([true, true, false])
    expect([4, 5, 6].map((value) => holds('GE', 0, value))).toEqual([false, true, true])
    expect([4, 5, 6].map((value) => holds('EQ', 0, value))).toEqual([false, true, false])
    expect([2, 5, 8, 9].map((value) => holds('IN', 8, value))).toEqual([false, true, false, true])
  })

  test('a program that runs out without an end is a fault', () => {
    const code = Uint8Array.of(Opcode.ACT, 0, 1, 0, 1, 0, 0, 0)
    expect(runModel({ code, pool: new Uint8Array(), cells: [] }, REQUEST, [])).toEqual(denied(Reason.FAULT))
  })

  test('a program that lies in the middle of a buffer is read where it lies', () => {
    const [code, pool] = [new Uint8Array(24), new Uint8Array(16)]
    code.set([Opcode.EQ, 5, 0, 0, 0, 0, 0, 0, Opcode.RET, 0, 0, 0, 1], 8)
    pool[8] = 7
    const program = { code: code.subarray(8), pool: pool.subarray(8), cells: [] }
    expect(runModel(program, { ...REQUEST, integers: [0, 7, 0, 0] }, []).allowed).toBe(true)
  })
})
