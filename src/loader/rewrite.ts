/** A guest's wasm binary in, the same with fuel, exported state and bounded memory out: one pass that only appends, no index is remapped. */
import { findBodies } from './code.ts'
import type { CodeFacts } from './code-facts.ts'
import { runsOfData } from './data-segments.ts'
import { type ModuleDescription, describeShape } from './describe.ts'
import { type StateLayout, readLayout, unsavableReason } from './layout.ts'
import { STRANGER_CAPS } from './caps.ts'
import { makeMeter } from './meter.ts'
import { writeModule } from './module-writer.ts'
import { refuseModule } from './reader.ts'
import type { Plan, RewriteOptions } from './rewrite-options.ts'
import { type ModuleShape, SectionId, readShape } from './sections.ts'

import type { Run } from './state.ts'

export type { StateLayout } from './layout.ts'
export type { RewriteOptions } from './rewrite-options.ts'

export type RewriteMeta = {
  /** Of the original module. */
  description: ModuleDescription
  /** With `exportState` only. */
  layout: StateLayout | undefined
  loopHeads: number
  /** Whether the start function became the export `__start`, to be called once fuel is armed. */
  start: boolean
  dataStripped: boolean
  /** Why the state cannot be saved, where that was only asked for if possible. */
  unsavable: string | undefined
  /** What the data segments hold, where it can be told; a new instance of a stripped module lacks it. */
  data: readonly Run[] | undefined
}

type Rewritten = { bytes: Uint8Array<ArrayBuffer>; meta: RewriteMeta }

/**
 * Rewrites a module for the loader. Pure: the same bytes and options give the same module. Custom sections are dropped.
 * @throws TokaError TOKA_ENGINE_LOAD when the module is not valid, uses what is not allowed, or cannot be rewritten as asked
 */
export function rewriteModule(bytes: Uint8Array<ArrayBuffer>, options: RewriteOptions = {}): Rewritten {
  const steps = rewriteSteps(bytes, options)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Longest time that rewriting keeps the thread, in milliseconds; validation by the engine is not divided. */
const TURN_MS = 5

/**
 * The same, giving the thread back between steps.
 * @param signal ends it between two steps
 * @throws what `signal` was aborted with, and what `rewriteModule` throws
 */
export async function rewriteModuleInTurns(
  bytes: Uint8Array<ArrayBuffer>,
  options: RewriteOptions,
  signal: AbortSignal,
): Promise<Rewritten> {
  const steps = rewriteSteps(bytes, options)
  let turnEnds = performance.now() + TURN_MS
  for (;;) {
    signal.throwIfAborted()
    const step = steps.next()
    if (step.done) return step.value
    if (performance.now() < turnEnds) continue
    await new Promise((resolve) => setTimeout(resolve, 0))
    turnEnds = performance.now() + TURN_MS
  }
}

function* rewriteSteps(bytes: Uint8Array<ArrayBuffer>, options: RewriteOptions): Generator<void, Rewritten> {
  const shape = readShape(bytes)
  const { fuel = false, trust = 'pinned', metering = 'fast', linked = false, pagesCap = false, caps } = options
  const { stackPointer } = options
  const meterOptions = { fuel, trust, metering, linked, pagesCap, stackPointer, caps: { ...STRANGER_CAPS, ...caps } }
  const meter = makeMeter(bytes, shape, meterOptions)
  const bodies = findBodies(bytes, shape.sections.get(SectionId.code))
  const changes = yield* meter.pass.run(bytes, bodies)
  yield
  // After our own pass, which says what it refuses; engines only say no.
  if (!WebAssembly.validate(bytes)) throw refuseModule('it is not valid WebAssembly')
  yield
  const { facts } = meter.pass
  const { settled, unsavable } = settle(options, shape, facts)
  const data = runsOfData(bytes, shape)
  if (options.stripData === 'if-possible' && data === undefined) settled.stripData = false
  const plan: Plan = { bytes, shape, options: settled, meterOptions, meter, bodies, changes, facts }
  const rewritten = writeModule(plan)
  yield
  if (!WebAssembly.validate(rewritten)) throw refuseModule('it is not valid any more after rewriting')
  return { bytes: rewritten, meta: { ...describeResult(plan, rewritten), unsavable, data } }
}

function describeResult(
  { shape, options, facts }: Plan,
  rewritten: Uint8Array,
): Omit<RewriteMeta, 'unsavable' | 'data'> {
  return {
    description: describeShape(shape),
    layout: options.exportState ? readLayout(rewritten, facts.writtenTables) : undefined,
    loopHeads: facts.loopHeads,
    start: shape.start !== undefined,
    dataStripped: options.stripData,
  }
}

/** What is done of what was asked for. */
function settle(
  { exportState = false, stripData = false, ...options }: RewriteOptions,
  shape: ModuleShape,
  facts: CodeFacts,
): { settled: Plan['options']; unsavable: string | undefined } {
  const problem = facts.dropsSegments
    ? 'its code drops segments, which is state that cannot be saved'
    : unsavableReason(shape)
  if (exportState === true && problem !== undefined) throw refuseModule(problem)
  const saved = exportState !== false && problem === undefined
  // A stripped data segment would read as empty, so code that names one would behave differently.
  if (stripData === true && facts.usesDataSegments)
    throw refuseModule('its code uses data segments (memory.init or data.drop), so they cannot be stripped')
  const stripped = stripData === 'if-possible' ? saved && !facts.usesDataSegments : stripData
  return {
    settled: { ...options, exportState: saved, stripData: stripped },
    unsavable: exportState === 'if-possible' ? problem : undefined,
  }
}
