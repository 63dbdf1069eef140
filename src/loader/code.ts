/** The code section in, the same with a check at every loop head and a charge before every bulk instruction out, and what the code does to tables and segments. */
import { skipImmediates } from './instructions.ts'
import { MiscOp, Op, readValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import type { Section } from './sections.ts'
import { Writer } from './writer.ts'

/** What one pass over the code finds. */
export type CodeFacts = {
  loopHeads: number
  /** Tables that an instruction can change (set, grow, fill, copy, init). */
  writtenTables: ReadonlySet<number>
  /** Whether `memory.init` or `data.drop` name data segments. */
  usesDataSegments: boolean
  /** Whether `data.drop` or `elem.drop` occur: a dropped segment is state that nobody can read. */
  dropsSegments: boolean
}

/** Where something is put into a body: a check, or the charge of a bulk instruction. */
type Place = { at: number; bulk: boolean }

/** Instructions that take as long as the number on top of the stack says. */
const MOVING: ReadonlySet<number> = new Set([
  MiscOp.memoryInit,
  MiscOp.memoryCopy,
  MiscOp.memoryFill,
  MiscOp.tableInit,
  MiscOp.tableCopy,
  MiscOp.tableGrow,
  MiscOp.tableFill,
])

/** A pass over code bodies: facts are gathered, and places for checks of the body at hand. */
class CodeScan {
  readonly writtenTables = new Set<number>()
  usesDataSegments = false
  dropsSegments = false
  loopHeads = 0
  /** Offsets after the loop headers of the current body, and before its bulk instructions. */
  readonly places: Place[] = []

  body(reader: Reader): void {
    this.places.length = 0
    for (let left = reader.u32(); left > 0; left--) {
      reader.u32()
      readValueType(reader)
    }
    while (!reader.done) {
      const at = reader.at
      const opcode = reader.byte()
      const start = reader.at
      const second = skipImmediates(reader, opcode)
      if (opcode === Op.loop) {
        this.places.push({ at: reader.at, bulk: false })
        this.loopHeads++
      } else if (opcode === Op.tableSet) this.#writesTable(reader, start, 0)
      else if (opcode === Op.prefixMisc && second >= MiscOp.memoryInit) {
        if (MOVING.has(second)) this.places.push({ at, bulk: true })
        this.#bulk(reader, start, second)
      }
    }
    if (reader.bytes[reader.end - 1] !== Op.end) throw refuseModule('a function body has no end', reader.end - 1)
  }

  #bulk(reader: Reader, start: number, second: number): void {
    switch (second) {
      case MiscOp.memoryInit:
        this.usesDataSegments = true
        return
      case MiscOp.dataDrop:
        this.usesDataSegments = true
        this.dropsSegments = true
        return
      case MiscOp.elementDrop:
        this.dropsSegments = true
        return
      case MiscOp.tableInit:
        return this.#writesTable(reader, start, 2)
      case MiscOp.tableCopy:
      case MiscOp.tableGrow:
      case MiscOp.tableFill:
        return this.#writesTable(reader, start, 1)
    }
  }

  /** Notes the table named by the immediate after `skipped` others. */
  #writesTable(reader: Reader, start: number, skipped: number): void {
    const immediates = new Reader(reader.bytes, start, reader.at)
    for (let left = skipped; left > 0; left--) immediates.u32()
    this.writtenTables.add(immediates.u32())
  }
}

/** Copies a body with a check or a charge put in at every place. */
function writeBody(into: Writer, reader: Reader, places: readonly Place[], { check, charge }: Meter): void {
  let size = reader.end - reader.at
  for (const { bulk } of places) size += bulk ? charge.length : check.length
  into.u32(size)
  let from = reader.at
  for (const { at, bulk } of places) {
    into.copy(reader.bytes, from, at).raw(bulk ? charge : check)
    from = at
  }
  into.copy(reader.bytes, from, reader.end)
}

/** What to put into the code: instructions for loop heads and before bulk instructions, and functions after the last. */
export type Meter = { check: Uint8Array; charge: Uint8Array; functions: readonly Uint8Array[] }

/**
 * Passes once over the code section, within the allowlist of instructions.
 * @param meter what it puts in must have no effect on the operand stack; none leaves the code as it is
 * @returns the new section body (undefined without a meter) and the facts
 */
export function rewriteCode(
  bytes: Uint8Array,
  section: Section,
  meter: Meter | undefined,
): { body: Writer | undefined; facts: CodeFacts } {
  const reader = new Reader(bytes, section.start, section.end)
  const scan = new CodeScan()
  const count = reader.u32()
  const body = meter && new Writer((section.end - section.start) * 1.25 + 64).u32(count + meter.functions.length)
  for (let left = count; left > 0; left--) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    scan.body(new Reader(bytes, start, reader.at))
    if (body && meter) writeBody(body, new Reader(bytes, start, reader.at), scan.places, meter)
  }
  if (!reader.done) throw refuseModule('the code section is longer than its functions', reader.at)
  if (body && meter) for (const added of meter.functions) body.u32(added.length).raw(added)
  return { body, facts: scan }
}
