/** A program in, the reason not to load it out: after this the CVM runs it without a single check of its own. */
import { compareBytes, type Program } from './assembler.ts'
import { Bound, Dfa, INSTRUCTION_BYTES, ONE_CALL, Opcode, Slot, SLOT_BYTES } from './isa.ts'

const INTEGER_BYTES = 8
const RATE_BYTES = 24

function isBytesSlot(slot: number): boolean {
  return slot < Slot.INTEGERS
}

/** Reads constants of a pool, never beyond its end. */
class PoolVerifier {
  readonly #pool: Uint8Array
  readonly #view: DataView
  readonly #cells: number
  readonly #automata = new Map<number, string | undefined>()

  constructor(pool: Uint8Array, cells: number) {
    this.#pool = pool
    this.#view = new DataView(pool.buffer, pool.byteOffset, pool.byteLength)
    this.#cells = cells
  }

  has(offset: number, length: number): boolean {
    return offset + length <= this.#pool.length
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true)
  }

  slice(offset: number, length: number): Uint8Array {
    return this.#pool.subarray(offset, offset + length)
  }

  automaton(offset: number): string | undefined {
    if (!this.#automata.has(offset)) this.#automata.set(offset, this.#checkAutomaton(offset))
    return this.#automata.get(offset)
  }

  #checkAutomaton(offset: number): string | undefined {
    if (!this.has(offset, Dfa.TABLE)) return 'an automaton lies outside the pool'
    const at = this.#pool.subarray(offset)
    const classes = this.#view.getUint16(offset + Dfa.CLASSES, true)
    const states = at[Dfa.STATES]!
    const universal = at[Dfa.UNIVERSAL]!
    if (classes < 1 || classes > 256 || states < 1) return 'an automaton has no classes or no states'
    if (!this.has(offset, Dfa.TABLE + states * classes)) return 'an automaton reaches beyond the pool'
    if (at[Dfa.START]! >= states || universal >= states) return 'an automaton names a state that it has not'
    for (let byte = 0; byte < 256; byte++)
      if (at[Dfa.MAP + byte]! >= classes) return 'an automaton names a class that it has not'
    for (let entry = 0; entry < states * classes; entry++) {
      const next = at[Dfa.TABLE + entry]!
      const state = Math.floor(entry / classes)
      if (next >= states) return 'an automaton is not closed'
      if (state === 0 && next !== 0) return 'an automaton leaves its dead state'
      // Where there is none this is the dead state again.
      if (state === universal && next !== universal) return 'an automaton leaves its universal state'
    }
    if (at[Dfa.ACCEPT]! & 1) return 'an automaton accepts in its dead state'
    if (universal !== 0 && !((at[Dfa.ACCEPT + (universal >> 3)]! >> (universal & 7)) & 1))
      return 'an automaton refuses in its universal state'
    return undefined
  }

  blob(offset: number): string | undefined {
    return this.has(offset, 4) && this.has(offset + 4, this.u32(offset))
      ? undefined
      : 'a constant lies outside the pool'
  }

  set(offset: number, slot: number): string | undefined {
    if (!this.has(offset, 8)) return 'a set lies outside the pool'
    const count = this.u32(offset)
    if (!this.has(offset + 8, count * 8)) return 'a set reaches beyond the pool'
    let last: Uint8Array | bigint | undefined
    for (let index = 0; index < count; index++) {
      const at = offset + 8 + index * 8
      if (isBytesSlot(slot)) {
        const [start, length] = [this.u32(at), this.u32(at + 4)]
        if (!this.has(start, length)) return 'a set names bytes outside the pool'
        const blob = this.slice(start, length)
        if (last instanceof Uint8Array && compareBytes(last, blob) >= 0) return 'a set is not sorted'
        last = blob
      } else {
        const value = this.#view.getBigInt64(at, true)
        if (typeof last === 'bigint' && last >= value) return 'a set is not sorted'
        last = value
      }
    }
    return undefined
  }

  rate(offset: number): string | undefined {
    if (!this.has(offset, RATE_BYTES)) return 'a rate lies outside the pool'
    if (this.u32(offset) >= this.#cells || this.u32(offset + 4) !== 0) return 'a rate charges a cell of someone else'
    const interval = this.#view.getBigInt64(offset + 8, true)
    const tolerance = this.#view.getBigInt64(offset + 16, true)
    const most = BigInt(Bound.AMOUNT)
    return interval > 0n && interval <= most && tolerance >= 0n && tolerance <= most
      ? undefined
      : 'a rate is not positive'
  }
}

