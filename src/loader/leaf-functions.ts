/** A code section in, the functions that are too small to meter out: their callers pay for them. */
import type { Section } from './sections.ts'
import { LEAF_BYTES, LEAF_PRICE, MISC_PRICES, PRICES, SIMD_PRICES } from './costs.ts'
import { skipImmediates } from './instructions.ts'
import { MiscOp, Op, readValueType } from './opcodes.ts'
import { Reader } from './reader.ts'

/** Whether a body that has the instruction may run for long, or deep. */
function mayRunOn(opcode: number, second: number): boolean {
  if (opcode === Op.loop || opcode === Op.memoryGrow) return true
  if (opcode >= Op.call && opcode <= Op.returnCallIndirect) return true
  return opcode === Op.prefixMisc && second >= MiscOp.memoryInit
}

/** @returns the price of everything in a short body, 0 when it must be metered itself */
function leafPrice(reader: Reader): number {
  let price = 1
  for (let left = reader.u32(); left > 0; left--) {
    reader.u32()
    readValueType(reader)
  }
  while (!reader.done) {
    const opcode = reader.byte()
    const second = skipImmediates(reader, opcode)
    if (mayRunOn(opcode, second)) return 0
    const prices = opcode === Op.prefixMisc ? MISC_PRICES : SIMD_PRICES
    price += (second < 0 ? PRICES[opcode] : prices[second]) as number
    if (price > LEAF_PRICE) return 0
  }
  return price
}

/** @returns by the index of the function, imports first: its price, or 0 */
export function findLeaves(bytes: Uint8Array, section: Section, imported: number, functions: number): Uint8Array {
  const prices = new Uint8Array(functions)
  const reader = new Reader(bytes, section.start, section.end)
  const count = reader.u32()
  for (let at = 0; at < count; at++) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    if (size <= LEAF_BYTES && imported + at < functions) {
      prices[imported + at] = leafPrice(new Reader(bytes, start, reader.at))
    }
  }
  return prices
}
