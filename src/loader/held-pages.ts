/** The cap of one instance's memory in, what `memory.grow` is asked for out: interpreters share a module, not a limit. */
import { Op, TYPE_CODES } from './opcodes.ts'
import { Writer } from './writer.ts'

/** Pages of 64 KiB in 32-bit memory. */
const ALL_PAGES = 65_536

/** The entry of the cap's global: mutable i32, all pages. */
export const pagesGlobal: readonly number[] = [
  TYPE_CODES.i32,
  1,
  Op.i32Const,
  ...new Writer(8).s32(ALL_PAGES).finish(),
  Op.end,
]

/**
 * The body of (pages) -> pages, which stands right before `memory.grow`: what would exceed the cap is asked for as -1,
 * more than any memory can grow by, and so fails as growth may.
 */
export function heldPagesBody(cap: number): Uint8Array {
  const body = new Writer(32).u32(0)
  body.byte(Op.i32Const).s32(-1).byte(Op.localGet).u32(0)
  body.byte(Op.memorySize).byte(0).byte(Op.i64ExtendI32Unsigned)
  body.byte(Op.localGet).u32(0).byte(Op.i64ExtendI32Unsigned).byte(Op.i64Add)
  body.byte(Op.globalGet).u32(cap).byte(Op.i64ExtendI32Unsigned).byte(Op.i64GtUnsigned)
  return body.byte(Op.select).byte(Op.end).finish()
}
