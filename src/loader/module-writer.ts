/** A module and its changes in, the bytes of the changed module out. */
import { writeEdited } from './edits.ts'
import { AddedExport, isAddedExport } from './layout.ts'
import { cappedTable } from './meter.ts'
import { TYPE_CODES } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import type { Plan, RewriteOptions } from './rewrite-options.ts'
import { ExternKind, type ExternKindCode, type ModuleShape, SECTION_ORDER, SectionId } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

/** Pages of 64 KiB in 32-bit memory. */
const PAGE_LIMIT = 65_536

type Added = { kind: number; name: string; index: number }

function keptExports(shape: ModuleShape, { keepExports }: RewriteOptions): ModuleShape['exports'] {
  const keep = keepExports && new Set(keepExports)
  const kept = shape.exports.filter(
    ({ name, kind }) => !keep || keep.has(name) || kind === ExternKind.memory || kind === ExternKind.table,
  )
  const names = new Set(kept.map(({ name }) => name))
  for (const name of keep ?? []) if (!names.has(name)) throw refuseModule(`it has no export "${name}"`)
  for (const name of names) if (isAddedExport(name)) throw refuseModule(`its export "${name}" has a reserved name`)
  return kept
}

function addedExports({ shape, options: { exportState }, meter }: Plan): Added[] {
  const added: Added[] = []
  const add = (kind: ExternKindCode, name: string, index: number | undefined) => {
    if (index !== undefined) added.push({ kind, name, index })
  }
  add(ExternKind.global, AddedExport.fuel, meter.fuel)
  add(ExternKind.table, AddedExport.callout, meter.callout)
  add(ExternKind.global, AddedExport.stack, meter.stack)
  add(ExternKind.global, AddedExport.pages, meter.pages)
  add(ExternKind.function, AddedExport.start, shape.start)
  if (!exportState) return added
  shape.globals.forEach(({ mutable }, index) => {
    if (mutable) add(ExternKind.global, `__g${index}`, index)
  })
  shape.tables.forEach((_, index) => add(ExternKind.table, `__t${index}`, index))
  const exported = shape.exports.some(({ kind }) => kind === ExternKind.memory)
  if (shape.memories.length > 0 && !exported) add(ExternKind.memory, AddedExport.memory, 0)
  return added
}

function writeExports(plan: Plan): Writer {
  const { bytes, shape, options } = plan
  const kept = keptExports(shape, options)
  const added = addedExports(plan)
  const body = new Writer().u32(kept.length + added.length)
  for (const { start, end } of kept) body.copy(bytes, start, end)
  for (const { name, kind, index } of added) body.name(name).byte(kind).u32(index)
  return body
}

function writeMemory({ shape, options }: Plan): Writer | undefined {
  const memory = shape.memories[0]
  if (shape.importedMemories > 0 || !memory) {
    const asked = options.maximumPages ?? options.minimumPages
    if (asked !== undefined && memory) throw refuseModule('its memory is imported: give that memory its bounds')
    return undefined
  }
  const minimum = Math.max(memory.minimum, options.minimumPages ?? 0)
  const maximum = Math.min(memory.maximum ?? PAGE_LIMIT, options.maximumPages ?? PAGE_LIMIT)
  if (minimum > maximum) throw refuseModule(`it needs ${minimum} pages of memory, allowed are ${maximum}`)
  return new Writer().u32(1).byte(1).u32(minimum).u32(maximum)
}

/** Tables as they were, but none of a stranger's may grow beyond its cap; and what is added. */
function writeTables({ shape, meter, meterOptions }: Plan): Writer | undefined {
  const own = shape.tables.slice(shape.importedTables)
  const { tables } = meter.appendix
  if (own.length + tables.length === 0) return undefined
  const body = new Writer().u32(own.length + tables.length)
  for (const { element, minimum, maximum } of own) {
    body.byte(TYPE_CODES[element])
    const capped = meterOptions.trust === 'stranger' ? cappedTable(maximum, meterOptions) : maximum
    if (capped === undefined) body.byte(0).u32(minimum)
    else body.byte(1).u32(minimum).u32(capped)
  }
  for (const entry of tables) body.raw(entry)
  return body
}

