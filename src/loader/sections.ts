/** A wasm binary in, its sections and what they declare out; code bodies are left to `code.ts`. */
import { skipConstant } from './instructions.ts'
import { type ValueType, readReferenceType, readValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import { PREAMBLE } from './writer.ts'

export const SectionId = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const

/** The order in which sections must stand (core specification, 5.5.2). */
export const SECTION_ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]

export const ExternKind = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const
export type ExternKindCode = (typeof ExternKind)[keyof typeof ExternKind]

/** Range of a section's body in the binary. */
export type Section = { start: number; end: number }
export type FunctionType = { params: readonly ValueType[]; results: readonly ValueType[] }
/** Sizes in pages of 64 KiB (memories) or slots (tables). */
export type SizeLimits = { minimum: number; maximum: number | undefined }
export type TableType = SizeLimits & { element: ValueType }
export type GlobalType = { type: ValueType; mutable: boolean }
/** `index` is the type's for functions and tags, the item's own in its index space otherwise. */
export type ImportEntry = { module: string; name: string; kind: ExternKindCode; index: number }
/** `start` to `end` is the entry in the binary, to be copied as it is. */
export type ExportEntry = { name: string; kind: ExternKindCode; index: number; start: number; end: number }

/** What a module declares. Index spaces hold imports first, as in the format. */
export type ModuleShape = {
  sections: ReadonlyMap<number, Section>
  types: FunctionType[]
  imports: ImportEntry[]
  /** Type index of every function. */
  functions: number[]
  tables: TableType[]
  memories: SizeLimits[]
  globals: GlobalType[]
  exports: ExportEntry[]
  /** Index of the start function. */
  start: number | undefined
  /** Type index of every tag. */
  tags: number[]
  importedFunctions: number
  importedTables: number
  importedMemories: number
  importedGlobals: number
  dataSegments: number
  passiveSegments: number
  elementSegments: number
  /** Functions and expressions in all element segments. */
  elements: number
  /** Functions that segments and globals hold references of. */
  references: Set<number>
}

type Sections = { bytes: Uint8Array; found: Map<number, Section> }

function findSections(bytes: Uint8Array): Sections {
  if (!PREAMBLE.every((byte, at) => bytes[at] === byte)) throw refuseModule('it is no core module of version 1', 0)
  const reader = new Reader(bytes, PREAMBLE.length)
  const found = new Map<number, Section>()
  let place = -1
  while (!reader.done) {
    const offset = reader.at
    const id = reader.byte()
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    if (id === SectionId.custom) continue
    const next = SECTION_ORDER.indexOf(id)
    if (next < 0) throw refuseModule(`section ${id} is unknown`, offset)
    if (next <= place) throw refuseModule(`section ${id} is out of order`, offset)
    place = next
    found.set(id, { start, end: reader.at })
  }
  return { bytes, found }
}

/** Reads a section that is a vector; it must end where its last item ends. */
function readVector(sections: Sections, id: number, readItem: (reader: Reader) => void): void {
  const section = sections.found.get(id)
  if (!section) return
  const reader = new Reader(sections.bytes, section.start, section.end)
  for (let left = reader.u32(); left > 0; left--) readItem(reader)
  if (!reader.done) throw refuseModule(`section ${id} is longer than its items`, reader.at)
}

function readFunctionType(reader: Reader): FunctionType {
  const form = reader.byte()
  if (form !== 0x60) throw refuseModule(`garbage collection is not allowed: type 0x${form.toString(16)}`, reader.at - 1)
  const readTypes = () => {
    const types: ValueType[] = []
    for (let left = reader.u32(); left > 0; left--) types.push(readValueType(reader))
    return types
  }
  return { params: readTypes(), results: readTypes() }
}

function readLimits(reader: Reader): SizeLimits {
  const flags = reader.byte()
  if (flags > 1) {
    const feature = flags >= 8 ? 'custom page sizes' : flags & 4 ? 'memory64' : 'threads: a shared memory'
    throw refuseModule(`${feature} is not allowed`, reader.at - 1)
  }
  const minimum = reader.u32()
  return { minimum, maximum: flags === 1 ? reader.u32() : undefined }
}

function readTable(reader: Reader): TableType {
  const element = readReferenceType(reader)
  return { element, ...readLimits(reader) }
}

function readGlobal(reader: Reader): GlobalType {
  const type = readValueType(reader)
  const mutable = reader.byte()
  if (mutable > 1) throw refuseModule('a global is neither constant nor mutable', reader.at - 1)
  return { type, mutable: mutable === 1 }
}

function readTag(reader: Reader): number {
  if (reader.byte() !== 0) throw refuseModule('a tag has an unknown attribute', reader.at - 1)
  return reader.u32()
}

function readKind(reader: Reader): ExternKindCode {
  const kind = reader.byte()
  if (kind > ExternKind.tag) throw refuseModule(`import or export kind ${kind} is unknown`, reader.at - 1)
  return kind as ExternKindCode
}

