/** The code section in, the same with a check at every loop head out, and what the code does to tables and segments. */
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

/** A pass over code bodies: facts are gathered, and places for checks of the body at hand. */
class CodeScan {
  readonly writtenTables = new Set<number>()
  usesDataSegments = false
  dropsSegments = false
  loopHeads = 0
  /** Offsets after the loop headers of the current body. */
  readonly places: number[] = []

  body(reader: Reader): void {
    this.places.length = 0
    for (let left = reader.u32(); left > 0; left--) {
      reader.u32()
      readValueType(reader)
    }
    while (!reader.done) {
      const opcode = reader.byte()
      const start = reader.at
      const second = skipImmediates(reader, opcode)
      if (opcode === Op.loop) this.places.push(reader.at)
      else if (opcode === Op.tableSet) this.#writesTable(reader, start, 0)
      else if (opcode === Op.prefixMisc && second >= MiscOp.memoryInit) this.#bulk(reader, start, second)
    }
    if (reader.bytes[reader.end - 1] !== Op.end) throw refuseModule('a function body has no end', reader.end - 1)
    this.loopHeads += this.places.length
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

/** Copies a body with `check` put in at every place. */
function writeBody(into: Writer, reader: Reader, places: readonly number[], check: Uint8Array): void {
  const size = reader.end - reader.at + places.length * check.length
  into.u32(size)
  let from = reader.at
  for (const place of places) {
    into.copy(reader.bytes, from, place).raw(check)
    from = place
  }
  into.copy(reader.bytes, from, reader.end)
}

/** What to put into the code: instructions for every loop head, and one more function after the last. */
export type Meter = { check: Uint8Array; spent: Uint8Array }

/**
 * Passes once over the code section, within the allowlist of instructions.
 * @param meter its check must have no effect on the operand stack; none leaves the code as it is
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
  const body = meter && new Writer((section.end - section.start) * 1.25 + 64).u32(count + 1)
  for (let left = count; left > 0; left--) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    scan.body(new Reader(bytes, start, reader.at))
    if (body && meter) writeBody(body, new Reader(bytes, start, reader.at), scan.places, meter.check)
  }
  if (!reader.done) throw refuseModule('the code section is longer than its functions', reader.at)
  if (body && meter) body.u32(meter.spent.length).raw(meter.spent)
  return { body, facts: scan }
}
