/** The whole import table of the interpreter: checked against the module that is loaded, made into rows of the border. */
import { TokaError } from '../../src/errors.ts'
import type { BorderImport, HostFunction } from '../../src/loader/border.ts'
import type { FunctionImport, ModuleDescription } from '../../src/loader/describe.ts'
import { borderPart, type ImportRow } from './import-row.ts'
import { javascriptImports } from './imports-javascript.ts'
import { libcImports, wasiImports } from './imports-libc.ts'
import { BorderOperation } from './operations.ts'

/** Every function that the interpreter imports, by module and name. */
export const IMPORT_TABLE: Readonly<Record<string, Readonly<Record<string, ImportRow>>>> = {
  env: { ...javascriptImports, ...libcImports },
  wasi_snapshot_preview1: wasiImports,
}

/** The only other thing that is imported: 280 addresses of graphics and console functions that are not there, all zero. */
const ADDRESSES = 'GOT.func'

function typeOf({ params, results }: FunctionImport): string {
  return `(${params.join(', ')}) -> ${results.length === 0 ? '()' : results.join(', ')}`
}

/** @returns what of a module's imports is not as the table has it: new, missing or changed, by name */
export function importDifferences({ functionImports, otherImports }: ModuleDescription): string[] {
  const differences: string[] = []
  const seen = new Set<string>()
  for (const entry of functionImports) {
    const name = `${entry.module}.${entry.name}`
    const row = IMPORT_TABLE[entry.module]?.[entry.name]
    seen.add(name)
    if (!row) differences.push(`new: ${name} ${typeOf(entry)}`)
    else if (row.type !== typeOf(entry)) differences.push(`changed: ${name} ${row.type} is now ${typeOf(entry)}`)
  }
  for (const [module, rows] of Object.entries(IMPORT_TABLE))
    for (const name of Object.keys(rows))
      if (!seen.has(`${module}.${name}`)) differences.push(`missing: ${module}.${name}`)
  for (const { module, name, kind } of otherImports)
    if (module !== ADDRESSES || kind !== 'global') differences.push(`new: ${module}.${name}, a ${kind}`)
  return differences
}

/** @throws TokaError TOKA_ENGINE_LOAD with the list of differences */
export function checkImports(description: ModuleDescription): void {
  const differences = importDifferences(description)
  if (differences.length === 0) return
  throw new TokaError(
    'TOKA_ENGINE_LOAD',
    `the Python interpreter imports something else than was reviewed: ${differences.join('; ').slice(0, 1_500)}`,
  )
}

/** Rows of the border, in the module's own order, with the types that its own parse gave. */
export function borderRows(imports: readonly FunctionImport[]): BorderImport[] {
  return imports.map((entry) => {
    const row = IMPORT_TABLE[entry.module]?.[entry.name]
    if (!row) throw new TokaError('TOKA_ENGINE_LOAD', `the import ${entry.module}.${entry.name} was not reviewed`)
    return { ...entry, operation: BorderOperation.Interpreter, ...borderPart(row) }
  })
}

/** The addresses: one cell for all, since nobody sets one. */
export function addressImports({ otherImports }: Pick<ModuleDescription, 'otherImports'>): WebAssembly.ModuleImports {
  const cell = new WebAssembly.Global({ value: 'i32', mutable: true }, 0)
  return Object.fromEntries(otherImports.map(({ name }) => [name, cell]))
}

/** What the rows of `host` need beside system calls. */
export type InterpreterHost = {
  memory(): WebAssembly.Memory
  /** Bytes that the memory may grow to. */
  memoryLimit(): number
  /** The interpreter wants to end. */
  exits(code: number): void
  aborts(): void
}

const PAGE = 65_536
/** Grown by a fifth at least, so that a large heap does not ask for every page. */
const GROWTH = 1.2
/** What the interpreter takes as a number of 32 bits without a sign, and its module has as its maximum (engine.ts). */
const MOST_BYTES = 2 ** 31

/** Whole pages within the limit: never a byte more. */
function pageLimit({ memoryLimit }: InterpreterHost): number {
  return Math.floor(Math.min(memoryLimit(), MOST_BYTES) / PAGE)
}

function resizeHeap(host: InterpreterHost, wanted: number): number {
  const own = host.memory()
  const now = own.buffer.byteLength / PAGE
  const needed = Math.ceil((wanted >>> 0) / PAGE)
  const limit = pageLimit(host)
  if (needed > limit) return 0
  try {
    own.grow(Math.max(Math.min(Math.max(needed, Math.ceil(now * GROWTH)), limit) - now, 0))
    return 1
  } catch {
    return 0
  }
}

/** Functions of ours for the rows of `host` that are no system calls. */
export function interpreterFunctions(host: InterpreterHost): Record<string, Record<string, HostFunction>> {
  const noEnvironment = (first: number, second: number): number => {
    const view = new DataView(host.memory().buffer)
    for (const pointer of [first >>> 0, second >>> 0]) view.setUint32(pointer, 0, true)
    return 0
  }
  return {
    env: {
      emscripten_resize_heap: (wanted: number) => resizeHeap(host, wanted),
      emscripten_get_heap_max: () => pageLimit(host) * PAGE,
      exit: (code: number) => host.exits(code),
      _abort_js: () => host.aborts(),
    },
    wasi_snapshot_preview1: {
      proc_exit: (code: number) => host.exits(code),
      environ_sizes_get: noEnvironment,
      environ_get: () => 0,
    },
  }
}