function readImport(reader: Reader, shape: ModuleShape): ImportEntry {
  const module = reader.name()
  const name = reader.name()
  const kind = readKind(reader)
  switch (kind) {
    case ExternKind.function: {
      const index = reader.u32()
      shape.functions.push(index)
      return { module, name, kind, index }
    }
    case ExternKind.table:
      return { module, name, kind, index: shape.tables.push(readTable(reader)) - 1 }
    case ExternKind.memory:
      return { module, name, kind, index: shape.memories.push(readLimits(reader)) - 1 }
    case ExternKind.global:
      return { module, name, kind, index: shape.globals.push(readGlobal(reader)) - 1 }
    case ExternKind.tag: {
      const index = readTag(reader)
      shape.tags.push(index)
      return { module, name, kind, index }
    }
  }
}

function readExport(reader: Reader): ExportEntry {
  const start = reader.at
  const name = reader.name()
  const kind = readKind(reader)
  const index = reader.u32()
  return { name, kind, index, start, end: reader.at }
}

/**
 * Flags of an element segment: 1 passive or declarative, 2 explicit index (or declarative), 4 expressions.
 * @returns how many elements it has
 */
function skipElement(reader: Reader, onFunction: (index: number) => void): number {
  const flags = reader.u32()
  if (flags > 7) throw refuseModule(`element segment flags ${flags} are unknown`, reader.at - 1)
  const active = (flags & 1) === 0
  if (active && flags & 2) reader.u32()
  if (active) skipConstant(reader)
  const expressions = (flags & 4) !== 0
  if (flags & 3) {
    if (expressions) readReferenceType(reader)
    else if (reader.byte() !== 0) throw refuseModule('an element kind is unknown', reader.at - 1)
  }
  const count = reader.u32()
  for (let left = count; left > 0; left--) {
    if (expressions) skipConstant(reader, onFunction)
    else onFunction(reader.u32())
  }
  return count
}

/** @returns whether the segment is passive */
function skipData(reader: Reader): boolean {
  const flags = reader.u32()
  if (flags > 2) throw refuseModule(`data segment flags ${flags} are unknown`, reader.at - 1)
  if (flags === 2) reader.u32()
  if (flags !== 1) skipConstant(reader)
  reader.skip(reader.u32())
  return flags === 1
}

function emptyShape(sections: ReadonlyMap<number, Section>): ModuleShape {
  return {
    sections,
    types: [],
    imports: [],
    functions: [],
    tables: [],
    memories: [],
    globals: [],
    exports: [],
    start: undefined,
    tags: [],
    importedFunctions: 0,
    importedTables: 0,
    importedMemories: 0,
    importedGlobals: 0,
    dataSegments: 0,
    passiveSegments: 0,
    elementSegments: 0,
    elements: 0,
    references: new Set(),
  }
}

function readStart(sections: Sections): number | undefined {
  const section = sections.found.get(SectionId.start)
  return section && new Reader(sections.bytes, section.start, section.end).u32()
}

/**
 * Reads every section but the code bodies, within the allowlist.
 * @throws TokaError TOKA_ENGINE_LOAD naming what is refused and where
 */
export function readShape(bytes: Uint8Array): ModuleShape {
  const sections = findSections(bytes)
  const shape = emptyShape(sections.found)
  const onFunction = (index: number) => shape.references.add(index)
  readVector(sections, SectionId.type, (reader) => shape.types.push(readFunctionType(reader)))
  readVector(sections, SectionId.import, (reader) => shape.imports.push(readImport(reader, shape)))
  shape.importedFunctions = shape.functions.length
  shape.importedTables = shape.tables.length
  shape.importedMemories = shape.memories.length
  shape.importedGlobals = shape.globals.length
  readVector(sections, SectionId.function, (reader) => shape.functions.push(reader.u32()))
  readVector(sections, SectionId.table, (reader) => shape.tables.push(readTable(reader)))
  readVector(sections, SectionId.memory, (reader) => shape.memories.push(readLimits(reader)))
  readVector(sections, SectionId.tag, (reader) => shape.tags.push(readTag(reader)))
  readVector(sections, SectionId.global, (reader) => {
    shape.globals.push(readGlobal(reader))
    skipConstant(reader, onFunction)
  })
  readVector(sections, SectionId.export, (reader) => shape.exports.push(readExport(reader)))
  shape.start = readStart(sections)
  readVector(sections, SectionId.element, (reader) => {
    shape.elementSegments++
    shape.elements += skipElement(reader, onFunction)
  })
  readVector(sections, SectionId.data, (reader) => {
    shape.dataSegments++
    if (skipData(reader)) shape.passiveSegments++
  })
  if (shape.memories.length > 1) throw refuseModule('several memories are not allowed')
  return shape
}

/** The type of a function by its index in the module's index space. */
export function functionType(shape: ModuleShape, index: number): FunctionType {
  const type = shape.types[shape.functions[index] ?? -1]
  if (!type) throw refuseModule(`function ${index} has no type`)
  return type
}