/** What the operands of one instruction must be. Answers what is wrong. */
function operandProblem(
  opcode: number,
  a: number,
  immediate: number,
  pool: PoolVerifier,
  cells: number,
): string | undefined {
  const bytesSlot = a < Slot.INTEGERS ? undefined : 'an instruction reads a slot of another type'
  const integerSlot = a >= Slot.INTEGERS && a < Slot.COUNT ? undefined : 'an instruction reads a slot of another type'
  const integer = pool.has(immediate, INTEGER_BYTES) ? undefined : 'a constant lies outside the pool'
  const ownCell = immediate < cells ? undefined : 'an instruction names a cell of someone else'
  const noA = a === 0 ? undefined : 'an unused operand is not zero'
  const noImmediate = immediate === 0 ? undefined : 'an unused operand is not zero'
  switch (opcode) {
    case Opcode.RET:
      return noA ?? (immediate <= 1 ? undefined : 'RET answers neither yes nor no')
    case Opcode.ACT:
      return undefined
    case Opcode.EQ:
      return a < Slot.INTEGERS ? pool.blob(immediate) : (integerSlot ?? integer)
    case Opcode.LE:
    case Opcode.GE:
      return integerSlot ?? integer
    case Opcode.IN:
      return a < Slot.COUNT ? pool.set(immediate, a) : integerSlot
    case Opcode.DFA:
      return bytesSlot ?? pool.automaton(immediate)
    case Opcode.CIDR4:
      return bytesSlot ?? (pool.has(immediate, 8) ? undefined : 'a network lies outside the pool')
    case Opcode.CIDR6:
      return bytesSlot ?? (pool.has(immediate, 32) ? undefined : 'a network lies outside the pool')
    case Opcode.BEFORE:
    case Opcode.AFTER:
      return noA ?? integer
    case Opcode.ALIVE:
      return noA ?? ownCell
    case Opcode.FLAG:
      return a <= 1 && immediate <= Bound.FLAGS ? undefined : 'FLAG tests a flag that there is not'
    case Opcode.RATE:
      return noA ?? pool.rate(immediate)
    case Opcode.CHARGE:
      return a === ONE_CALL ? ownCell : (integerSlot ?? ownCell)
    case Opcode.COMMIT:
      return noA ?? noImmediate
    default:
      return `there is no opcode ${opcode}`
  }
}

/** Worst case of one instruction, in steps of about a nanosecond (measured: an automaton takes 1.3 ns a byte). */
function stepsOf(opcode: number, a: number, immediate: number, pool: PoolVerifier): number {
  const room = SLOT_BYTES[a] ?? INTEGER_BYTES
  if (opcode === Opcode.DFA || opcode === Opcode.EQ) return 10 + room
  if (opcode === Opcode.IN) return 10 + Math.ceil(Math.log2(pool.u32(immediate) + 1)) * room
  return opcode === Opcode.CHARGE || opcode === Opcode.COMMIT ? 10 + Bound.ENTRIES : 10
}

/**
 * Checks a program: known opcodes, jumps that go forward and stay inside, closed automata and sets, cells and slots that
 * exist, COMMIT only right before it allows, a cost within the budget.
 * @returns what is wrong, in words; undefined when nothing is
 */
export function verifyProgram({ code, pool: poolBytes, cells }: Program): string | undefined {
  const count = code.length / INSTRUCTION_BYTES
  if (!Number.isInteger(count) || count < 1 || count > Bound.INSTRUCTIONS)
    return 'the code has no, half or too many instructions'
  if (poolBytes.length > Bound.POOL_BYTES || cells.length > Bound.CELLS)
    return 'the pool or the list of cells is too large'
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  const pool = new PoolVerifier(poolBytes, cells.length)
  let steps = 0
  for (let index = 0; index < count; index++) {
    const at = index * INSTRUCTION_BYTES
    const [opcode, a, jump, immediate] = [
      code[at]!,
      code[at + 1]!,
      view.getUint16(at + 2, true),
      view.getUint32(at + 4, true),
    ]
    const ends = opcode === Opcode.RET || opcode === Opcode.COMMIT
    const problem = operandProblem(opcode, a, immediate, pool, cells.length)
    if (problem) return `instruction ${index}: ${problem}`
    if (ends ? jump !== 0 : jump <= index || jump >= count)
      return `instruction ${index}: a jump that is not forward and inside`
    if (index === count - 1 && opcode !== Opcode.RET) return 'the last instruction is not RET'
    if (opcode === Opcode.COMMIT && !(code[at + 8] === Opcode.RET && code[at + 12] === 1))
      return `instruction ${index}: COMMIT does not lead to an allowing RET`
    steps += stepsOf(opcode, a, immediate, pool)
    if (steps > Bound.STEPS) return 'a decision would cost too much'
  }
  return undefined
}
