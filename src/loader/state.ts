/** A live guest's memory, globals and tables in, a sparse copy out, and back: what forks start from and resets return to. */
import { TokaError } from '../errors.ts'
import { type Erase, eraserOf } from './eraser.ts'
import { AddedExport, type StateLayout } from './layout.ts'
import type { ValueType } from './opcodes.ts'
import { type SavedTable, TableFunctions } from './saved-tables.ts'

/** Granularity of runs: a page of the host's memory, so that untouched ones stay uncommitted in forks. */
export const RUN_BLOCK = 4_096
/** Bytes of a wasm page. */
export const PAGE_BYTES = 65_536

/** Blocks of memory that are not all zero. Runs are sorted and aligned to RUN_BLOCK, do not overlap and lie within the state's pages. */
export type Run = { offset: number; bytes: Uint8Array }
export type GlobalValue = { type: 'i32' | 'f32' | 'f64'; value: number } | { type: 'i64'; value: bigint }

/** The state of a guest between two calls: never of one that is suspended. */
export type State = {
  /** Memory size, in pages of 64 KiB. */
  pages: number
  runs: readonly Run[]
  /** Of every mutable global, in the order of the parts and of their layouts. */
  globals: readonly GlobalValue[]
  /** Slots of every table, in the same order. */
  tableSizes: readonly number[]
  /** Content of the tables that the guest changed, where such can be saved: of strangers. */
  savedTables?: readonly SavedTable[]
}

/** One instance of a guest (the interpreter, a bridge beside it) with where its state lies. */
export type StatePart = {
  exports: WebAssembly.Exports
  layout: StateLayout
  /** The functions that the instance imports, in their order: its tables may hold them. */
  imported?: readonly unknown[]
}

/**
 * How much an instance may keep. Zeroing costs about 0.1 ms a MiB at every reset, so where a fork is cheaper than
 * zeroing what the last tenant grew, the instance is better discarded.
 */
export type ResetBudget = { memoryBytes: number }

/** The state of one live guest: see `bindState`. */
export interface BoundState {
  /**
   * Copies the state. Only between calls.
   * @throws TokaError TOKA_ENGINE_LOAD when a pinned guest changed a table, or a stranger put a function into one that
   *   no new instance shows
   */
  capture(): State
  /**
   * Brings a new instance to a state, before anything ran in it.
   * @throws TokaError TOKA_IMAGE_INVALID when the state does not fit the guest
   */
  restore(state: State): void
  /**
   * Wipes the guest back to a state and takes its fuel. Only when no call of it is under way or suspended.
   * @returns false when it must be discarded: it is a stranger's, memory grew past the budget, or a table is not as it
   * was at `bindState`
   */
  reset(state: State, budget: ResetBudget): boolean
}

type Cell = { type: ValueType; global: WebAssembly.Global }
type TableRecord = { table: WebAssembly.Table; size: number; slots: unknown[] | undefined; foreign: boolean }

/** Slots of a table of the host's references that a state may have: nobody needs more, and each is looked at. */
const MOST_FOREIGN = 4_096

function member<Kind>(exports: WebAssembly.Exports, name: string, kind: new (...args: never[]) => Kind): Kind {
  const found = exports[name]
  if (found instanceof kind) return found
  throw new TokaError('TOKA_IMAGE_INVALID', `the guest exports no ${kind.name.toLowerCase()} "${name}"`)
}

/** Slots are recorded only where the guest's own code can write them: reading one takes 50 ns, and a table has hundreds. */
function recordTable(table: WebAssembly.Table, { written, foreign }: StateLayout['tables'][number]): TableRecord {
  const size = table.length
  const slots = written && !foreign ? Array.from({ length: size }, (_, slot) => table.get(slot)) : undefined
  return { table, size, slots, foreign }
}

/** A table of the host's references that holds none of them: its size is all of its state. */
function isEmpty(table: WebAssembly.Table): boolean {
  if (table.length > MOST_FOREIGN) return false
  for (let slot = 0; slot < table.length; slot++) if (table.get(slot) !== null) return false
  return true
}

