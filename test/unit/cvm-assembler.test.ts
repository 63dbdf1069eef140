/** The assembler's bytes: instructions with their jumps, constants with their offsets, and the bounds of a program. */
import { describe, expect, test } from 'vitest'
import { Assembler, type CellPlan, compareBytes } from '../../capabilities/assembler.ts'
import { Bound, Opcode, type OpcodeName } from '../../capabilities/isa.ts'

type Listed = [name: string, a: number, jump: number, immediate: number]

function listing(assembler: Assembler): Listed[] {
  const { code } = assembler.finish()
  const view = new DataView(code.buffer)
  const names = Object.fromEntries(Object.entries(Opcode).map(([name, opcode]) => [opcode, name]))
  return Array.from({ length: code.length / 8 }, (_, index) => [
    names[code[index * 8]!]!,
    code[index * 8 + 1]!,
    view.getUint16(index * 8 + 2, true),
    view.getUint32(index * 8 + 4, true),
  ])
}

const emitAll = (assembler: Assembler, ...names: OpcodeName[]): void => {
  for (const name of names) assembler.emit(name)
}

describe('instructions', () => {
  test('a test that fails goes on behind its alternative, and behind no other', () => {
    const assembler = new Assembler()
    assembler.emit('ACT', 1, 0x80000000)
    assembler.emit('EQ', 7, 16)
    emitAll(assembler, 'COMMIT')
    assembler.emit('RET', 0, 1)
    assembler.end()
    emitAll(assembler, 'ALIVE')
    assembler.end()
    emitAll(assembler, 'RET')
    expect(listing(assembler)).toEqual([
      ['ACT', 1, 4, 0x80000000],
      ['EQ', 7, 4, 16],
      ['COMMIT', 0, 0, 0],
      ['RET', 0, 0, 1],
      ['ALIVE', 0, 5, 0],
      ['RET', 0, 0, 0],
    ])
  })

  test('a jump is a test of no action, of its link, and goes to the next landing of its name alone', () => {
    const assembler = new Assembler()
    emitAll(assembler, 'GE')
    assembler.jump('there', 3)
    assembler.jump('elsewhere', 0)
    assembler.end()
    assembler.jump('there', 4)
    assembler.land('nowhere')
    assembler.land('there')
    assembler.jump('there', 5)
    emitAll(assembler, 'RET')
    assembler.land('there')
    assembler.land('elsewhere')
    emitAll(assembler, 'RET')
    expect(listing(assembler)).toEqual([
      ['GE', 0, 3, 0],
      ['ACT', 3, 4, 0],
      ['ACT', 0, 6, 0],
      ['ACT', 4, 4, 0],
      ['ACT', 5, 6, 0],
      ['RET', 0, 0, 0],
      ['RET', 0, 0, 0],
    ])
  })
})

