/** A bulk operation in, a wasm function out that does the same in pieces, each paid for before it is done. */
import type { Appendix } from './appendix.ts'
import { BYTES_PER_UNIT_LOG2, PIECE, Price } from './costs.ts'
import { type FuelIndices, fuelTest } from './fuel.ts'
import { EMPTY_BLOCK, MiscOp, Op, TYPE_CODES, type ValueType } from './opcodes.ts'
import { Writer } from './writer.ts'

/** Locals of a function with the operands (to, from or value, count): its own one comes behind. */
const TO = 0
const FROM = 1
const COUNT = 2

const PAGE_LOG2 = 16
const PAGE_LIMIT = 65_536

const get = (code: Writer, local: number) => code.byte(Op.localGet).u32(local)
const i32 = (code: Writer, value: number) => code.byte(Op.i32Const).s32(value)
const wide = (code: Writer, local: number) => get(code, local).byte(Op.i64ExtendI32Unsigned)
const misc = (code: Writer, opcode: number) => code.byte(Op.prefixMisc).u32(opcode)

/** Adds to or takes from a local. */
function shift(code: Writer, local: number, opcode: number, amount: number): void {
  i32(get(code, local), amount)
  code.byte(opcode).byte(Op.localSet).u32(local)
}

type Measure = { piece: number; bytes: boolean }
const BYTES: Measure = { piece: PIECE.bytes, bytes: true }
const SLOTS: Measure = { piece: PIECE.slots, bytes: false }

/** Takes off the price of as much as the local says, but of no more than a piece: more than that will trap. */
function pay(code: Writer, fuel: FuelIndices, count: number, { piece, bytes }: Measure): void {
  code.byte(Op.globalGet).u32(fuel.global)
  i32(get(code, count), piece)
  i32(get(code, count), piece).byte(Op.i32LtUnsigned).byte(Op.select).byte(Op.i64ExtendI32Unsigned)
  if (bytes) {
    code
      .byte(Op.i64Const)
      .s32((1 << BYTES_PER_UNIT_LOG2) - 1)
      .byte(Op.i64Add)
    code.byte(Op.i64Const).s32(BYTES_PER_UNIT_LOG2).byte(Op.i64ShrUnsigned)
  } else code.byte(Op.i64Const).s32(Price.slot).byte(Op.i64Mul)
  code.byte(Op.i64Sub).byte(Op.globalSet).u32(fuel.global)
  code.raw(fuelTest(fuel).code)
}

/** What may be addressed from a local on: so many bytes or slots, as an i64 on the stack. */
type Bound = { local: number; limit: (code: Writer) => void }

const memoryLimit = (code: Writer) =>
  code.byte(Op.memorySize).byte(0).byte(Op.i64ExtendI32Unsigned).byte(Op.i64Const).s32(PAGE_LOG2).byte(Op.i64Shl)
const tableLimit = (table: number) => (code: Writer) =>
  misc(code, MiscOp.tableSize).u32(table).byte(Op.i64ExtendI32Unsigned)
/** No more than that the end can be told as 32 bits: the segment's own size is asked by an operation of length zero. */
const segmentLimit = (code: Writer) => code.byte(Op.i64Const).raw([0xff, 0xff, 0xff, 0xff, 0x0f])

type Operation = {
  measure: Measure
  bounds: readonly Bound[]
  /** The instruction, with its operands on the stack. */
  instruction: (code: Writer) => void
  /** Source and destination move; a fill has only the destination. */
  copies: boolean
  /** Both may be the same memory or table: then the last piece goes first where the source lies before. */
  overlaps: boolean
  /** A segment may have been dropped: asks for its end with a length of zero. */
  probes: boolean
}

function forward(code: Writer, fuel: FuelIndices, { measure, instruction, copies }: Operation): void {
  const { piece } = measure
  code.byte(Op.loop).byte(EMPTY_BLOCK)
  pay(code, fuel, COUNT, measure)
  i32(get(get(code, TO), FROM), piece)
  instruction(code)
  shift(code, TO, Op.i32Add, piece)
  if (copies) shift(code, FROM, Op.i32Add, piece)
  shift(code, COUNT, Op.i32Sub, piece)
  i32(get(code, COUNT), piece).byte(Op.i32GtUnsigned).byte(Op.brIf).u32(0)
  code.byte(Op.end)
}