/** A vector section with items added at its end. */
function withAppended({ bytes, shape }: Plan, id: number, items: readonly ArrayLike<number>[]): Writer | undefined {
  if (items.length === 0) return undefined
  const section = shape.sections.get(id)
  const body = new Writer((section ? section.end - section.start : 0) + 64)
  if (section) {
    const reader = new Reader(bytes, section.start, section.end)
    body.u32(reader.u32() + items.length).copy(bytes, reader.at, section.end)
  } else body.u32(items.length)
  for (const item of items) body.raw(item)
  return body
}

/**
 * Tells compilers which branches are hardly ever taken: those that we put in, which call out when fuel or stack is spent.
 * Without it the calls in them cost registers on the way that is always taken (branch hinting, WebAssembly 3.0, custom
 * section of the code; V8 14 reads it, V8 12 does not).
 */
class Hints {
  readonly #section = new Writer(1_024)
  #functions = 0

  add(index: number, places: readonly number[]): void {
    if (places.length === 0) return
    this.#functions++
    this.#section.u32(index).u32(places.length)
    for (const place of places) this.#section.u32(place).u32(1).byte(UNLIKELY)
  }

  write(out: Writer): void {
    if (this.#functions > 0)
      out.section(SectionId.custom, new Writer().name(BRANCH_HINTS).u32(this.#functions).raw(this.#section.view()))
  }
}

const BRANCH_HINTS = 'metadata.code.branch_hint'
const UNLIKELY = 0

function writeCode({ bytes, shape, meter, bodies, changes }: Plan, hints: Hints): Writer | undefined {
  const section = shape.sections.get(SectionId.code)
  const { functions } = meter.appendix
  if (!section && functions.length === 0) return undefined
  const body = new Writer((section ? section.end - section.start : 0) * 1.25 + 1024)
  body.u32(bodies.length + functions.length)
  bodies.forEach(({ start, end }, index) => {
    hints.add(shape.importedFunctions + index, writeEdited(body, bytes, start, end, changes[index] ?? []))
  })
  for (const added of functions) body.u32(added.body.length).raw(added.body)
  return body
}

/** The new body of a section; `undefined` leaves it as it is, `null` drops it. */
function newSection(plan: Plan, id: number, hints: Hints): Writer | undefined | null {
  const { appendix } = plan.meter
  switch (id) {
    case SectionId.type:
      return withAppended(plan, id, appendix.types)
    case SectionId.function:
      return withAppended(
        plan,
        id,
        appendix.functions.map(({ type }) => new Writer(8).u32(type).finish()),
      )
    case SectionId.table:
      return writeTables(plan)
    case SectionId.global:
      return withAppended(plan, id, appendix.globals)
    case SectionId.memory:
      return writeMemory(plan)
    case SectionId.export:
      return writeExports(plan)
    case SectionId.start:
      return null
    case SectionId.code:
      return writeCode(plan, hints)
    case SectionId.data:
    case SectionId.dataCount:
      return plan.options.stripData ? null : undefined
    default:
      return undefined
  }
}

/** Writes the rewritten module. Custom sections are left out, but for our own. */
export function writeModule(plan: Plan): Uint8Array<ArrayBuffer> {
  const out = new Writer(plan.bytes.length * 1.25 + 4096).raw(PREAMBLE)
  const hints = new Hints()
  for (const id of SECTION_ORDER) {
    const section = newSection(plan, id, hints)
    if (id === SectionId.code) hints.write(out)
    const old = plan.shape.sections.get(id)
    if (section) out.section(id, section)
    else if (section === undefined && old)
      out
        .byte(id)
        .u32(old.end - old.start)
        .copy(plan.bytes, old.start, old.end)
  }
  return out.finish()
}
