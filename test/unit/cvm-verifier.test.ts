/** What the verifier refuses: each rule in its own words, and the last operand that it takes beside the first that it does not. */
import { describe, expect, test } from 'vitest'
import type { CellPlan } from '../../capabilities/assembler.ts'
import { Bound, Dfa, ONE_CALL, Opcode, type OpcodeName } from '../../capabilities/isa.ts'
import { verifyProgram } from '../../capabilities/verify.ts'

type Instruction = readonly [name: OpcodeName | number, a?: number, immediate?: number, jump?: number]

const cellsOf = (count: number): CellPlan[] => Array.from({ length: count }, () => ({ kind: 'calls', initial: 0 }))

/** Tests jump to the next instruction where nothing else is said. */
function codeOf(instructions: readonly Instruction[]): Uint8Array {
  const code = new Uint8Array(instructions.length * 8)
  const view = new DataView(code.buffer)
  instructions.forEach(([name, a = 0, immediate = 0, jump], index) => {
    const opcode = typeof name === 'number' ? name : Opcode[name]
    const ends = opcode === Opcode.RET || opcode === Opcode.COMMIT
    code[index * 8] = opcode
    code[index * 8 + 1] = a
    view.setUint16(index * 8 + 2, jump ?? (ends ? 0 : index + 1), true)
    view.setUint32(index * 8 + 4, immediate, true)
  })
  return code
}

const verify = (
  instructions: readonly Instruction[],
  pool: Uint8Array = new Uint8Array(),
  cells = 0,
): string | undefined => verifyProgram({ code: codeOf(instructions), pool, cells: cellsOf(cells) })
/** One instruction and an end. */
const one = (instruction: Instruction, pool?: Uint8Array, cells?: number): string | undefined =>
  verify([instruction, ['RET', 0, 1]], pool, cells)
const first = (problem: string): string => `instruction 0: ${problem}`

const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
const i64s = (...values: bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer)
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

const OTHER_SLOT = first('an instruction reads a slot of another type')
const UNUSED = first('an unused operand is not zero')
const OUTSIDE = first('a constant lies outside the pool')
const OTHER_CELL = first('an instruction names a cell of someone else')