function backward(code: Writer, fuel: FuelIndices, { measure, instruction }: Operation): void {
  const { piece } = measure
  code.byte(Op.loop).byte(EMPTY_BLOCK)
  pay(code, fuel, COUNT, measure)
  shift(code, COUNT, Op.i32Sub, piece)
  for (const local of [TO, FROM]) get(get(code, local), COUNT).byte(Op.i32Add)
  i32(code, piece)
  instruction(code)
  i32(get(code, COUNT), piece).byte(Op.i32GtUnsigned).byte(Op.brIf).u32(0)
  code.byte(Op.end)
}

/**
 * The body of a function (to, from or value, count) -> (). What is larger than a piece and within bounds is done piece
 * by piece; the rest, and everything that is out of bounds, by the instruction itself, which traps before it writes.
 */
function piecewise(fuel: FuelIndices, operation: Operation): Uint8Array {
  const { measure, bounds, instruction, overlaps, probes } = operation
  const code = new Writer(192).u32(0)
  code.byte(Op.block).byte(EMPTY_BLOCK)
  i32(get(code, COUNT), measure.piece).byte(Op.i32LeUnsigned).byte(Op.brIf).u32(0)
  for (const { local, limit } of bounds) {
    wide(wide(code, local), COUNT).byte(Op.i64Add)
    limit(code)
    code.byte(Op.i64GtUnsigned).byte(Op.brIf).u32(0)
  }
  if (probes) {
    i32(code, 0)
    i32(get(get(code, FROM), COUNT).byte(Op.i32Add), 0)
    instruction(code)
  }
  if (overlaps) {
    get(get(code, TO), FROM).byte(Op.i32GtUnsigned)
    code.byte(Op.if).byte(EMPTY_BLOCK)
    backward(code, fuel, operation)
    code.byte(Op.else)
    forward(code, fuel, operation)
    code.byte(Op.end)
  } else forward(code, fuel, operation)
  code.byte(Op.end)
  pay(code, fuel, COUNT, measure)
  get(get(get(code, TO), FROM), COUNT)
  instruction(code)
  return code.byte(Op.end).finish()
}

/** (pages) -> the size before or -1. The pages are paid for at once: growing itself takes no time that depends on them. */
function memoryGrowBody(fuel: FuelIndices): Uint8Array {
  const code = new Writer(64).u32(0)
  code.byte(Op.globalGet).u32(fuel.global)
  i32(get(code, 0), PAGE_LIMIT)
  i32(get(code, 0), PAGE_LIMIT).byte(Op.i32LtUnsigned).byte(Op.select).byte(Op.i64ExtendI32Unsigned)
  code.byte(Op.i64Const).s32(Price.page).byte(Op.i64Mul).byte(Op.i64Sub)
  code.byte(Op.globalSet).u32(fuel.global).raw(fuelTest(fuel).code)
  return get(code, 0).byte(Op.memoryGrow).byte(0).byte(Op.end).finish()
}

/** (value, count) -> the size before or -1. Growth within the maximum that fails is the engine's failure: it traps. */
function tableGrowBody(fuel: FuelIndices, table: number, maximum: number): Uint8Array {
  const [value, count, before] = [0, 1, 2]
  const code = new Writer(128).u32(1).u32(1).byte(TYPE_CODES.i32)
  const grow = () => {
    misc(code, MiscOp.tableGrow).u32(table)
    i32(code, -1).byte(Op.i32Eq).byte(Op.if).byte(EMPTY_BLOCK).byte(Op.unreachable).byte(Op.end)
  }
  misc(code, MiscOp.tableSize).u32(table).byte(Op.localTee).u32(before).byte(Op.i64ExtendI32Unsigned)
  wide(code, count).byte(Op.i64Add).byte(Op.i64Const).s32(maximum).byte(Op.i64GtUnsigned)
  i32(code.byte(Op.if).byte(EMPTY_BLOCK), -1).byte(Op.return).byte(Op.end)
  code.byte(Op.block).byte(EMPTY_BLOCK).byte(Op.loop).byte(EMPTY_BLOCK)
  i32(get(code, count), PIECE.slots).byte(Op.i32LeUnsigned).byte(Op.brIf).u32(1)
  pay(code, fuel, count, SLOTS)
  i32(get(code, value), PIECE.slots)
  grow()
  shift(code, count, Op.i32Sub, PIECE.slots)
  code.byte(Op.br).u32(0).byte(Op.end).byte(Op.end)
  pay(code, fuel, count, SLOTS)
  get(get(code, value), count)
  grow()
  return get(code, before).byte(Op.end).finish()
}

