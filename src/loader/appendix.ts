/** What the rewriter adds to a module: types, functions, globals and a table behind the module's own, so that no index moves. */
import { TYPE_CODES, type ValueType } from './opcodes.ts'
import type { ModuleShape } from './sections.ts'
import { Writer } from './writer.ts'

export class Appendix {
  readonly types: Uint8Array[] = []
  /** Type indices of the added functions, and their bodies. */
  readonly functions: { type: number; body: Uint8Array }[] = []
  readonly tables: (readonly number[])[] = []
  readonly globals: (readonly number[])[] = []
  readonly #shape: ModuleShape
  readonly #known = new Map<string, number>()

  constructor(shape: ModuleShape) {
    this.#shape = shape
  }

  /** @returns the index of a function type, added once */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()} ${results.join()}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const type = new Writer(16).byte(0x60)
    for (const types of [params, results]) type.u32(types.length).raw(types.map((name) => TYPE_CODES[name]))
    const index = this.#shape.types.length + this.types.push(type.finish()) - 1
    this.#known.set(key, index)
    return index
  }

  /** @returns the index of an added function */
  function(type: number, body: Uint8Array): number {
    return this.#shape.functions.length + this.functions.push({ type, body }) - 1
  }

  table(entry: readonly number[]): number {
    return this.#shape.tables.length + this.tables.push(entry) - 1
  }

  global(entry: readonly number[]): number {
    return this.#shape.globals.length + this.globals.push(entry) - 1
  }
}
