/** An instruction in, its net effect on the operand stack out: what frames and compile time are estimated from. */
import { MiscOp, Op } from './opcodes.ts'

function fill(table: Int8Array, effect: number, ...ranges: readonly (number | readonly [number, number])[]): void {
  for (const range of ranges) {
    if (typeof range === 'number') table[range] = effect
    else table.fill(effect, range[0], range[1] + 1)
  }
}

/** By the one-byte opcode. What blocks and calls do by their types is counted by whoever reads those. */
export const STACK_EFFECTS: Int8Array = (() => {
  const table = new Int8Array(256)
  fill(table, -1, Op.if, Op.brIf, Op.brTable, Op.callIndirect, Op.returnCallIndirect, Op.drop)
  fill(table, -2, 0x1b, 0x1c) // select
  fill(table, 1, 0x20, 0x23, [0x41, 0x44], Op.memorySize, 0xd0, 0xd2) // gets, constants, references
  fill(table, -1, 0x21, 0x24) // sets
  fill(table, -2, 0x26, [0x36, 0x3e]) // table.set, stores
  // Comparisons and arithmetic with two operands.
  fill(table, -1, [0x46, 0x4f], [0x51, 0x66], [0x6a, 0x78], [0x7c, 0x8a], [0x92, 0x98], [0xa0, 0xa6])
  return table
})()

/** By the second opcode after 0xfc. */
export const MISC_EFFECTS: Int8Array = (() => {
  const table = new Int8Array(18)
  fill(table, -3, MiscOp.memoryInit, MiscOp.memoryCopy, MiscOp.memoryFill)
  fill(table, -3, MiscOp.tableInit, MiscOp.tableCopy, MiscOp.tableFill)
  fill(table, -1, MiscOp.tableGrow)
  fill(table, 1, MiscOp.tableSize)
  return table
})()

/** By the second opcode after 0xfd. */
export const SIMD_EFFECTS: Int8Array = (() => {
  const table = new Int8Array(256)
  fill(table, -2, 11, 0x52, [0x58, 0x5b]) // store, bitselect, store_lane
  fill(table, 1, 12) // const
  fill(table, -1, 13, 14, 0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22) // shuffle, swizzle, replace_lane
  fill(table, -1, [0x23, 0x4c], [0x4e, 0x51], [0x54, 0x57]) // comparisons, bitwise, load_lane
  // i8x16, i16x8, i32x4, i64x2, f32x4, f64x2: everything with two operands.
  fill(table, -1, 0x65, 0x66, [0x6b, 0x73], [0x76, 0x79], 0x7b)
  fill(table, -1, 0x82, 0x85, 0x86, [0x8b, 0x93], [0x95, 0x99], 0x9b, [0x9c, 0x9f])
  fill(table, -1, [0xab, 0xae], 0xb1, [0xb5, 0xba], [0xbc, 0xbf])
  fill(table, -1, [0xcb, 0xce], 0xd1, [0xd5, 0xdf])
  fill(table, -1, [0xe4, 0xeb], [0xf0, 0xf7])
  return table
})()