describe('operands', () => {
  test.each<[Instruction, string | undefined]>([
    [['RET', 0, 0], undefined],
    [['RET', 0, 1], undefined],
    [['RET', 0, 2], first('RET answers neither yes nor no')],
    [['RET', 1, 0], UNUSED],
    [['ACT', 255, 0xffffffff], undefined],
    [['EQ', 3, 0], undefined],
    [['EQ', 3, 12], undefined],
    [['EQ', 3, 13], OUTSIDE],
    [['EQ', 3, 16], OUTSIDE],
    [['EQ', 4, 8], undefined],
    [['EQ', 4, 9], OUTSIDE],
    [['EQ', 7, 8], undefined],
    [['EQ', 8, 8], OTHER_SLOT],
    [['LE', 3, 8], OTHER_SLOT],
    [['LE', 4, 8], undefined],
    [['LE', 7, 8], undefined],
    [['LE', 7, 9], OUTSIDE],
    [['LE', 8, 8], OTHER_SLOT],
    [['GE', 3, 8], OTHER_SLOT],
    [['GE', 4, 8], undefined],
    [['GE', 4, 9], OUTSIDE],
    [['IN', 0, 0], undefined],
    [['IN', 7, 8], undefined],
    [['IN', 8, 0], OTHER_SLOT],
    [['IN', 0, 9], first('a set lies outside the pool')],
    [['DFA', 3, 0], first('an automaton lies outside the pool')],
    [['DFA', 4, 0], OTHER_SLOT],
    [['CIDR4', 3, 8], undefined],
    [['CIDR4', 3, 9], first('a network lies outside the pool')],
    [['CIDR4', 4, 8], OTHER_SLOT],
    [['CIDR6', 3, 0], first('a network lies outside the pool')],
    [['CIDR6', 4, 0], OTHER_SLOT],
    [['BEFORE', 0, 8], undefined],
    [['BEFORE', 0, 9], OUTSIDE],
    [['BEFORE', 1, 8], UNUSED],
    [['AFTER', 0, 8], undefined],
    [['AFTER', 0, 9], OUTSIDE],
    [['AFTER', 1, 8], UNUSED],
    [['ALIVE', 0, 1], undefined],
    [['ALIVE', 0, 2], OTHER_CELL],
    [['ALIVE', 1, 0], UNUSED],
    [['FLAG', 0, Bound.FLAGS], undefined],
    [['FLAG', 1, 0], undefined],
    [['FLAG', 2, 0], first('FLAG tests a flag that there is not')],
    [['FLAG', 1, Bound.FLAGS + 1], first('FLAG tests a flag that there is not')],
    [['RATE', 0, 0], first('a rate lies outside the pool')],
    [['RATE', 1, 0], UNUSED],
    [['CHARGE', ONE_CALL, 1], undefined],
    [['CHARGE', ONE_CALL, 2], OTHER_CELL],
    [['CHARGE', 4, 1], undefined],
    [['CHARGE', 7, 1], undefined],
    [['CHARGE', 4, 2], OTHER_CELL],
    [['CHARGE', 3, 1], OTHER_SLOT],
    [['CHARGE', 8, 1], OTHER_SLOT],
    [['CHARGE', 254, 1], OTHER_SLOT],
    [['COMMIT', 0, 0], undefined],
    [['COMMIT', 1, 0], UNUSED],
    [['COMMIT', 0, 1], UNUSED],
    [[16, 0, 0], first('there is no opcode 16')],
    [[255, 0, 0], first('there is no opcode 255')],
  ])('%j with 16 bytes of zeros and two cells: %s', (instruction, problem) => {
    expect(one(instruction, new Uint8Array(16), 2)).toBe(problem)
  })

  test('a network of sixteen bytes has thirty-two with its mask', () => {
    expect(one(['CIDR6', 3, 0], new Uint8Array(32))).toBeUndefined()
    expect(one(['CIDR6', 3, 1], new Uint8Array(32))).toBe(first('a network lies outside the pool'))
  })

  test('a blob lies inside the pool to its last byte', () => {
    const pool = join(new Uint8Array(4), u32s(3), new Uint8Array(3))
    expect(one(['EQ', 0, 4], pool)).toBeUndefined()
    expect(one(['EQ', 0, 4], pool.subarray(0, -1))).toBe(OUTSIDE)
  })
})

describe('sets', () => {
  // Of bytes: "a" at 0, "ab" at 8; the set is at 16.
  const blobs = (...entries: number[]): Uint8Array =>
    join(Uint8Array.of(97, 0, 0, 0, 0, 0, 0, 0, 97, 98, 0, 0, 0, 0, 0, 0), u32s(entries.length / 2, 0, ...entries))

  test('bytes are sorted, each once, and lie inside the pool', () => {
    expect(one(['IN', 3, 16], blobs(0, 1, 8, 2))).toBeUndefined()
    expect(one(['IN', 3, 16], blobs(8, 2, 0, 1))).toBe(first('a set is not sorted'))
    expect(one(['IN', 3, 16], blobs(0, 1, 8, 1))).toBe(first('a set is not sorted'))
    expect(one(['IN', 3, 16], blobs(0, 32))).toBeUndefined()
    expect(one(['IN', 3, 16], blobs(0, 33))).toBe(first('a set names bytes outside the pool'))
    expect(one(['IN', 3, 16], blobs(0, 1, 8, 2).subarray(0, -1))).toBe(first('a set reaches beyond the pool'))
  })

  test('integers are sorted by their sign and value, each once', () => {
    const set = (...values: bigint[]): Uint8Array => join(new Uint8Array(8), u32s(values.length, 0), i64s(...values))
    expect(one(['IN', 4, 8], set(-5n, -1n, 0n, 7n))).toBeUndefined()
    expect(one(['IN', 4, 8], set(1n, 256n))).toBeUndefined()
    expect(one(['IN', 4, 8], set(0n, -1n))).toBe(first('a set is not sorted'))
    expect(one(['IN', 4, 8], set(1n, 2n, 2n))).toBe(first('a set is not sorted'))
    expect(one(['IN', 4, 8], set(1n).subarray(0, -1))).toBe(first('a set reaches beyond the pool'))
    // As bytes these would lie outside the pool: the slot says what the set holds.
    expect(one(['IN', 4, 8], set(1_000n))).toBeUndefined()
    expect(one(['IN', 3, 8], set(1_000n << 32n))).toBe(first('a set names bytes outside the pool'))
  })
})

