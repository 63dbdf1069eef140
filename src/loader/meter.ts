/** A module's shape and what is asked for in, the pass over its code and what is added to it out. */
import { Appendix } from './appendix.ts'
import { GlobalCharges } from './body-frame.ts'
import { BulkFunctions } from './bulk.ts'
import { checkShape, type StrangerCaps } from './caps.ts'
import { readCallGraph } from './call-graph.ts'
import { type CodePass, type FrameCount, LoopHeadPass, MeteredPass } from './code.ts'
import { FactCollector } from './code-facts.ts'
import { callOf, chargeBody, counterGlobal, fuelCheck, fuelGlobal, fuelOnce, fuelTable, spentBody } from './fuel.ts'
import { heldPagesBody, pagesGlobal } from './held-pages.ts'
import { EMPTY_BLOCK, TYPE_CODES } from './opcodes.ts'
import { refuseModule } from './reader.ts'
import type { ScanContext } from './scan-context.ts'
import { ExternKind, type FunctionType, type ModuleShape } from './sections.ts'
import { NOTHING } from './snippet.ts'
import { Writer } from './writer.ts'

/** How far a module's author is trusted: `pinned` by its hash, `stranger` by nothing. */
export type Trust = 'pinned' | 'stranger'
export type Metering = 'fast' | 'exact'

export type MeterOptions = {
  fuel: boolean
  trust: Trust
  metering: Metering
  /** See `RewriteOptions`. */
  linked: boolean
  pagesCap: boolean
  caps: StrangerCaps
  stackPointer: string | undefined
}

/** What the rewriter adds, with the indices that it exports. */
export type Meter = {
  pass: CodePass
  appendix: Appendix
  /** The globals of fuel and stack, and the callout's table. */
  fuel: number | undefined
  stack: number | undefined
  /** The global that caps the memory. */
  pages?: number
  callout: number | undefined
}

function makeContext(
  shape: ModuleShape,
  appendix: Appendix,
  fuel: { global: number; spent: number },
  options: MeterOptions,
): ScanContext {
  const { trust, caps } = options
  const stranger = trust === 'stranger'
  const tables = shape.tables.map(({ element, maximum }) => ({ element, maximum: cappedTable(maximum, options) }))
  return {
    shape,
    facts: new FactCollector(),
    charges: new GlobalCharges(fuel),
    bulk: new BulkFunctions(appendix, fuel, tables),
    stack: stranger ? appendix.global(counterGlobal) : undefined,
    resultBlock: (results) => resultBlock(appendix, results),
    firstCall: (units) => (stranger ? fuelOnce(fuel, appendix.global(counterGlobal), units) : NOTHING),
    caps: stranger ? caps : undefined,
    callersPay: new Uint8Array(shape.functions.length),
  }
}

/** An index is a signed number of 33 bits, of which these are never above 31. */
function resultBlock(appendix: Appendix, results: FunctionType['results']): Uint8Array {
  const [only] = results
  if (results.length > 1) return new Writer(8).s32(appendix.type([], results)).finish()
  return Uint8Array.of(only ? TYPE_CODES[only] : EMPTY_BLOCK)
}

/** Slots that a table may grow to. */
export function cappedTable(maximum: number | undefined, { trust, caps }: MeterOptions): number {
  const cap = trust === 'stranger' ? caps.tableSlots : TABLE_LIMIT
  return Math.min(maximum ?? cap, cap)
}

/** Slots that engines allow a table at most (JavaScript interface, "implementation-defined limits"). */
const TABLE_LIMIT = 10_000_000

function frameCount(
  bytes: Uint8Array,
  shape: ModuleShape,
  appendix: Appendix,
  name: string | undefined,
): FrameCount | undefined {
  if (name === undefined) return undefined
  const { index } = shape.exports.find((found) => found.kind === ExternKind.global && found.name === name) ?? {}
  const global = shape.globals[index ?? -1]
  if (index === undefined || global?.type !== 'i32' || !global.mutable)
    throw refuseModule(`it exports no stack pointer "${name}"`)
  // Who calls by a table is counted anyway: cycles of direct calls are what is looked for.
  const { cyclic } = readCallGraph(bytes, { ...shape, references: new Set() }, false)
  return { cyclic, stackPointer: index, shape, resultBlock: (results) => resultBlock(appendix, results) }
}

/**
 * Prepares the pass over a module's code.
 * @throws TokaError TOKA_ENGINE_LOAD when a stranger's module declares more than it may
 */
export function makeMeter(bytes: Uint8Array, shape: ModuleShape, options: MeterOptions): Meter {
  const { fuel: metered, trust, metering, linked, pagesCap, caps } = options
  const appendix = new Appendix(shape)
  if (trust === 'stranger') {
    if (!metered) throw refuseModule('a stranger runs on fuel only')
    if (bytes.length > caps.moduleBytes)
      throw refuseModule(`it is ${bytes.length} bytes long, allowed are ${caps.moduleBytes}`)
    checkShape(shape, caps, linked)
  }
  if (!metered) {
    return { pass: new LoopHeadPass(undefined), appendix, fuel: undefined, stack: undefined, callout: undefined }
  }
  const callout = appendix.table(fuelTable)
  const type = appendix.type([], [])
  const spent = appendix.function(type, spentBody({ table: callout, type }))
  const fuel = { global: appendix.global(fuelGlobal), spent }
  const added = { appendix, fuel: fuel.global, callout }
  if (trust === 'pinned' && metering === 'fast') {
    const charge = appendix.function(appendix.type(['i32'], ['i32']), chargeBody(fuel))
    const frames = frameCount(bytes, shape, appendix, options.stackPointer)
    const meter = { check: fuelCheck(fuel), charge: callOf(charge) }
    if (!pagesCap) return { pass: new LoopHeadPass(meter, frames), stack: undefined, ...added }
    const pages = appendix.global(pagesGlobal)
    const held = appendix.function(appendix.type(['i32'], ['i32']), heldPagesBody(pages))
    return { pass: new LoopHeadPass({ ...meter, grow: callOf(held) }, frames), stack: undefined, pages, ...added }
  }
  if (pagesCap) throw refuseModule('its memory can be capped for each instance on fast fuel of pinned modules alone')
  const context = makeContext(shape, appendix, fuel, options)
  return {
    pass: new MeteredPass(context, readCallGraph(bytes, shape, linked), metering === 'exact'),
    stack: context.stack,
    ...added,
  }
}
