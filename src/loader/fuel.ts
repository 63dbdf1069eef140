/** Indices of the rewriter's own global, table and type in, the instructions that meter a guest out. */
import { Op, TYPE_CODES } from './opcodes.ts'
import { Writer } from './writer.ts'

/** The entry of the fuel's global: mutable i64, 0. */
export const fuelGlobal: readonly number[] = [TYPE_CODES.i64, 1, Op.i64Const, 0, Op.end]

/** The entry of the callout's table: one slot of funcref, no more. */
export const fuelTable: readonly number[] = [TYPE_CODES.funcref, 1, 1, 1]

/** The type of `charge`: (i32) -> i32. */
export const chargeType: readonly number[] = [0x60, 1, TYPE_CODES.i32, 1, TYPE_CODES.i32]

/** Bytes that an instruction moves for one unit, as a shift: 64 bytes take about as long as a loop of the interpreter. */
const BULK_SHIFT = 6

const EMPTY_BLOCK = 0x40

/**
 * Takes one unit off and calls `spent` below zero. Leaves the operand stack as it was, so it may stand wherever an
 * instruction may. Of six sequences tried on QuickJS (a local for the difference, a test before the subtraction, the
 * indirect call in line) this one was the fastest or 1 % from it on Node 22 and 26, and the shortest.
 */
export function fuelCheck({ global, spent }: { global: number; spent: number }): Uint8Array {
  const check = new Writer(32)
  check.byte(Op.globalGet).u32(global)
  check.byte(Op.i64Const).s32(1).byte(Op.i64Sub)
  check.byte(Op.globalSet).u32(global)
  check.byte(Op.globalGet).u32(global)
  check.byte(Op.i64Const).s32(0).byte(Op.i64LtSigned)
  check.byte(Op.if).byte(EMPTY_BLOCK).byte(Op.call).u32(spent).byte(Op.end)
  return check.finish()
}

/** The body of `spent`, () -> (): calls the function in the table's slot, which may set the fuel anew. */
export function spentBody({ table, type }: { table: number; type: number }): Uint8Array {
  const body = new Writer(16).u32(0)
  body.byte(Op.i32Const).s32(0)
  body.byte(Op.callIndirect).u32(type).u32(table)
  return body.byte(Op.end).finish()
}

/**
 * The body of `charge`, (length) -> length: takes off what an instruction of that length burns. It stands right before
 * instructions that move any length at once, and leaves it to the next loop head to notice that the fuel is spent.
 */
export function chargeBody({ global }: { global: number }): Uint8Array {
  const body = new Writer(32).u32(0)
  body.byte(Op.globalGet).u32(global)
  body.byte(Op.localGet).u32(0).byte(Op.i64ExtendUnsigned)
  body.byte(Op.i64Const).s32(BULK_SHIFT).byte(Op.i64ShrUnsigned).byte(Op.i64Sub)
  body.byte(Op.globalSet).u32(global)
  return body.byte(Op.localGet).u32(0).byte(Op.end).finish()
}

/** A call of `charge`. */
export function bulkCharge({ charge }: { charge: number }): Uint8Array {
  return new Writer(8).byte(Op.call).u32(charge).finish()
}
