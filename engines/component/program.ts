/** A component's bytes in, what its guests are made of out: the plan, and each core module rewritten under the rules for strangers. */
import { TokaError } from '../../src/errors.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { type RewriteOptions, rewriteModuleInTurns } from '../../src/loader/rewrite.ts'
import type { StateLayout } from '../../src/loader/layout.ts'
import { PAGE_BYTES } from '../../src/loader/state.ts'
import { readComponent } from './component-binary.ts'
import { refuseComponent } from './component-reader.ts'
import type { Plan } from './plan.ts'
import { resolveComponent } from './resolve.ts'

/** Bytes of a component, as of a module. */
const MOST_BYTES = 64 * 2 ** 20
/** Tables of all core instances together: each may hold 100,000 slots. */
const MOST_TABLES = 64

/**
 * Caps that whole programs in components exceed: the JavaScript engine that componentize-js links has functions of
 * 76 KB, the CPython of componentize-py 0.25 has one of 417 KiB. The largest one allowed takes about 5 ms at its first call.
 */
const CAPS = { bodyBytes: 448 * 2 ** 10, functions: 40_000 } as const

/** One core module of a component, rewritten. */
export type CoreModule = {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly layout: StateLayout
  /** Whether it defines its memory: then it has the part of the guest's memory that this instance is given. */
  readonly hasMemory: boolean
  /** Whether instantiating it calls a function, which is the export `__start` now. */
  readonly starts: boolean
}

export type Program = {
  readonly plan: Plan
  readonly modules: readonly CoreModule[]
  /** Compiled when a guest is made, once in each thread. */
  readonly compiled: (WebAssembly.Module | undefined)[]
}

/** What differs between two ways to prepare one component. */
export type ProgramOptions = {
  /** Bytes that all memories of a guest may have together. */
  readonly memoryBytes: number
  readonly metering: 'fast' | 'exact'
  readonly signal: AbortSignal
}

/**
 * Pages that each memory may grow to: its first size, and an even part of what is left. So the sum holds without anyone
 * asking at each growth.
 * @param firsts first sizes by instantiation; undefined where none is defined
 */
function shareMemory(firsts: readonly (number | undefined)[], memoryBytes: number): number {
  const owners = firsts.filter((first) => first !== undefined)
  const all = Math.floor(memoryBytes / PAGE_BYTES)
  const taken = owners.reduce((sum, first) => sum + first, 0)
  if (taken > all)
    throw refuseComponent(`its memories have ${taken} pages at first, allowed are ${all} (limits.memoryBytes)`)
  return owners.length === 0 ? 0 : Math.floor((all - taken) / owners.length)
}

type Described = { bytes: Uint8Array<ArrayBuffer>; first: number | undefined; tables: number }

function describe(bytes: Uint8Array<ArrayBuffer>): Described {
  const { memory, tables } = describeModule(bytes)
  const own = memory && !memory.imported ? memory.minimum : undefined
  return { bytes, first: own, tables: tables.filter(({ imported }) => !imported).length }
}

function checkTables({ instantiations }: Plan, described: readonly Described[]): void {
  const tables = instantiations.reduce((sum, { module }) => sum + (described[module]?.tables ?? 0), 0)
  if (tables > MOST_TABLES) throw refuseComponent(`it has ${tables} tables, allowed are ${MOST_TABLES}`)
}

async function rewrite(
  { bytes, first }: Described,
  spare: number,
  { metering, signal }: ProgramOptions,
): Promise<CoreModule> {
  const options: RewriteOptions = {
    fuel: true,
    trust: 'stranger',
    linked: true,
    caps: CAPS,
    metering,
    exportState: true,
    ...(first === undefined ? {} : { maximumPages: first + spare }),
  }
  const { bytes: rewritten, meta } = await rewriteModuleInTurns(bytes, options, signal)
  if (!meta.layout) throw new TokaError('TOKA_INTERNAL', 'a core module was rewritten without its state')
  return { bytes: rewritten, layout: meta.layout, hasMemory: first !== undefined, starts: meta.start }
}

/**
 * Prepares a component.
 * @throws TokaError TOKA_ENGINE_LOAD naming what is wrong or not supported; what `signal` was aborted with
 */
export async function prepareProgram(bytes: Uint8Array<ArrayBuffer>, options: ProgramOptions): Promise<Program> {
  if (bytes.length > MOST_BYTES) throw refuseComponent(`it is ${bytes.length} bytes long, allowed are ${MOST_BYTES}`)
  const plan = resolveComponent(readComponent(bytes))
  const described = plan.modules.map(({ start, end }) => describe(bytes.slice(start, end)))
  checkTables(plan, described)
  const spare = shareMemory(
    plan.instantiations.map(({ module }) => described[module]?.first),
    options.memoryBytes,
  )
  const modules: CoreModule[] = []
  for (const one of described) modules.push(await rewrite(one, spare, options))
  return { plan, modules, compiled: [] }
}

/** Compiles the core modules, off the thread where the runtime does that; once in each thread. */
export async function compileProgram({ modules, compiled }: Program): Promise<void> {
  for (const [at, { bytes }] of modules.entries()) compiled[at] ??= await WebAssembly.compile(bytes)
}

/** The module of a core instance, which was compiled. */
export function moduleOf({ compiled }: Program, index: number): WebAssembly.Module {
  const module = compiled[index]
  if (!module) throw new TokaError('TOKA_INTERNAL', `the core module ${index} was not compiled`)
  return module
}