describe('constants', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

  test('each begins at a multiple of eight bytes, filled with zeros', () => {
    const assembler = new Assembler()
    expect(assembler.constant(bytes(1, 2, 3))).toBe(0)
    expect(assembler.constant(bytes(...new Array<number>(8).fill(9)))).toBe(8)
    expect(assembler.constant(bytes())).toBe(16)
    expect(assembler.constant(bytes(...new Array<number>(9).fill(7)))).toBe(16)
    const { pool } = assembler.finish()
    expect([...pool.subarray(0, 16)]).toEqual([1, 2, 3, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9])
    expect([...pool.subarray(16)]).toEqual([...new Array<number>(9).fill(7), ...new Array<number>(7).fill(0)])
  })

  test('integers are signed and of eight bytes, in a set behind their number', () => {
    const assembler = new Assembler()
    expect(assembler.integers(-1, 2n)).toBe(0)
    expect(assembler.integerSet([-3, 500])).toBe(16)
    expect(assembler.integerSet([])).toBe(40)
    const view = new BigInt64Array(assembler.finish().pool.buffer)
    expect([...view]).toEqual([-1n, 2n, 2n, -3n, 500n, 0n])
  })

  test('a set of blobs is sorted and names where each lies, and how long it is', () => {
    const assembler = new Assembler()
    const given = [bytes(98), bytes(97, 98), bytes(97)]
    expect(assembler.blobs(given)).toBe(24)
    const { pool } = assembler.finish()
    expect([...new Uint32Array(pool.buffer, 24)]).toEqual([3, 0, 0, 1, 8, 2, 16, 1])
    expect([...pool.subarray(0, 24)].filter(Boolean)).toEqual([97, 97, 98, 98])
    expect(given[0]).toEqual(bytes(98))
  })

  test('byte strings are ordered by their first difference, and a beginning comes first', () => {
    expect(compareBytes(bytes(1, 9), bytes(2))).toBeLessThan(0)
    expect(compareBytes(bytes(2), bytes(1, 9))).toBeGreaterThan(0)
    expect(compareBytes(bytes(1), bytes(1, 0))).toBeLessThan(0)
    expect(compareBytes(bytes(1, 0), bytes(1))).toBeGreaterThan(0)
    expect(compareBytes(bytes(), bytes())).toBe(0)
    expect(compareBytes(bytes(5, 5), bytes(5, 5))).toBe(0)
  })

  test('a predicate is the bit of its index, as network and mask, and there is room for 128', () => {
    const assembler = new Assembler()
    const offsets = Array.from({ length: Bound.PREDICATES }, () => assembler.predicate({}))
    expect(offsets).toEqual(offsets.map((_, index) => index * 32))
    const { pool, predicates } = assembler.finish()
    expect(predicates).toHaveLength(128)
    for (const index of [0, 7, 8, 127]) {
      const bit = new Uint8Array(16)
      bit[Math.floor(index / 8)] = 2 ** (index % 8)
      expect(pool.slice(index * 32, index * 32 + 32)).toEqual(Uint8Array.from([...bit, ...bit]))
    }
    expect(() => assembler.predicate({})).toThrow(/^more than 128 grants constrain arguments$/)
  })
})

describe('cells', () => {
  test('are numbered in their order and handed out as planned', () => {
    const assembler = new Assembler()
    const plans: CellPlan[] = [
      { kind: 'calls', initial: 3 },
      { kind: 'rate', initial: 0, link: 1 },
    ]
    expect(plans.map((plan) => assembler.cell(plan))).toEqual([0, 1])
    expect(assembler.finish()).toEqual({ code: new Uint8Array(), pool: new Uint8Array(), cells: plans, predicates: [] })
  })

  test('of a link before: a count, an amount or a rate charges, what says that something holds does not', () => {
    const charged = (plan: CellPlan, link: number): boolean => {
      const assembler = new Assembler()
      assembler.cell(plan)
      return assembler.isChargedBefore(link)
    }
    for (const kind of ['calls', 'bytes', 'rate'] as const) {
      expect([1, 2, 3].map((link) => charged({ kind, initial: 1, link: 1 }, link))).toEqual([false, true, true])
      expect([0, 1].map((link) => charged({ kind, initial: 1 }, link))).toEqual([false, true])
    }
    for (const kind of ['alive', 'clean'] as const) expect(charged({ kind, initial: 1, link: 0 }, 1)).toBe(false)
  })
})

describe('bounds', () => {
  const TOO_LARGE = 'the grants compile to a program that is too large: merge patterns or use fewer grants'
  /** Fills to a bound, and one more. */
  const expectBound = (most: number, add: (assembler: Assembler, count: number) => void): void => {
    const assembler = new Assembler()
    add(assembler, most)
    expect(() => assembler.finish()).not.toThrow()
    add(assembler, 1)
    expect(() => assembler.finish()).toThrow(new RegExp(`^${TOO_LARGE}$`))
  }

  test('8,192 instructions, a thousand cells and four megabytes of constants are a program, one more is none', () => {
    expectBound(Bound.INSTRUCTIONS, (assembler, count) => {
      for (let index = 0; index < count; index++) assembler.emit('RET')
    })
    expectBound(Bound.CELLS, (assembler, count) => {
      for (let index = 0; index < count; index++) assembler.cell({ kind: 'calls', initial: 0 })
    })
    expectBound(Bound.POOL_BYTES, (assembler, count) => assembler.constant(new Uint8Array(count)))
  })
})
