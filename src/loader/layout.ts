/** A rewritten module in, where its state lies out. */
import { type ValueType, isReference } from './opcodes.ts'
import { refuseModule } from './reader.ts'
import { ExternKind, type ExternKindCode, type ModuleShape, readShape } from './sections.ts'

/** Names of the exports that the rewriter adds. `__g<i>` and `__t<i>` carry the index of a global or table. */
export const AddedExport = {
  fuel: '__fuel',
  callout: '__callout',
  stack: '__stack',
  pages: '__pages',
  start: '__start',
  memory: 'memory',
} as const

const ADDED = /^__(?:fuel|callout|stack|pages|start|g\d+|t\d+)$/

/** Whether only the rewriter exports under a name: no module may, and no guest is given what stands there. */
export function isAddedExport(name: string): boolean {
  return ADDED.test(name)
}

/** Where a guest's state lies, by the exports of the rewritten module. */
export type StateLayout = {
  /** Export name of the memory. */
  memory: string | undefined
  /** Mutable globals, exported as `__g<index>`. */
  globals: readonly { index: number; type: ValueType }[]
  /**
   * Tables, exported as `__t<index>`; `written` when the module's own code can change one, `foreign` when it holds
   * references of the host's: such a table is part of a state as long as all of it is null.
   */
  tables: readonly { index: number; written: boolean; foreign: boolean }[]
  /** Whether there is an export `__fuel`. */
  fuel: boolean
  /** Whether there is an export `__stack`: a stranger's module, whose instances are never used again. */
  stack: boolean
  /** Whether the memory of a new instance is all zero: its own, and no data segments that fill it. */
  blank: boolean
}

function exportedIndices(shape: ModuleShape, kind: ExternKindCode, prefix: string): Set<number> {
  const own = shape.exports.filter((entry) => entry.kind === kind && entry.name === `${prefix}${entry.index}`)
  return new Set(own.map(({ index }) => index))
}

function exportedAs(shape: ModuleShape, kind: ExternKindCode, name: string): number | undefined {
  return shape.exports.find((entry) => entry.kind === kind && entry.name === name)?.index
}

/** What cannot be read from outside or put back, if there is such. */
export function unsavableReason(shape: ModuleShape): string | undefined {
  const global = shape.globals.findIndex(({ type, mutable }) => mutable && (isReference(type) || type === 'v128'))
  if (global >= 0) return `global ${global} is a mutable ${shape.globals[global]?.type}, which cannot be saved`
  const table = shape.tables.findIndex(({ element }) => element === 'exnref')
  return table >= 0 ? `table ${table} holds exceptions, which cannot be saved` : undefined
}

/**
 * Reads the layout of a module that `rewriteModule` made with `exportState`.
 * @param written tables that the module's own code can change: the one fact that lies in the code bodies
 * @throws TokaError TOKA_ENGINE_LOAD when a part of the state is not exported
 */
export function readLayout(bytes: Uint8Array, written: ReadonlySet<number>): StateLayout {
  return layoutOf(readShape(bytes), written)
}

/** The same of a module that was read already. */
export function layoutOf(shape: ModuleShape, written: ReadonlySet<number>): StateLayout {
  const problem = unsavableReason(shape)
  if (problem !== undefined) throw refuseModule(problem)
  const fuel = exportedAs(shape, ExternKind.global, AddedExport.fuel)
  const callout = exportedAs(shape, ExternKind.table, AddedExport.callout)
  const stack = exportedAs(shape, ExternKind.global, AddedExport.stack)
  // Behind the fuel lie the rewriter's own globals: what they count begins anew in each instance.
  const own = fuel ?? shape.globals.length
  const globals = shape.globals.flatMap(({ type, mutable }, index) => (mutable && index < own ? [{ index, type }] : []))
  const tables = shape.tables.flatMap(({ element }, index) =>
    index === callout ? [] : [{ index, written: written.has(index), foreign: element === 'externref' }],
  )
  const memory = shape.exports.find(({ kind }) => kind === ExternKind.memory)?.name
  const exportedGlobals = exportedIndices(shape, ExternKind.global, '__g')
  const exportedTables = exportedIndices(shape, ExternKind.table, '__t')
  const complete =
    globals.every(({ index }) => exportedGlobals.has(index)) &&
    tables.every(({ index }) => exportedTables.has(index)) &&
    (memory !== undefined || shape.memories.length === 0)
  if (!complete) throw refuseModule('it does not export all of its state')
  return {
    memory,
    globals,
    tables,
    fuel: fuel !== undefined,
    stack: stack !== undefined,
    blank: shape.importedMemories === 0 && shape.dataSegments === shape.passiveSegments,
  }
}
