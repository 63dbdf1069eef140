/** A live component's state in, the state of one guest out, and back: memories one behind the other, then its handles. */
import { TokaError } from '../../src/errors.ts'
import {
  type BoundState,
  bindState,
  type GlobalValue,
  PAGE_BYTES,
  RUN_BLOCK,
  type Run,
  type State,
} from '../../src/loader/state.ts'
import type { ComponentGuest } from './component-guest.ts'
import type { Program } from './program.ts'

/** What follows the globals of the core instances: the pages of each memory, the length of the handles, whether it lives. */
const EXTRA = 2

/** The parts of a guest that can be saved: bound when it was linked, before anything ran in it. */
export function bindGuest(program: Program, guest: ComponentGuest): BoundState[] {
  const { plan, modules } = program
  return plan.instantiations.map(({ module }, at) => {
    const core = modules[module]
    const instance = guest.cores.all[at]
    if (!core || !instance) throw new TokaError('TOKA_INTERNAL', `the guest has no core instance ${at}`)
    // The memory that a module imports is saved where it is defined.
    const layout = core.hasMemory ? core.layout : { ...core.layout, memory: undefined }
    return bindState([{ exports: instance.exports, layout }])
  })
}

/** Start functions fill tables in ways that nothing repeats: they do not run again where a state is put back. */
function mustBeRepeatable({ plan, modules }: Program): void {
  const cores = plan.instantiations.flatMap(({ module }) => modules[module] ?? [])
  const isWritten = cores.some(({ layout }) => layout.tables.some(({ written }) => written))
  if (isWritten && cores.some(({ starts }) => starts))
    throw new TokaError(
      'TOKA_ENGINE_LOAD',
      'the component writes its tables and has a start function: such a state cannot be saved',
    )
}

function shifted(runs: readonly Run[], offset: number): Run[] {
  return runs.map(({ offset: at, bytes }) => ({ offset: at + offset, bytes }))
}

function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(Math.ceil(bytes.length / RUN_BLOCK) * RUN_BLOCK)
  whole.set(bytes)
  return whole
}

const i32 = (value: number): GlobalValue => ({ type: 'i32', value })

/**
 * Saves a guest between two calls.
 * @param handles what it holds, encoded; empty for one in which nothing ran
 * @throws TokaError TOKA_ENGINE_LOAD when its tables were changed
 */
export function captureGuest(program: Program, parts: readonly BoundState[], handles: Uint8Array): State {
  mustBeRepeatable(program)
  const states = parts.map((part) => part.capture())
  let pages = 0
  const runs: Run[] = []
  for (const state of states) {
    runs.push(...shifted(state.runs, pages * PAGE_BYTES))
    pages += state.pages
  }
  if (handles.length > 0) runs.push({ offset: pages * PAGE_BYTES, bytes: padded(handles) })
  return {
    pages: pages + Math.ceil(handles.length / PAGE_BYTES),
    runs,
    globals: [
      ...states.flatMap(({ globals }) => globals),
      ...states.map((state) => i32(state.pages)),
      i32(handles.length),
      i32(handles.length > 0 ? 1 : 0),
    ],
    tableSizes: states.flatMap(({ tableSizes }) => tableSizes),
  }
}

/** Whether a saved state is of a guest that lived, and not the component as it was made. */
export function hasLived({ globals }: State): boolean {
  return Number(globals.at(-1)?.value) === 1
}

function damaged(): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', 'the saved state does not fit the component')
}

/** The runs between two places, as of a memory of their own. */
function within(runs: readonly Run[], start: number, end: number): Run[] {
  return runs
    .filter(({ offset, bytes }) => offset < end && offset + bytes.length > start)
    .map(({ offset, bytes }) => {
      const from = Math.max(offset, start)
      const until = Math.min(offset + bytes.length, end)
      return { offset: from - start, bytes: bytes.subarray(from - offset, until - offset) as typeof bytes }
    })
}

/** The states of the parts, and the handles' bytes. Every number in it may come from a damaged snapshot. */
function split({ plan, modules }: Program, state: State): { parts: State[]; handles: Uint8Array } {
  const { globals, tableSizes, runs, pages } = state
  const count = plan.instantiations.length
  const sizes = globals.slice(globals.length - count - EXTRA, globals.length - EXTRA)
  let at = { page: 0, global: 0, table: 0 }
  const parts = plan.instantiations.map(({ module }, index): State => {
    const layout = modules[module]?.layout
    const own = Number(sizes[index]?.value)
    if (!layout || !(own >= 0) || at.page + own > pages) throw damaged()
    const next = {
      page: at.page + own,
      global: at.global + layout.globals.length,
      table: at.table + layout.tables.length,
    }
    const part = {
      pages: own,
      runs: within(runs, at.page * PAGE_BYTES, next.page * PAGE_BYTES),
      globals: globals.slice(at.global, next.global),
      tableSizes: tableSizes.slice(at.table, next.table),
    }
    at = next
    return part
  })
  const length = Number(globals.at(-EXTRA)?.value)
  const start = at.page * PAGE_BYTES
  if (!(length >= 0) || start + length > pages * PAGE_BYTES) throw damaged()
  const handles = new Uint8Array(length)
  for (const { offset, bytes } of within(runs, start, start + length)) handles.set(bytes, offset)
  return { parts, handles }
}

/**
 * Puts a saved state back into a guest that was instantiated without its start functions.
 * @returns the handles that were saved with it
 * @throws TokaError TOKA_IMAGE_INVALID when it does not fit
 */
export function restoreGuest(program: Program, parts: readonly BoundState[], state: State): Uint8Array {
  const { parts: states, handles } = split(program, state)
  for (const [at, part] of parts.entries()) part.restore(states[at] as State)
  return handles
}
