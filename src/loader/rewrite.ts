/** A guest's wasm binary in, the same with fuel, exported state and bounded memory out: one pass that only appends, no index is remapped. */
import { type CodeFacts, rewriteCode } from './code.ts'
import { type ModuleDescription, describeShape } from './describe.ts'
import { bulkCharge, chargeBody, chargeType, fuelCheck, fuelGlobal, fuelTable, spentBody } from './fuel.ts'
import { AddedExport, type StateLayout, readLayout } from './layout.ts'
import { Reader, refuseModule } from './reader.ts'
import { ExternKind, type ModuleShape, SECTION_ORDER, SectionId, readShape } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

export type { StateLayout } from './layout.ts'

const RESERVED = /^__(?:fuel|callout|start|g\d+|t\d+)$/

/** Pages of 64 KiB in 32-bit memory. */
const PAGE_LIMIT = 65_536

export type RewriteOptions = {
  /**
   * Meter the code: one unit at each loop head, and one for each 64 bytes that an instruction moves at once. Adds the export `__fuel` (mutable i64, 0 at first) and `__callout`
   * (a table of one slot, empty at first): below zero the function in the slot, () -> (), is called at each loop head.
   * A guest that runs unarmed traps.
   */
  fuel?: boolean
  /** Export every mutable global as `__g<i>` and every table as `__t<i>`, and the memory. */
  exportState?: boolean
  /** Cap of the memory, in pages; refused when the module asks for more at once. */
  maximumPages?: number
  /** Raises the memory's first size, in pages. */
  minimumPages?: number
  /** Names of exports to keep; all others but memories and tables are dropped. Each must exist. */
  keepExports?: Iterable<string>
  /** Drop the data segments, for instances whose memory is restored from an image. */
  stripData?: boolean
}

export type RewriteMeta = {
  /** Of the original module. */
  description: ModuleDescription
  /** With `exportState` only. */
  layout: StateLayout | undefined
  loopHeads: number
  /** Whether the start function became the export `__start`, to be called once fuel is armed. */
  start: boolean
  dataStripped: boolean
}

type Plan = {
  bytes: Uint8Array
  shape: ModuleShape
  options: RewriteOptions
  facts: CodeFacts
  code: Writer | undefined
}
type Added = { kind: number; name: string; index: number }

/**
 * Rewrites a module for the loader. Pure: the same bytes and options give the same module. Custom sections are dropped.
 * @throws TokaError TOKA_ENGINE_LOAD when the module is not valid, uses what is not allowed, or cannot be rewritten as asked
 */
export function rewriteModule(
  bytes: Uint8Array<ArrayBuffer>,
  options: RewriteOptions = {},
): { bytes: Uint8Array<ArrayBuffer>; meta: RewriteMeta } {
  const shape = readShape(bytes)
  const plan: Plan = { bytes, shape, options, ...rewriteBodies(bytes, shape, options) }
  // After our own pass, which says what it refuses; engines only say no.
  if (!WebAssembly.validate(bytes)) throw refuseModule('it is not valid WebAssembly')
  checkSegments(plan)
  const rewritten = writeModule(plan)
  if (!WebAssembly.validate(rewritten)) throw refuseModule('it is not valid any more after rewriting')
  return {
    bytes: rewritten,
    meta: {
      description: describeShape(shape),
      layout: options.exportState ? readLayout(rewritten, plan.facts.writtenTables) : undefined,
      loopHeads: plan.facts.loopHeads,
      start: shape.start !== undefined,
      dataStripped: options.stripData === true,
    },
  }
}

const NO_CODE: CodeFacts = { loopHeads: 0, writtenTables: new Set(), usesDataSegments: false, dropsSegments: false }

function rewriteBodies(bytes: Uint8Array, shape: ModuleShape, options: RewriteOptions): Pick<Plan, 'facts' | 'code'> {
  const section = shape.sections.get(SectionId.code)
  if (!section) return { facts: NO_CODE, code: undefined }
  const global = shape.globals.length
  const spent = shape.functions.length
  const meter = {
    check: fuelCheck({ global, spent }),
    charge: bulkCharge({ charge: spent + 1 }),
    functions: [spentBody({ table: shape.tables.length, type: shape.types.length }), chargeBody({ global })],
  }
  const { body, facts } = rewriteCode(bytes, section, options.fuel ? meter : undefined)
  return { facts, code: body }
}