describe('rates', () => {
  const rate = (cell: number, interval: bigint, tolerance: bigint, zero = 0): string | undefined =>
    one(['RATE', 0, 8], join(new Uint8Array(8), u32s(cell, zero), i64s(interval, tolerance)), 2)
  const MOST = BigInt(Number.MAX_SAFE_INTEGER)

  test('a rate has an own cell, an interval above zero, a tolerance of zero or more, none beyond what JavaScript counts', () => {
    for (const [interval, tolerance] of [
      [1n, 0n],
      [MOST, MOST],
    ] as const)
      expect(rate(1, interval, tolerance)).toBeUndefined()
    for (const [interval, tolerance] of [
      [0n, 0n],
      [-1n, 0n],
      [MOST + 1n, 0n],
      [1n, -1n],
      [1n, MOST + 1n],
    ] as const)
      expect(rate(1, interval, tolerance)).toBe(first('a rate is not positive'))
    expect(rate(2, 1n, 0n)).toBe(first('a rate charges a cell of someone else'))
    expect(rate(1, 1n, 0n, 1)).toBe(first('a rate charges a cell of someone else'))
  })

  test('a rate ends inside the pool', () => {
    const pool = join(u32s(0, 0), i64s(1n, 0n))
    expect(one(['RATE', 0, 0], pool, 1)).toBeUndefined()
    expect(one(['RATE', 0, 0], pool.subarray(0, -1), 1)).toBe(first('a rate lies outside the pool'))
  })
})

/** Eight bytes of nothing, then an automaton: the dead state, some that lead on, and a universal one at the end. */
function automaton(states = 10, classes = 2): Uint8Array {
  const bytes = new Uint8Array(8 + Dfa.TABLE + states * classes)
  const at = bytes.subarray(8)
  new DataView(bytes.buffer).setUint16(8 + Dfa.CLASSES, classes, true)
  at[Dfa.STATES] = states
  at[Dfa.START] = states > 1 ? 1 : 0
  if (states > 1) {
    const last = states - 1
    at[Dfa.UNIVERSAL] = last
    at[Dfa.ACCEPT + (last >> 3)] = 1 << (last & 7)
    at.fill(last, Dfa.TABLE + classes)
  }
  return bytes
}

const dfa = (bytes: Uint8Array): string | undefined => one(['DFA', 3, 8], bytes)
const changed = (at: number, value: number, bytes = automaton()): string | undefined => {
  bytes[8 + at] = value
  return dfa(bytes)
}

