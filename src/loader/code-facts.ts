/** Instructions in, what code does to tables and segments out: what saving a state and stripping data depend on. */
import { MiscOp, Op } from './opcodes.ts'
import { Reader } from './reader.ts'

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

/** Gathers facts while code is passed over. */
export class FactCollector implements CodeFacts {
  readonly writtenTables = new Set<number>()
  usesDataSegments = false
  dropsSegments = false
  loopHeads = 0

  /**
   * Takes note of the instruction that `reader` has just passed.
   * @param start offset after its first byte
   * @param second its second opcode, when it is a prefixed one
   */
  note(reader: Reader, opcode: number, second: number, start: number): void {
    if (opcode === Op.loop) this.loopHeads++
    else if (opcode === Op.tableSet) this.#writesTable(reader, start, 0)
    else if (opcode === Op.prefixMisc && second >= MiscOp.memoryInit) this.#bulk(reader, start, second)
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
