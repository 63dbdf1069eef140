/** A guest's wasm binary in, the same with fuel, exported state and bounded memory out: one pass that only appends, no index is remapped. */
import { type CodeFacts, rewriteCode } from './code.ts'
import { type ModuleDescription, describeShape } from './describe.ts'
import { fuelCheck, fuelGlobal, fuelTable } from './fuel.ts'
import { isReference, type ValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import { ExternKind, type ModuleShape, SECTION_ORDER, SectionId, readShape } from './sections.ts'
import { PREAMBLE, Writer } from './writer.ts'

/** Names of the exports that the rewriter adds. `__g<i>` and `__t<i>` carry the index of a global or table. */
export const AddedExport = { fuel: '__fuel', callout: '__callout', start: '__start', memory: 'memory' } as const
const RESERVED = /^__(?:fuel|callout|start|g\d+|t\d+)$/

/** Pages of 64 KiB in 32-bit memory. */
const PAGE_LIMIT = 65_536

export type RewriteOptions = {
  /**
   * Meter the code: one unit at each loop head. Adds the export `__fuel` (mutable i64, 0 at first) and `__callout`
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

/** Where a guest's state lies, by the exports of the rewritten module. */
export type StateLayout = {
  /** Export name of the memory. */
  memory: string | undefined
  /** Mutable globals, exported as `__g<index>`. */
  globals: readonly { index: number; type: ValueType }[]
  /** Tables, exported as `__t<index>`; `written` when the module's own code can change one. */
  tables: readonly { index: number; written: boolean }[]
  fuel: boolean
  /** Whether the memory of a new instance is all zero: its own, and no data segments. */
  blank: boolean
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

type Plan = { bytes: Uint8Array; shape: ModuleShape; options: RewriteOptions; facts: CodeFacts; code: Writer | undefined }
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
  if (!WebAssembly.validate(bytes)) throw refuseModule('it is not valid WebAssembly')
  const plan: Plan = { bytes, shape, options, ...rewriteBodies(bytes, shape, options) }
  checkStripping(plan)
  const layout = options.exportState ? layOut(plan) : undefined
  const rewritten = writeModule(plan, layout)
  if (!WebAssembly.validate(rewritten)) throw refuseModule('it is not valid any more after rewriting')
  return {
    bytes: rewritten,
    meta: {
      description: describeShape(shape),
      layout,
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
  const indices = { global: shape.globals.length, table: shape.tables.length, type: shape.types.length }
  const { body, facts } = rewriteCode(bytes, section, options.fuel ? fuelCheck(indices) : undefined)
  return { facts, code: body }
}

/** A dropped data segment reads as empty, so code that names one would behave differently. */
function checkStripping({ options, facts }: Plan): void {
  if (options.stripData && facts.usesDataSegments) {
    throw refuseModule('its code uses data segments (memory.init or data.drop), so they cannot be stripped')
  }
}

function layOut({ shape, options, facts }: Plan): StateLayout {
  if (facts.dropsSegments) throw refuseModule('its code drops segments, which is state that cannot be read')
  const globals = shape.globals.flatMap(({ type, mutable }, index) => (mutable ? [{ index, type }] : []))
  for (const { index, type } of globals) {
    if (isReference(type) || type === 'v128') throw refuseModule(`global ${index} is a mutable ${type}: it cannot be saved`)
  }
  shape.tables.forEach(({ element }, index) => {
    if (element === 'exnref') throw refuseModule(`table ${index} holds exceptions: it cannot be saved`)
  })
  const exported = keptExports(shape, options).find(({ kind }) => kind === ExternKind.memory)?.name
  return {
    memory: shape.memories.length > 0 ? (exported ?? AddedExport.memory) : undefined,
    globals,
    tables: shape.tables.map((_, index) => ({ index, written: facts.writtenTables.has(index) })),
    fuel: options.fuel === true,
    blank: shape.importedMemories === 0 && (options.stripData === true || shape.dataSegments === 0),
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

function addedExports(shape: ModuleShape, { fuel }: RewriteOptions, layout: StateLayout | undefined): Added[] {
  const added: Added[] = []
  if (fuel) {
    added.push({ kind: ExternKind.global, name: AddedExport.fuel, index: shape.globals.length })
    added.push({ kind: ExternKind.table, name: AddedExport.callout, index: shape.tables.length })
  }
  if (shape.start !== undefined) added.push({ kind: ExternKind.function, name: AddedExport.start, index: shape.start })
  if (!layout) return added
  for (const { index } of layout.globals) added.push({ kind: ExternKind.global, name: `__g${index}`, index })
  for (const { index } of layout.tables) added.push({ kind: ExternKind.table, name: `__t${index}`, index })
  const exported = shape.exports.some(({ kind }) => kind === ExternKind.memory)
  if (layout.memory && !exported) added.push({ kind: ExternKind.memory, name: layout.memory, index: 0 })
  return added
}

function writeExports({ bytes, shape, options }: Plan, layout: StateLayout | undefined): Writer {
  const kept = keptExports(shape, options)
  const added = addedExports(shape, options, layout)
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

/** A vector section with one more item at its end. */
function withAppended({ bytes, shape }: Plan, id: number, item: ArrayLike<number>): Writer {
  const section = shape.sections.get(id)
  if (!section) return new Writer().u32(1).raw(item)
  const reader = new Reader(bytes, section.start, section.end)
  const count = reader.u32()
  return new Writer(section.end - section.start + item.length + 8)
    .u32(count + 1)
    .copy(bytes, reader.at, section.end)
    .raw(item)
}

/** The new body of a section; `undefined` leaves it as it is, `null` drops it. */
function newSection(plan: Plan, id: number, layout: StateLayout | undefined): Writer | undefined | null {
  const { fuel, stripData } = plan.options
  switch (id) {
    case SectionId.type:
      return fuel ? withAppended(plan, id, [0x60, 0, 0]) : undefined
    case SectionId.table:
      return fuel ? withAppended(plan, id, fuelTable) : undefined
    case SectionId.global:
      return fuel ? withAppended(plan, id, fuelGlobal) : undefined
    case SectionId.memory:
      return writeMemory(plan)
    case SectionId.export:
      return writeExports(plan, layout)
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

function writeModule(plan: Plan, layout: StateLayout | undefined): Uint8Array<ArrayBuffer> {
  const out = new Writer(plan.bytes.length + (plan.code?.length ?? 0) + 4096).raw(PREAMBLE)
  for (const id of SECTION_ORDER) {
    const section = newSection(plan, id, layout)
    const old = plan.shape.sections.get(id)
    if (section) out.section(id, section)
    else if (section === undefined && old) out.byte(id).u32(old.end - old.start).copy(plan.bytes, old.start, old.end)
  }
  return out.finish()
}