const THREE: readonly ValueType[] = ['i32', 'i32', 'i32']

/** The tables that bulk operations may name. */
export type TableFacts = { element: ValueType; maximum: number }

/** Makes the functions that stand in for bulk operations, each when it is first asked for. */
export class BulkFunctions {
  readonly #appendix: Appendix
  readonly #fuel: FuelIndices
  readonly #tables: readonly TableFacts[]
  readonly #known = new Map<string, number>()

  constructor(appendix: Appendix, fuel: FuelIndices, tables: readonly TableFacts[]) {
    this.#appendix = appendix
    this.#fuel = fuel
    this.#tables = tables
  }

  /** `memory.grow` */
  memoryGrow(): number {
    return this.#once('memory.grow', ['i32'], ['i32'], () => memoryGrowBody(this.#fuel))
  }

  /**
   * @param second the opcode after 0xfc, one of the bulk operations
   * @param immediates its two immediates (the second is 0 where it has one)
   * @returns the index of the function, or undefined when the instruction has no length
   */
  of(second: number, [first, other]: readonly [number, number]): number | undefined {
    const memory = (local: number): Bound => ({ local, limit: memoryLimit })
    const table = (local: number, index: number): Bound => ({ local, limit: tableLimit(index) })
    const segment: Bound = { local: FROM, limit: segmentLimit }
    const plain = { copies: true, overlaps: false, probes: false }
    switch (second) {
      case MiscOp.memoryInit:
        return this.#three(second, [first, 0], {
          ...plain,
          measure: BYTES,
          bounds: [memory(TO), segment],
          probes: true,
        })
      case MiscOp.memoryCopy:
        return this.#three(second, [0, 0], {
          ...plain,
          measure: BYTES,
          bounds: [memory(TO), memory(FROM)],
          overlaps: true,
        })
      case MiscOp.memoryFill:
        return this.#three(second, [0], { ...plain, measure: BYTES, bounds: [memory(TO)], copies: false })
      case MiscOp.tableInit:
        return this.#three(second, [first, other], {
          ...plain,
          measure: SLOTS,
          bounds: [table(TO, other), segment],
          probes: true,
        })
      case MiscOp.tableCopy:
        return this.#three(second, [first, other], {
          ...plain,
          measure: SLOTS,
          bounds: [table(TO, first), table(FROM, other)],
          overlaps: first === other,
        })
      case MiscOp.tableFill:
        return this.#three(second, [first], { ...plain, measure: SLOTS, bounds: [table(TO, first)], copies: false }, [
          'i32',
          this.#table(first).element,
          'i32',
        ])
      case MiscOp.tableGrow: {
        const { element, maximum } = this.#table(first)
        return this.#once(`table.grow ${first}`, [element, 'i32'], ['i32'], () =>
          tableGrowBody(this.#fuel, first, maximum),
        )
      }
      default:
        return undefined
    }
  }

  /** What the module does not declare is refused by validation afterwards. */
  #table(index: number): TableFacts {
    return this.#tables[index] ?? { element: 'funcref', maximum: 0 }
  }

  #three(
    second: number,
    immediates: readonly number[],
    operation: Omit<Operation, 'instruction'>,
    params: readonly ValueType[] = THREE,
  ): number {
    const instruction = (code: Writer) => {
      misc(code, second)
      for (const immediate of immediates) code.u32(immediate)
    }
    return this.#once(`${second} ${immediates.join()}`, params, [], () =>
      piecewise(this.#fuel, { ...operation, instruction }),
    )
  }

  #once(key: string, params: readonly ValueType[], results: readonly ValueType[], makeBody: () => Uint8Array): number {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const index = this.#appendix.function(this.#appendix.type(params, results), makeBody())
    this.#known.set(key, index)
    return index
  }
}
