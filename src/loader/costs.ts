/** An instruction in, its price in units of fuel out. A unit is about one cheap instruction: a third of a nanosecond in compiled code. */
import { MiscOp, Op } from './opcodes.ts'

/** Prices that do not follow from the opcode alone. */
export const Price = {
  /** A call, without what the callee pays itself. */
  call: 4,
  callIndirect: 8,
  /** A call of an import, through the border. */
  callImport: 64,
  /** Making and unwinding an exception goes through the runtime: microseconds. */
  throw: 1_024,
  /** A loop head or an entry always costs something, or an empty loop would be free. */
  check: 1,
  /** One page of 64 KiB that memory grows by: its sixteen first touches are page faults, 10 us together. */
  page: 1_024,
  /** One slot of a table written by a bulk operation: 90 ns (V8 14). */
  slot: 16,
} as const

/** Bytes that a bulk memory operation moves for one unit, as a power of two: 16 bytes; 11 ns on memory not touched before. */
export const BYTES_PER_UNIT_LOG2 = 4

/**
 * What a bulk operation does between two checks: 256 KiB or 1,024 slots. A `memory.fill` of 256 MiB takes 182 ms on
 * untouched memory, so a piece takes 0.2 ms at most.
 */
export const PIECE = { bytes: 2 ** 18, slots: 2 ** 10 } as const

/** An entry that would charge no more than this, at most 255, charges nothing and the callers pay: most small functions. */
export const FREE_ENTRY = 128

/**
 * Units of compiling that a first call does not pay for. A unit is a byte of the body or a slot merged between
 * branches: 6 to 8 ns each (V8 12 and 14, the first tier).
 */
export const FREE_COMPILE = 512

/** Slots that a frame takes beside its locals and operands: return address, frame pointer, instance, marker, spills. */
export const FRAME_SLOTS = 10

/** Parameters and results of a call that are handed over in registers (x64: five of either kind, and two results). */
export const FREE_ARITY = 4

/** Slots of frames that follow upon each other without being counted, before one of them is. */
export const UNCOUNTED_SLOTS = 2_000

/**
 * Slots of frames between two that count, before one of them is counted, too: the first takes them even where a shorter
 * way is gone. Ruby's `require "json"` takes 60,000 slots with 2,000 of them here, 17,000 with 200, 12,000 with 64, and
 * counting more often than that costs nothing that could be measured.
 */
export const PASSED_SLOTS = 64

/** Longest stretch of code that a guest runs before it pays for it, in units. */
export const STRETCH = 256

function pricesOf(entries: readonly (readonly [number, number, number])[]): Uint16Array {
  const table = new Uint16Array(256).fill(1)
  for (const [first, last, price] of entries) table.fill(price, first, last + 1)
  return table
}

/** By the one-byte opcode. A load may miss every cache: 100 ns. Markers cost nothing. */
export const PRICES: Uint16Array = pricesOf([
  [0x01, 0x03, 0], // nop, block, loop
  [Op.else, Op.tryTable, 0],
  [Op.if, Op.if, 1],
  [Op.throw, Op.throwRef, Price.throw],
  [Op.end, Op.end, 0],
  [Op.br, Op.brIf, 1],
  [Op.brTable, Op.brTable, 4],
  [Op.return, Op.return, 1],
  [Op.call, Op.call, Price.call],
  [Op.callIndirect, Op.callIndirect, Price.callIndirect],
  [Op.returnCall, Op.returnCall, Price.call],
  [Op.returnCallIndirect, Op.returnCallIndirect, Price.callIndirect],
  [0x1a, 0x1c, 1], // drop, select
  [0x25, 0x26, 8], // table.get, table.set
  [0x28, 0x35, 3], // loads
  [0x36, 0x3e, 2], // stores
  [Op.memoryGrow, Op.memoryGrow, Price.call],
  [0x6d, 0x70, 8], // i32 division
  [0x7f, 0x82, 12], // i64 division
  [0x91, 0x91, 6], // f32.sqrt
  [0x95, 0x95, 4],
  [0x9f, 0x9f, 8], // f64.sqrt
  [0xa3, 0xa3, 4],
  [0xd2, 0xd2, 64], // ref.func may make a function object
])

/** By the second opcode after 0xfc; lengths are charged apart. */
export const MISC_PRICES: Uint16Array = pricesOf([
  [MiscOp.memoryInit, MiscOp.memoryInit, Price.call],
  [MiscOp.dataDrop, MiscOp.dataDrop, 16],
  [MiscOp.memoryCopy, MiscOp.tableInit, Price.call],
  [MiscOp.elementDrop, MiscOp.elementDrop, 16],
  [MiscOp.tableCopy, MiscOp.tableGrow, Price.call],
  [MiscOp.tableFill, MiscOp.tableFill, Price.call],
])

/** By the second opcode after 0xfd: loads, what has no single machine instruction, division and roots cost more. */
export const SIMD_PRICES: Uint16Array = pricesOf([
  [0x00, 0x0a, 3],
  [0x0b, 0x0b, 2],
  [0x23, 0xff, 2],
  [0x54, 0x5d, 3],
  [0xe3, 0xe3, 8], // f32x4.sqrt
  [0xe7, 0xe7, 8], // f32x4.div
  [0xef, 0xef, 12], // f64x2.sqrt
  [0xf3, 0xf3, 12], // f64x2.div
])