/** A stripped data segment would read as empty, so code that names one would behave differently. */
function checkSegments({ options, facts }: Plan): void {
  if (options.exportState && facts.dropsSegments) {
    throw refuseModule('its code drops segments, which is state that cannot be saved')
  }
  if (options.stripData && facts.usesDataSegments) {
    throw refuseModule('its code uses data segments (memory.init or data.drop), so they cannot be stripped')
  }
}

function keptExports(shape: ModuleShape, { keepExports }: RewriteOptions): ModuleShape['exports'] {
  const keep = keepExports && new Set(keepExports)
  const kept = shape.exports.filter(
    ({ name, kind }) => !keep || keep.has(name) || kind === ExternKind.memory || kind === ExternKind.table,
  )
  const names = new Set(kept.map(({ name }) => name))
  for (const name of keep ?? []) if (!names.has(name)) throw refuseModule(`it has no export "${name}"`)
  for (const name of names) if (RESERVED.test(name)) throw refuseModule(`its export "${name}" has a reserved name`)
  return kept
}

function addedExports(shape: ModuleShape, { fuel, exportState }: RewriteOptions): Added[] {
  const added: Added[] = []
  if (fuel) {
    added.push({ kind: ExternKind.global, name: AddedExport.fuel, index: shape.globals.length })
    added.push({ kind: ExternKind.table, name: AddedExport.callout, index: shape.tables.length })
  }
  if (shape.start !== undefined) added.push({ kind: ExternKind.function, name: AddedExport.start, index: shape.start })
  if (!exportState) return added
  shape.globals.forEach(({ mutable }, index) => {
    if (mutable) added.push({ kind: ExternKind.global, name: `__g${index}`, index })
  })
  shape.tables.forEach((_, index) => added.push({ kind: ExternKind.table, name: `__t${index}`, index }))
  const exported = shape.exports.some(({ kind }) => kind === ExternKind.memory)
  if (shape.memories.length > 0 && !exported)
    added.push({ kind: ExternKind.memory, name: AddedExport.memory, index: 0 })
  return added
}

function writeExports({ bytes, shape, options }: Plan): Writer {
  const kept = keptExports(shape, options)
  const added = addedExports(shape, options)
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

/** A vector section with more items at its end. */
function withAppended({ bytes, shape }: Plan, id: number, ...items: ArrayLike<number>[]): Writer {
  const section = shape.sections.get(id)
  const reader = section && new Reader(bytes, section.start, section.end)
  const count = reader ? reader.u32() : 0
  const body = new Writer().u32(count + items.length)
  if (reader) body.copy(bytes, reader.at, reader.end)
  for (const item of items) body.raw(item)
  return body
}

/** The types of the functions that are added, as entries of the function section. */
function addedFunctions({ shape }: Plan): Uint8Array[] {
  return [shape.types.length, shape.types.length + 1].map((type) => new Writer().u32(type).finish())
}

/** The new body of a section; `undefined` leaves it as it is, `null` drops it. */
function newSection(plan: Plan, id: number): Writer | undefined | null {
  const { fuel, stripData } = plan.options
  switch (id) {
    case SectionId.type:
      return fuel ? withAppended(plan, id, [0x60, 0, 0], chargeType) : undefined
    case SectionId.function:
      return plan.code ? withAppended(plan, id, ...addedFunctions(plan)) : undefined
    case SectionId.table:
      return fuel ? withAppended(plan, id, fuelTable) : undefined
    case SectionId.global:
      return fuel ? withAppended(plan, id, fuelGlobal) : undefined
    case SectionId.memory:
      return writeMemory(plan)
    case SectionId.export:
      return writeExports(plan)
    case SectionId.start:
      return null
    case SectionId.code:
      return plan.code
    case SectionId.data:
    case SectionId.dataCount:
      return stripData ? null : undefined
    default:
      return undefined
  }
}

function writeModule(plan: Plan): Uint8Array<ArrayBuffer> {
  const out = new Writer(plan.bytes.length + (plan.code?.length ?? 0) + 4096).raw(PREAMBLE)
  for (const id of SECTION_ORDER) {
    const section = newSection(plan, id)
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
