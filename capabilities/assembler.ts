/** Instructions and constants in, the bytes of a program out. */
import type { Constraints } from './arguments.ts'
import { GrantError } from './grant-error.ts'
import { Bound, INSTRUCTION_BYTES, Opcode, type OpcodeName } from './isa.ts'

/** A cell that a program charges, with what it holds at the start. */
export type CellPlan = {
  /** `alive`: 1 until the link is revoked; `clean`: 1 until a secret was read. */
  kind: 'calls' | 'bytes' | 'rate' | 'alive' | 'clean'
  initial: number
  /** The link that the cell is of: links that sandboxes share have cells that they share. */
  link?: number
}

/** What a tool's arguments must be: the program tests the bit of its index. */
export type Predicate = Constraints

/** A compiled policy. It names cells by their index in `cells`; an account of the ledger says which cells those are. */
export type Program = {
  code: Uint8Array
  pool: Uint8Array
  cells: readonly CellPlan[]
  predicates?: readonly Predicate[]
  /** Whether a grant of it needs each call approved. */
  approvals?: boolean
}

/** What an instruction is given: `a`, the immediate, and for tests where to go on when they fail (0: nowhere). */
type Instruction = { opcode: number; a: number; immediate: number; target: number }

/** Builds programs whose jumps lead to the ends of alternatives. */
export class Assembler {
  readonly #instructions: Instruction[] = []
  readonly #pool: Uint8Array[] = []
  readonly #cells: CellPlan[] = []
  readonly #predicates: Predicate[] = []
  readonly #jumps = new Map<string, Instruction[]>()
  #poolBytes = 0
  /** Tests of the alternative that is being written. */
  #open: Instruction[] = []

  /** Ends an alternative: each of its tests, when it fails, goes on behind it. The next instruction begins another. */
  end(): void {
    for (const test of this.#open) test.target = this.#instructions.length
    this.#open = []
  }

  /** Goes on at the next `land` of that name: a test that never holds. What passed tests left behind stays. */
  jump(name: string, link: number): void {
    const instruction: Instruction = { opcode: Opcode.ACT, a: link, immediate: 0, target: 0 }
    this.#instructions.push(instruction)
    this.#jumps.set(name, [...(this.#jumps.get(name) ?? []), instruction])
  }

  land(name: string): void {
    for (const instruction of this.#jumps.get(name) ?? []) instruction.target = this.#instructions.length
    this.#jumps.delete(name)
  }

  emit(opcode: OpcodeName, a = 0, immediate = 0): void {
    const instruction = { opcode: Opcode[opcode], a, immediate, target: 0 }
    this.#instructions.push(instruction)
    if (opcode !== 'RET' && opcode !== 'COMMIT') this.#open.push(instruction)
  }

  cell(plan: CellPlan): number {
    return this.#cells.push(plan) - 1
  }

  /** Whether links before this one charge anything. */
  isChargedBefore(link: number): boolean {
    return this.#cells.some((cell) => (cell.link ?? 0) < link && cell.kind !== 'alive' && cell.kind !== 'clean')
  }

  /** Puts a constant into the pool, 8-aligned, and answers its offset. */
  constant(bytes: Uint8Array): number {
    const offset = this.#poolBytes
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8)
    padded.set(bytes)
    this.#pool.push(padded)
    this.#poolBytes += padded.length
    return offset
  }

  integers(...values: readonly (number | bigint)[]): number {
    return this.constant(new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer))
  }

  /** A sorted set of integers for IN. */
  integerSet(values: readonly number[]): number {
    const bytes = new Uint8Array(8 + values.length * 8)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, values.length, true)
    values.forEach((value, index) => {
      view.setBigInt64(8 + index * 8, BigInt(value), true)
    })
    return this.constant(bytes)
  }

  /** A predicate over arguments. Answers the offset of its bit, as a network of 16 bytes that holds what has that bit. */
  predicate(predicate: Predicate): number {
    const index = this.#predicates.push(predicate) - 1
    if (index >= Bound.PREDICATES) throw new GrantError(`more than ${Bound.PREDICATES} grants constrain arguments`)
    const bit = new Uint8Array(16)
    bit[index >> 3] = 1 << (index & 7)
    return this.constant(new Uint8Array([...bit, ...bit]))
  }

  /** A sorted set of blobs for IN. */
  blobs(blobs: readonly Uint8Array[]): number {
    const sorted = [...blobs].sort(compareBytes)
    const header = new Uint32Array(2 + sorted.length * 2)
    header[0] = sorted.length
    sorted.forEach((blob, index) => {
      header[2 + index * 2] = this.constant(blob)
      header[3 + index * 2] = blob.length
    })
    return this.constant(new Uint8Array(header.buffer))
  }

  /** @throws GrantError when the program passes the bounds of the CVM */
  finish(): Program {
    if (
      this.#instructions.length > Bound.INSTRUCTIONS ||
      this.#poolBytes > Bound.POOL_BYTES ||
      this.#cells.length > Bound.CELLS
    ) {
      throw new GrantError('the grants compile to a program that is too large: merge patterns or use fewer grants')
    }
    const code = new Uint8Array(this.#instructions.length * INSTRUCTION_BYTES)
    const view = new DataView(code.buffer)
    this.#instructions.forEach(({ opcode, a, immediate, target }, index) => {
      const at = index * INSTRUCTION_BYTES
      code[at] = opcode
      code[at + 1] = a
      view.setUint16(at + 2, target, true)
      view.setUint32(at + 4, immediate, true)
    })
    const pool = new Uint8Array(this.#poolBytes)
    let offset = 0
    for (const bytes of this.#pool) {
      pool.set(bytes, offset)
      offset += bytes.length
    }
    return { code, pool, cells: this.#cells, predicates: this.#predicates }
  }
}

/** Order of byte strings, shorter first when one begins the other. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let index = 0; index < shared; index++) {
    const difference = left[index]! - right[index]!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