describe('automata', () => {
  test('one that is closed is taken, from one state and class to all that there can be', () => {
    expect(dfa(automaton())).toBeUndefined()
    expect(dfa(automaton(1, 1))).toBeUndefined()
    expect(dfa(automaton(255, 256))).toBeUndefined()
    // No universal state, and one that accepts behind the universal one.
    expect(changed(Dfa.UNIVERSAL, 0)).toBeUndefined()
    expect(changed(Dfa.ACCEPT, 2)).toBeUndefined()
  })

  test('one that ends behind the pool is refused', () => {
    expect(dfa(automaton().subarray(0, -1))).toBe(first('an automaton reaches beyond the pool'))
    expect(dfa(automaton(1, 1).subarray(0, -2))).toBe(first('an automaton lies outside the pool'))
  })

  test('one without classes or states is refused, and one with more classes than bytes', () => {
    const none = first('an automaton has no classes or no states')
    expect(changed(Dfa.CLASSES, 0)).toBe(none)
    expect(changed(Dfa.STATES, 0)).toBe(none)
    expect(dfa(automaton(2, 257))).toBe(none)
  })

  test('one that names a state or a class that it has not is refused', () => {
    const state = first('an automaton names a state that it has not')
    expect(changed(Dfa.START, 9)).toBeUndefined()
    expect(changed(Dfa.START, 10)).toBe(state)
    expect(changed(Dfa.UNIVERSAL, 10)).toBe(state)
    const map = first('an automaton names a class that it has not')
    for (const byte of [0, 128, 255]) {
      expect(changed(Dfa.MAP + byte, 1)).toBeUndefined()
      expect(changed(Dfa.MAP + byte, 2)).toBe(map)
    }
  })

  test('one whose table leaves it, its dead state or its universal state is refused', () => {
    const last = Dfa.TABLE + 10 * 2 - 1
    expect(changed(Dfa.TABLE + 2, 10)).toBe(first('an automaton is not closed'))
    expect(changed(last, 10)).toBe(first('an automaton is not closed'))
    for (const entry of [0, 1]) expect(changed(Dfa.TABLE + entry, 1)).toBe(first('an automaton leaves its dead state'))
    for (const entry of [last - 1, last])
      expect(changed(entry, 8)).toBe(first('an automaton leaves its universal state'))
    expect(changed(last - 2, 8)).toBeUndefined()
    expect(changed(Dfa.TABLE + 2, 0)).toBeUndefined()
  })

  test('one that accepts where it is dead, or refuses where it is universal, is refused', () => {
    expect(changed(Dfa.ACCEPT, 1)).toBe(first('an automaton accepts in its dead state'))
    for (const bits of [0, 1, 4, 0xfd])
      expect(changed(Dfa.ACCEPT + 1, bits)).toBe(first('an automaton refuses in its universal state'))
  })

  test('one that many instructions name is read once', () => {
    let reads = 0
    class Counted extends Uint8Array {
      override subarray(from?: number, to?: number): Uint8Array<ArrayBuffer> {
        reads++
        return Uint8Array.from(this).subarray(from, to)
      }
    }
    const use: Instruction = ['DFA', 3, 8]
    expect(verify([use, use, use, ['RET', 0, 1]], new Counted(automaton()))).toBeUndefined()
    expect(reads).toBe(1)
    // What is wrong with it is known the second time, too.
    expect(verify([use, use, ['RET']], automaton().subarray(0, -1))).toBe(first('an automaton reaches beyond the pool'))
  })
})

