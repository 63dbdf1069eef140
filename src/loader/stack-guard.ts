/** A body's exits and handlers in, the changes that count the depth of calls out. */
import type { Edit } from './edits.ts'
import { EMPTY_BLOCK, Op, TYPE_CODES } from './opcodes.ts'
import { Writer } from './writer.ts'

/** Slots that every frame takes beside its locals and operands: return address, frame pointer, instance, marker, spills. */
const FRAME_SLOTS = 10

/** An exit or a handler: its instructions are known when the whole body was seen. */
class Place implements Edit {
  readonly at: number
  readonly until: number
  code: ArrayLike<number> | undefined = undefined

  constructor(at: number, until = at) {
    this.at = at
    this.until = until
  }
}

/**
 * The depth of calls for one body. On entry the frame's slots are taken off the global, and a guest below zero traps;
 * at each exit and in each handler the global is set from what it was on entry, which a local keeps. Such a change fits
 * anywhere, since it only states what holds anyway.
 */
export class StackGuard {
  readonly #global: number
  readonly #restores: Place[] = []
  readonly #handlers: Edit[] = []
  readonly #count: Place
  readonly #declaration: Place
  readonly #groups: number

  /**
   * @param global index of the stack's global
   * @param locals where the vector of locals begins, where its items begin, where it ends, and how many groups it has
   */
  constructor(global: number, locals: { at: number; items: number; end: number; groups: number }) {
    this.#global = global
    this.#groups = locals.groups
    this.#count = new Place(locals.at, locals.items)
    this.#declaration = new Place(locals.end)
  }

  /** The changes at the body's beginning. */
  get opening(): readonly Edit[] {
    return [this.#count, this.#declaration]
  }

  /** The function is left behind `at`. */
  exit(at: number): Edit {
    const place = new Place(at)
    this.#restores.push(place)
    return place
  }

  /** Control may come to `at` from a frame below, once it is said that it does. */
  handler(at: number): Edit {
    return new Place(at)
  }

  useHandler(place: Edit): void {
    this.#handlers.push(place)
  }

  /**
   * Fills in the changes.
   * @param local index of the local that keeps the depth
   * @param slots what locals and operands need, in slots of eight bytes
   * @param blockType the bytes of the type of a block that gives the function's results
   * @returns the change behind the body's last instruction
   */
  finish(local: number, slots: number, blockType: Uint8Array, end: number): Edit {
    const own = () =>
      new Writer(16)
        .byte(Op.localGet)
        .u32(local)
        .byte(Op.i32Const)
        .s32(FRAME_SLOTS + slots)
        .byte(Op.i32Sub)
    const set = (code: Writer) => code.byte(Op.globalSet).u32(this.#global)
    const restore = set(new Writer(16).byte(Op.localGet).u32(local)).finish()
    for (const place of this.#restores) place.code = restore
    for (const place of this.#handlers) place.code = set(own()).finish()
    this.#count.code = new Writer(8).u32(this.#groups + 1).finish()
    const opening = new Writer(64).u32(1).byte(TYPE_CODES.i32)
    opening.byte(Op.globalGet).u32(this.#global).byte(Op.localSet).u32(local)
    set(opening.raw(own().finish()))
    opening.byte(Op.globalGet).u32(this.#global).byte(Op.i32Const).s32(0).byte(Op.i32LtSigned)
    opening.byte(Op.if).byte(EMPTY_BLOCK).byte(Op.unreachable).byte(Op.end)
    this.#declaration.code = opening.byte(Op.block).raw(blockType).finish()
    const closing = new Place(end)
    closing.code = new Writer(16).raw(restore).byte(Op.end).finish()
    return closing
  }
}
