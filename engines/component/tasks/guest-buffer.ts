/** A guest's piece of memory that values of a stream or a future are copied from or to. */
import { CanonTrap } from '../canon-trap.ts'
import type { CanonContext } from '../canon-context.ts'
import { load } from '../lift.ts'
import { store } from '../lower.ts'
import type { WitType } from '../wit-types.ts'
import { countOf, type ReadBuffer, type Values, type WriteBuffer } from './channel.ts'

/** Buffer.MAX_LENGTH of the specification. */
const MOST_LENGTH = 2 ** 28 - 1

export class GuestBuffer implements ReadBuffer, WriteBuffer {
  readonly length: number
  /** Values that were copied. */
  progress = 0
  readonly #element: WitType | undefined
  readonly #context: () => CanonContext
  readonly #start: number

  /**
   * @param context a crossing of values, made anew for each copy
   * @throws CanonTrap when the place is not the guest's
   */
  constructor(element: WitType | undefined, context: () => CanonContext, pointer: number, length: number) {
    if (length > MOST_LENGTH) throw new CanonTrap('a copy is of 2^28 values or more')
    this.length = length
    this.#element = element
    this.#context = context
    this.#start =
      element && length > 0 ? context().memory.range(pointer, length * element.size, element.align) : pointer >>> 0
  }

  get left(): number {
    return this.length - this.progress
  }

  read(count: number): Values {
    const element = this.#element
    const at = this.#place()
    this.progress += count
    if (!element) return count
    const cx = this.#context()
    if (element.kind === 'u8') return cx.memory.bytes.slice(at, at + count)
    cx.budget.nodes(count)
    return Array.from({ length: count }, (_, index) => load(cx, element, at + index * element.size))
  }

  write(values: Values): void {
    const element = this.#element
    const at = this.#place()
    this.progress += countOf(values)
    if (!element || typeof values === 'number') return
    const cx = this.#context()
    if (values instanceof Uint8Array) {
      cx.memory.bytes.set(values, at)
      return
    }
    cx.budget.nodes(values.length)
    values.forEach((value, index) => store(cx, element, value, at + index * element.size))
  }

  #place(): number {
    return this.#start + this.progress * (this.#element?.size ?? 0)
  }
}