describe('the shape of a program', () => {
  test('jumps go forward and stay inside; what ends has none', () => {
    const problem = first('a jump that is not forward and inside')
    const jump = (to: number): string | undefined =>
      verify([
        ['ACT', 0, 1, to],
        ['ACT', 0, 1],
        ['RET', 0, 1],
      ])
    expect([1, 2].map(jump)).toEqual([undefined, undefined])
    expect([0, 3].map(jump)).toEqual([problem, problem])
    expect(verify([['RET', 0, 1, 1], ['RET']])).toBe(problem)
    expect(
      verify([
        ['COMMIT', 0, 0, 1],
        ['RET', 0, 1],
      ]),
    ).toBe(problem)
    expect(verify([['RET'], ['ACT', 0, 1, 1], ['RET']])).toBe('instruction 1: a jump that is not forward and inside')
  })

  test('the last instruction is RET', () => {
    expect(verify([['RET'], ['COMMIT']])).toBe('the last instruction is not RET')
    expect(verify([['RET']])).toBeUndefined()
  })

  test('COMMIT leads to an allowing RET at once', () => {
    const problem = 'instruction 1: COMMIT does not lead to an allowing RET'
    const followedBy = (next: Instruction): string | undefined =>
      verify([['ACT', 0, 1], ['COMMIT'], next, ['RET', 0, 1]])
    expect(followedBy(['RET', 0, 1])).toBeUndefined()
    expect(followedBy(['RET', 0, 0])).toBe(problem)
    expect(followedBy(['ACT', 0, 1])).toBe(problem)
  })

  test('code is one to 8,192 whole instructions', () => {
    const problem = 'the code has no, half or too many instructions'
    const ends = (count: number): Instruction[] => Array.from({ length: count }, () => ['RET'])
    expect(verify([])).toBe(problem)
    expect(verify(ends(Bound.INSTRUCTIONS))).toBeUndefined()
    expect(verify(ends(Bound.INSTRUCTIONS + 1))).toBe(problem)
    expect(verifyProgram({ code: new Uint8Array(9), pool: new Uint8Array(), cells: [] })).toBe(problem)
    expect(verifyProgram({ code: new Uint8Array(7), pool: new Uint8Array(), cells: [] })).toBe(problem)
  })

  test('a pool has four megabytes at most, and a program a thousand cells', () => {
    const problem = 'the pool or the list of cells is too large'
    expect(verify([['RET']], new Uint8Array(Bound.POOL_BYTES), Bound.CELLS)).toBeUndefined()
    expect(verify([['RET']], new Uint8Array(Bound.POOL_BYTES + 1))).toBe(problem)
    expect(verify([['RET']], new Uint8Array(), Bound.CELLS + 1)).toBe(problem)
  })

  test('a program that lies in the middle of a buffer is read where it lies', () => {
    const inside = (bytes: Uint8Array): Uint8Array => join(new Uint8Array(8).fill(255), bytes).subarray(8)
    const code = inside(codeOf([['DFA', 3, 8], ['RET']]))
    expect(verifyProgram({ code, pool: inside(automaton()), cells: [] })).toBeUndefined()
  })
})

describe('the cost of a decision', () => {
  // Zeros for blobs and integers; sets of three blobs and of four integers behind; an automaton.
  const pool = join(new Uint8Array(8), automaton(1, 1).subarray(8), new Uint8Array(7))
  const [blobSet, integerSet] = [pool.length, pool.length + 32]
  const whole = join(pool, u32s(3, 0, 0, 0, 0, 1, 0, 2), u32s(4, 0), i64s(1n, 2n, 3n, 4n))
  // 240 comparisons of the longest slot, and the last RET.
  const LEFT = Bound.STEPS - 240 * (10 + 4_352) - 10

  /** Tests that cost so many steps: 18 and 10 each. */
  function filler(steps: number): Instruction[] {
    const long = [0, 1, 2, 3, 4].find((count) => (steps - count * 18) % 10 === 0)!
    const short = (steps - long * 18) / 10
    return [...new Array<Instruction>(long).fill(['EQ', 4, 0]), ...new Array<Instruction>(short).fill(['LE', 4, 0])]
  }
  const compare = new Array<Instruction>(240).fill(['EQ', 0, 0])
  const filled = (given: readonly Instruction[], steps: number): string | undefined =>
    verify([...compare, ...filler(steps), ...given, ['RET', 0, 1]], whole, 1)

  test.each<[Instruction, number]>([
    [['EQ', 2, 0], 266],
    [['EQ', 7, 0], 18],
    [['DFA', 2, 8], 266],
    [['IN', 2, blobSet], 10 + 2 * 256],
    [['IN', 4, integerSet], 10 + 3 * 8],
    [['IN', 2, 0], 10],
    [['CHARGE', ONE_CALL, 0], 58],
    [['CHARGE', 4, 0], 58],
    [['COMMIT'], 58],
    [['GE', 4, 0], 10],
    [['ACT', 2, 1], 10],
    [['CIDR4', 3, 0], 10],
    [['BEFORE', 0, 0], 10],
  ])('%j counts as %i steps, and the bound is taken', (instruction, steps) => {
    expect(filled([instruction], LEFT - steps)).toBeUndefined()
    expect(filled([instruction], LEFT - steps + 2)).toBe('a decision would cost too much')
  })
})
