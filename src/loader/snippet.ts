/** Instructions that are put into a body, and which of their branches are hardly ever taken. */
import { EMPTY_BLOCK, Op } from './opcodes.ts'
import { Writer } from './writer.ts'

/** `unlikely`: where in the code an `if` begins that is hardly ever entered. */
export type Snippet = { readonly code: Uint8Array; readonly unlikely: readonly number[] }

export const NOTHING: Snippet = { code: new Uint8Array(0), unlikely: [] }

export class SnippetWriter extends Writer {
  readonly #unlikely: number[] = []

  /** Begins an `if` of no value. */
  unlikelyIf(): this {
    this.#unlikely.push(this.length)
    return this.byte(Op.if).byte(EMPTY_BLOCK)
  }

  snippet({ code, unlikely }: Snippet): this {
    for (const at of unlikely) this.#unlikely.push(this.length + at)
    return this.raw(code)
  }

  done(): Snippet {
    return { code: this.finish(), unlikely: this.#unlikely }
  }
}
