/** Indices of the rewriter's own globals, table and types in, the instructions that meter a guest out. */
import { Op, TYPE_CODES } from './opcodes.ts'
import { type Snippet, SnippetWriter } from './snippet.ts'
import { Writer } from './writer.ts'

/** The entry of the fuel's global: mutable i64, 0. */
export const fuelGlobal: readonly number[] = [TYPE_CODES.i64, 1, Op.i64Const, 0, Op.end]

/** The entry of the stack's global, and of those that say what was paid for: mutable i32, 0. */
export const counterGlobal: readonly number[] = [TYPE_CODES.i32, 1, Op.i32Const, 0, Op.end]

/** The entry of the callout's table: one slot of funcref, no more. */
export const fuelTable: readonly number[] = [TYPE_CODES.funcref, 1, 1, 1]

/** The fuel's global and the function that is called when it is spent. */
export type FuelIndices = { global: number; spent: number }

/** Takes units off. Leaves the operand stack as it was, so it may stand wherever an instruction may. */
export function fuelTake({ global }: FuelIndices, units: number): Uint8Array {
  const take = new Writer(16)
  take.byte(Op.globalGet).u32(global)
  take.byte(Op.i64Const).s32(units).byte(Op.i64Sub)
  return take.byte(Op.globalSet).u32(global).finish()
}

/** Calls `spent` when the fuel is below zero. Leaves the operand stack as it was. */
export function fuelTest({ global, spent }: FuelIndices): Snippet {
  const test = new SnippetWriter(16)
  test.byte(Op.globalGet).u32(global)
  test.byte(Op.i64Const).s32(0).byte(Op.i64LtSigned)
  return test.unlikelyIf().byte(Op.call).u32(spent).byte(Op.end).done()
}

/**
 * Takes units off and calls `spent` below zero. Of six sequences tried on QuickJS (a local for the difference, a test
 * before the subtraction, the indirect call in line) this one was the fastest or 1 % from it on Node 22 and 26, and
 * the shortest.
 */
export function fuelCheck(indices: FuelIndices, units = 1): Snippet {
  return new SnippetWriter(32).raw(fuelTake(indices, units)).snippet(fuelTest(indices)).done()
}

/** Charges once in an instance's life: `global` is 0 before. */
export function fuelOnce(indices: FuelIndices, global: number, units: number): Snippet {
  const once = new SnippetWriter(48).byte(Op.globalGet).u32(global).byte(Op.i32Eqz).unlikelyIf()
  once.byte(Op.i32Const).s32(1).byte(Op.globalSet).u32(global).snippet(fuelCheck(indices, units))
  return once.byte(Op.end).done()
}

/** The body of `spent`, () -> (): calls the function in the table's slot, which may set the fuel anew. */
export function spentBody({ table, type }: { table: number; type: number }): Uint8Array {
  const body = new Writer(16).u32(0)
  body.byte(Op.i32Const).s32(0)
  body.byte(Op.callIndirect).u32(type).u32(table)
  return body.byte(Op.end).finish()
}

/** Bytes that an instruction moves for one unit, as a shift: 64 bytes take about as long as a loop of the interpreter. */
const BULK_SHIFT = 6

/**
 * The body of `charge`, (length) -> length: takes off what an instruction of that length burns. It stands right before
 * instructions of pinned modules that move any length at once, and leaves it to the next loop head to notice that the
 * fuel is spent.
 */
export function chargeBody({ global }: { global: number }): Uint8Array {
  const body = new Writer(32).u32(0)
  body.byte(Op.globalGet).u32(global)
  body.byte(Op.localGet).u32(0).byte(Op.i64ExtendI32Unsigned)
  body.byte(Op.i64Const).s32(BULK_SHIFT).byte(Op.i64ShrUnsigned).byte(Op.i64Sub)
  body.byte(Op.globalSet).u32(global)
  return body.byte(Op.localGet).u32(0).byte(Op.end).finish()
}

/** A call of one of the added functions. */
export function callOf(index: number): Uint8Array {
  return new Writer(8).byte(Op.call).u32(index).finish()
}
