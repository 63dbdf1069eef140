/** A wasm binary in, its interface out: imports and exports with full types, by our own parse since browsers reflect no types. */
import type { ValueType } from './opcodes.ts'
import { ExternKind, type ModuleShape, type SizeLimits, functionType, readShape } from './sections.ts'

export type { ValueType } from './opcodes.ts'

/** A function that a module imports. */
export type FunctionImport = {
  module: string
  name: string
  params: readonly ValueType[]
  results: readonly ValueType[]
}

/** A memory, table, global or tag that a module imports. */
export type OtherImport = { module: string; name: string; kind: 'table' | 'memory' | 'global' | 'tag' }

export type ExportDescription =
  | { name: string; kind: 'function'; params: readonly ValueType[]; results: readonly ValueType[] }
  | { name: string; kind: 'table' | 'memory' | 'global' | 'tag'; index: number }

/** What a module asks for and offers. */
export type ModuleDescription = {
  functionImports: FunctionImport[]
  otherImports: OtherImport[]
  exports: ExportDescription[]
  /** Pages of 64 KiB. */
  memory: (SizeLimits & { imported: boolean }) | undefined
  tables: (SizeLimits & { element: ValueType; imported: boolean })[]
  /** By the index in the module's index space. */
  mutableGlobals: { index: number; type: ValueType; imported: boolean }[]
  /** Whether instantiating runs a function. */
  start: boolean
}

const KIND_NAMES = ['function', 'table', 'memory', 'global', 'tag'] as const

function describeExports(shape: ModuleShape): ExportDescription[] {
  return shape.exports.map(({ name, kind, index }) =>
    kind === ExternKind.function
      ? { name, kind: 'function', ...functionType(shape, index) }
      : { name, kind: KIND_NAMES[kind], index },
  )
}

function describeImports(shape: ModuleShape): Pick<ModuleDescription, 'functionImports' | 'otherImports'> {
  const functionImports: FunctionImport[] = []
  const otherImports: OtherImport[] = []
  for (const { module, name, kind } of shape.imports) {
    if (kind === ExternKind.function) {
      functionImports.push({ module, name, ...functionType(shape, functionImports.length) })
    } else {
      otherImports.push({ module, name, kind: KIND_NAMES[kind] })
    }
  }
  return { functionImports, otherImports }
}

/** The description of a module that was read already. */
export function describeShape(shape: ModuleShape): ModuleDescription {
  const memory = shape.memories[0]
  return {
    ...describeImports(shape),
    exports: describeExports(shape),
    memory: memory && { ...memory, imported: shape.importedMemories > 0 },
    tables: shape.tables.map((table, index) => ({ ...table, imported: index < shape.importedTables })),
    mutableGlobals: shape.globals.flatMap(({ type, mutable }, index) =>
      mutable ? [{ index, type, imported: index < shape.importedGlobals }] : [],
    ),
    start: shape.start !== undefined,
  }
}

/**
 * Describes a module without compiling it. Code bodies are not looked at.
 * @throws TokaError TOKA_ENGINE_LOAD when the binary is damaged or uses what is not allowed
 */
export function describeModule(bytes: Uint8Array): ModuleDescription {
  return describeShape(readShape(bytes))
}