function isUnchanged({ table, size, slots, foreign }: TableRecord): boolean {
  if (foreign) return isEmpty(table)
  if (table.length !== size) return false
  return slots === undefined || slots.every((value, slot) => table.get(slot) === value)
}

class Guest implements BoundState {
  readonly #memory: WebAssembly.Memory | undefined
  readonly #blank: boolean
  readonly #cells: Cell[] = []
  readonly #tables: TableRecord[] = []
  readonly #fuel: WebAssembly.Global[] = []
  readonly #reusable: boolean
  /** Of a stranger whose code changes tables. */
  readonly #functions: TableFunctions | undefined
  #bytes = new Uint8Array(0)
  #erase: Erase | undefined
  #fresh = true

  constructor(parts: readonly StatePart[]) {
    let memory: WebAssembly.Memory | undefined
    let blank = true
    for (const { exports, layout } of parts) {
      if (layout.memory !== undefined) {
        const own = member(exports, layout.memory, WebAssembly.Memory)
        if (memory && memory !== own) throw new TokaError('TOKA_INTERNAL', 'the parts of a guest have several memories')
        memory = own
      }
      blank &&= layout.blank
      for (const { index, type } of layout.globals) {
        this.#cells.push({ type, global: member(exports, `__g${index}`, WebAssembly.Global) })
      }
      for (const table of layout.tables) {
        this.#tables.push(recordTable(member(exports, `__t${table.index}`, WebAssembly.Table), table))
      }
      if (layout.fuel) this.#fuel.push(member(exports, AddedExport.fuel, WebAssembly.Global))
    }
    this.#memory = memory
    this.#blank = blank
    this.#reusable = parts.every(({ layout }) => !layout.stack)
    this.#functions = this.#reusable ? undefined : functionsOf(parts, this.#tables)
  }

  capture(): State {
    const saved = this.#saveTables()
    const memory = this.#view()
    return {
      pages: memory.length / PAGE_BYTES,
      runs: findRuns(memory),
      globals: this.#cells.map(({ type, global }) => ({ type, value: global.value }) as GlobalValue),
      tableSizes: this.#tables.map(({ table, size, foreign }) => (foreign ? table.length : size)),
      ...(saved.length > 0 ? { savedTables: saved } : {}),
    }
  }

