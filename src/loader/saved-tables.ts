/** The content of tables that a guest changed in, function indices out; back, the same functions of another instance. */
import { TokaError } from '../errors.ts'

/** The slots of one table: 0 for null, or a function's index and one. */
export type SavedTable = { table: number; slots: readonly number[] }

/** The instance that tables belong to. */
export type TableOwner = {
  tables: readonly WebAssembly.Table[]
  exports: WebAssembly.Exports
  /** The functions that it imports, in their order. */
  imported: readonly unknown[]
}

/** Slots that a saved table may have: no stranger's is larger (caps.ts). */
const MOST_SLOTS = 100_000

/**
 * The index of a function of an instance's own: an exported function has it as its name (WebAssembly JavaScript
 * Interface, "create a new Exported Function").
 */
function indexOf(value: unknown): number | undefined {
  if (typeof value !== 'function' || !/^\d{1,7}$/.test(value.name)) return undefined
  return Number(value.name)
}

/**
 * The functions of a new instance that can be had from outside, by their indices: those that it exports, imports or has in
 * its tables. Imports come first in a module's index space.
 */
function functionsOf({ tables, exports, imported }: TableOwner): Map<number, unknown> {
  const functions = new Map<number, unknown>()
  const add = (value: unknown): void => {
    const index = imported.includes(value) ? undefined : indexOf(value)
    if (index !== undefined) functions.set(index, value)
  }
  for (const table of tables) for (let slot = 0; slot < table.length; slot++) add(table.get(slot))
  for (const value of Object.values(exports)) add(value)
  imported.forEach((value, index) => functions.set(index, value))
  return functions
}

/** What an owner's tables can be saved by and restored from: made while the instance is new. */
export class TableFunctions {
  readonly #owner: TableOwner
  readonly #byIndex: Map<number, unknown>
  readonly #indices: Map<unknown, number>

  constructor(owner: TableOwner) {
    this.#owner = owner
    this.#byIndex = functionsOf(owner)
    this.#indices = new Map([...this.#byIndex].map(([index, value]) => [value, index]))
  }

  /**
   * The slots of a table now.
   * @throws TokaError TOKA_ENGINE_LOAD for a function that no new instance shows
   */
  save(table: number): SavedTable {
    const source = this.#owner.tables[table]
    const slots = Array.from({ length: source?.length ?? 0 }, (_, slot) => {
      const value: unknown = source?.get(slot)
      const index = value === null ? -1 : this.#indices.get(value)
      if (index === undefined)
        throw new TokaError('TOKA_ENGINE_LOAD', `slot ${slot} of table ${table} holds a function that cannot be saved`)
      return index + 1
    })
    return { table, slots }
  }

  /** @throws TokaError TOKA_IMAGE_INVALID for slots that no instance of the module can have */
  restore({ table, slots }: SavedTable): void {
    const target = this.#owner.tables[table]
    if (!target || slots.length > MOST_SLOTS || slots.length < target.length) throw misfit()
    const functions = slots.map((slot) => (slot === 0 ? null : this.#byIndex.get(slot - 1)))
    if (functions.includes(undefined)) throw misfit()
    try {
      target.grow(slots.length - target.length, null)
      functions.forEach((value, slot) => target.set(slot, value))
    } catch (cause) {
      throw misfit(cause)
    }
  }
}

function misfit(cause?: unknown): TokaError {
  return new TokaError('TOKA_IMAGE_INVALID', 'the saved state does not fit the guest: other tables', { cause })
}
