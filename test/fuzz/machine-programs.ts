/** Choices in, programs for the capability VM out, with a request and the cells that they are decided on. */
import { INSTRUCTION_BYTES, Opcode, SLOT_BYTES } from '../../capabilities/isa.ts'
import type { ModelRequest } from '../../capabilities/model.ts'
import type { PoolOffsets } from '../machine-pool.ts'
import { type Next, pick } from './numbers.ts'

/** Cells of a program. */
export const CELLS = 6

/** Operands that the verifier takes, for each opcode. */
function operands(next: Next, opcode: number, pool: PoolOffsets): [a: number, immediate: number] {
  const integerSlot = 4 + next(4)
  switch (opcode) {
    case Opcode.RET:
      return [0, next(3) > 0 ? 1 : 0]
    case Opcode.ACT:
      return [next(2), 1 + next(7)]
    case Opcode.EQ:
      return next(2) ? [next(4), pick(next, pool.blobs)] : [integerSlot, pick(next, pool.integers)]
    case Opcode.LE:
    case Opcode.GE:
      return [integerSlot, pick(next, pool.integers)]
    case Opcode.IN:
      return next(2) ? [next(4), pick(next, pool.blobSets)] : [integerSlot, pick(next, pool.integerSets)]
    case Opcode.DFA:
      return [next(4), pick(next, pool.automata)]
    case Opcode.CIDR4:
      return [next(4), pick(next, pool.networks4)]
    case Opcode.CIDR6:
      return [next(4), pick(next, pool.networks6)]
    case Opcode.BEFORE:
    case Opcode.AFTER:
      return [0, pick(next, pool.times)]
    case Opcode.ALIVE:
      return [0, next(CELLS)]
    case Opcode.FLAG:
      return [next(2), next(4)]
    case Opcode.RATE:
      return [0, pick(next, pool.rates)]
    case Opcode.CHARGE:
      return [next(2) ? 255 : integerSlot, next(CELLS)]
    default:
      return [0, 0]
  }
}

/** Each test twice and an end once: programs should run far. */
const EVERY = Object.values(Opcode).filter((opcode) => opcode !== Opcode.COMMIT && opcode !== Opcode.RET)
const TESTS = [Opcode.RET, ...EVERY, ...EVERY, Opcode.CHARGE, Opcode.CHARGE, Opcode.RATE, Opcode.ALIVE]

/** A program that verifies: tests and charges at random, jumps forward at random. Answers its code. */
export function writeProgram(next: Next, pool: PoolOffsets, most = 12): Uint8Array<ArrayBuffer> {
  const count = 2 + next(most - 2)
  const code = new Uint8Array(count * INSTRUCTION_BYTES)
  const view = new DataView(code.buffer)
  const write = (index: number, opcode: number, a: number, jump: number, immediate: number): void => {
    code[index * INSTRUCTION_BYTES] = opcode
    code[index * INSTRUCTION_BYTES + 1] = a
    view.setUint16(index * INSTRUCTION_BYTES + 2, jump, true)
    view.setUint32(index * INSTRUCTION_BYTES + 4, immediate, true)
  }
  for (let index = 0; index < count; index++) {
    if (index === count - 1) write(index, Opcode.RET, 0, 0, next(2))
    else if (index === 0) write(index, Opcode.ACT, 0, 1, 7)
    else if (next(6) === 0 && index < count - 2) {
      write(index++, Opcode.COMMIT, 0, 0, 0)
      write(index, Opcode.RET, 0, 0, 1)
    } else {
      const opcode = pick(next, TESTS)
      const [a, immediate] = operands(next, opcode, pool)
      const jumps = opcode !== Opcode.RET
      write(index, opcode, a, jumps ? Math.min(count - 1, index + 1 + next(2)) : 0, immediate)
    }
  }
  return code
}

export function makeRequest(next: Next): { request: ModelRequest; cells: number[] } {
  const bytes = SLOT_BYTES.map((_, slot) => {
    const length = next(3) === 0 ? pick(next, [4, 16]) : next(6)
    return Uint8Array.from({ length }, () => pick(next, slot === 0 ? [47, 97, 98] : [97, 98, 10, 0, 255]))
  })
  const integers = [next(8), next(8) - 2, next(8) - 2, pick(next, [-1, 0, 7, Number.MAX_SAFE_INTEGER])]
  const cells = Array.from({ length: CELLS }, () => pick(next, [0, 1, 1, next(20), 1_000, 15_000]))
  return {
    request: { action: next(3), bytes, integers, now: next(12) * 1_000, flags: 0, subtree: next(5) === 0 },
    cells,
  }
}