  #saveTables(): SavedTable[] {
    const changed = this.#tables.flatMap((record, at) => (isUnchanged(record) ? [] : [at]))
    if (changed.length > 0 && this.#reusable)
      throw new TokaError('TOKA_ENGINE_LOAD', 'the guest changed its tables while it ran: such a state cannot be saved')
    return changed.map((at) => {
      if (!this.#functions) throw new TokaError('TOKA_ENGINE_LOAD', 'the tables of a linked guest cannot be saved')
      return this.#functions.save(at)
    })
  }

  restore(state: State): void {
    if (!this.#fresh) throw new TokaError('TOKA_INTERNAL', 'a guest can be restored once: reset it instead')
    this.#fresh = false
    this.#checkFit(state)
    this.#growTo(state.pages)
    this.#growTables(state)
    const memory = this.#view()
    if (this.#blank) for (const { offset, bytes } of state.runs) memory.set(bytes, offset)
    else this.#overwrite(memory, state.runs)
    this.#setGlobals(state)
    for (const table of state.savedTables ?? []) {
      if (!this.#functions) throw new TokaError('TOKA_IMAGE_INVALID', 'the saved state has tables that nothing changes')
      this.#functions.restore(table)
    }
  }

  reset(state: State, budget: ResetBudget): boolean {
    this.#fresh = false
    if (!this.#reusable) return false
    const memory = this.#view()
    if (memory.length > budget.memoryBytes || memory.length < state.pages * PAGE_BYTES) return false
    if (!this.#tables.every(isUnchanged)) return false
    // A table never shrinks again: a larger one would tell of the tenant before.
    if (this.#tables.some(({ table }, at) => table.length !== state.tableSizes[at])) return false
    this.#overwrite(memory, state.runs)
    this.#setGlobals(state)
    return true
  }

  /** Makes the memory zero but for the runs. */
  #overwrite(memory: Uint8Array, runs: readonly Run[]): void {
    if (!this.#memory) return
    this.#erase ??= eraserOf(this.#memory)
    let end = 0
    for (const { offset, bytes } of runs) {
      if (offset > end) this.#erase(end, offset)
      memory.set(bytes, offset)
      end = offset + bytes.length
    }
    if (memory.length > end) this.#erase(end, memory.length)
  }

  #checkFit({ globals, tableSizes, runs, pages }: State): void {
    const fits =
      globals.length === this.#cells.length &&
      this.#cells.every(({ type }, at) => globals[at]?.type === type) &&
      tableSizes.length === this.#tables.length &&
      this.#tables.every(({ size, foreign }, at) => fitsTable(size, foreign, tableSizes[at])) &&
      runs.every(({ offset, bytes }) => offset + bytes.length <= pages * PAGE_BYTES)
    if (!fits)
      throw new TokaError('TOKA_IMAGE_INVALID', 'the saved state does not fit the guest: other globals or tables')
  }

  /** Tables of the host's references, which a new instance has at their first size. */
  #growTables({ tableSizes }: State): void {
    this.#tables.forEach(({ table }, at) => {
      const missing = (tableSizes[at] ?? 0) - table.length
      if (missing > 0) table.grow(missing, null)
    })
  }

  #growTo(pages: number): void {
    const missing = pages - this.#view().length / PAGE_BYTES
    if (missing <= 0) return
    try {
      this.#memory?.grow(missing)
    } catch (cause) {
      throw new TokaError('TOKA_IMAGE_INVALID', `the saved state needs ${pages} pages of memory`, { cause })
    }
  }

  /** Fuel is never part of a state: a guest without a slice asks at once. */
  #setGlobals({ globals }: State): void {
    for (let at = 0; at < this.#cells.length; at++) (this.#cells[at] as Cell).global.value = globals[at]?.value
    for (const fuel of this.#fuel) fuel.value = 0n
  }

  /** A view of the memory of the moment: growing detaches the one before. */
  #view(): Uint8Array {
    const buffer = this.#memory?.buffer
    if (buffer && this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer)
    return this.#bytes
  }
}

function fitsTable(size: number, foreign: boolean, saved = -1): boolean {
  return foreign ? saved >= size && saved <= MOST_FOREIGN : saved === size
}

function functionsOf(parts: readonly StatePart[], records: readonly TableRecord[]): TableFunctions | undefined {
  const [part, ...others] = parts
  if (!part || others.length > 0 || records.every(({ slots }) => slots === undefined)) return undefined
  const tables = records.map(({ table }) => table)
  return new TableFunctions({ tables, exports: part.exports, imported: part.imported ?? [] })
}

function findRuns(memory: Uint8Array): Run[] {
  const words = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4)
  const wordsPerBlock = RUN_BLOCK / 4
  const isZero = (block: number) => {
    for (let at = block * wordsPerBlock, end = at + wordsPerBlock; at < end; at++) if (words[at] !== 0) return false
    return true
  }
  const runs: Run[] = []
  const blocks = memory.length / RUN_BLOCK
  for (let block = 0; block < blocks; block++) {
    if (isZero(block)) continue
    const first = block
    while (block + 1 < blocks && !isZero(block + 1)) block++
    runs.push({ offset: first * RUN_BLOCK, bytes: memory.slice(first * RUN_BLOCK, (block + 1) * RUN_BLOCK) })
  }
  return runs
}

/**
 * Binds to the state of a guest. Call it when all parts are linked and tables are filled, before anything runs:
 * tables must be like that again at every reset.
 * @param parts the instances that make up the guest, rewritten with `exportState`; one memory among them
 */
export function bindState(parts: readonly StatePart[]): BoundState {
  return new Guest(parts)
}
