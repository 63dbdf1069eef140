/** A pinned module's function in, changes out by which its own stack pointer tells how full the engine's stack is. */
import type { Edit } from './edits.ts'
import { Op } from './opcodes.ts'
import { refuseModule } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * Bytes that are taken for the frames of a function and of those between it and the next that counts: return address,
 * frame pointer, instance, marker, spilled operands; locals. An estimate, since V8's tiers differ: over recursions through
 * CPython its stack was full at 0.86 to 3 times what it has (V8 14, both tiers).
 */
const FRAME_BYTES = 128
const LOCAL_BYTES = 8
/** What C keeps its stack pointer aligned to. */
const ALIGNMENT = 16

/**
 * A function of C has two frames: one below its module's stack pointer, if the address of a local is taken, and one on the
 * engine's stack. An interpreter that looks at its stack pointer to see how deep it is sees the former alone, and many
 * functions have none. So functions take the size of the latter off the stack pointer too, at their entry, and give it
 * back at their exits: those that call by a table and those that close a cycle of direct calls, one of which is part of any
 * recursion. All that call anything would be more exact, and cost CPython 8 % of its time instead of 2.
 *
 * A frame that an exception leaves gives nothing back: whoever catches it puts the stack pointer right, as C++ and
 * `longjmp` need it anyway (LLVM, WebAssemblyLateEHPrepare); a handler that does not is refused.
 */
export class NativeFrames {
  readonly #global: number
  readonly #exits: Edit[] = []
  #counted: boolean
  #landing = false

  /**
   * @param global index of the stack pointer, a mutable i32
   * @param cyclic whether a cycle of direct calls is closed by a call of the function
   */
  constructor(global: number, cyclic: boolean) {
    this.#global = global
    this.#counted = cyclic
  }

  /**
   * Takes note of an instruction.
   * @param global the index that a `global.set` names
   * @returns a change that is still empty, for a place where the function is left
   */
  note(opcode: number, at: number, global: () => number): Edit | undefined {
    if (opcode === Op.catch || opcode === Op.catchAll) this.#landing = true
    else if (opcode === Op.globalSet && global() === this.#global) this.#landing = false
    else if (opcode === Op.call || opcode === Op.callIndirect) this.#call(at, opcode === Op.callIndirect)
    else if (opcode === Op.return) return this.#exit(at)
    else if (opcode === Op.returnCall || opcode === Op.returnCallIndirect || opcode === Op.tryTable)
      throw refuseModule('frames are not counted across tail calls and `try_table`', at)
    return undefined
  }

  /**
   * The changes before and behind all others of the body; those of its exits are filled in.
   * @param resultBlock the bytes of the type of a block that gives the function's results
   */
  finish(place: { first: number; end: number; locals: number; resultBlock: Uint8Array }): [Edit, Edit] | undefined {
    if (!this.#counted) return undefined
    const bytes = Math.ceil((FRAME_BYTES + place.locals * LOCAL_BYTES) / ALIGNMENT) * ALIGNMENT
    const exit = this.#move(Op.i32Add, bytes)
    for (const edit of this.#exits) edit.code = exit.view()
    const entry = this.#move(Op.i32Sub, bytes).byte(Op.block).raw(place.resultBlock)
    const last = new Writer(32).byte(Op.end).raw(exit.view())
    return [
      { at: place.first, until: place.first, code: entry.finish() },
      { at: place.end, until: place.end, code: last.finish() },
    ]
  }

  #call(at: number, counted: boolean): void {
    if (this.#landing) throw refuseModule('a handler of exceptions leaves the stack pointer as it was', at)
    this.#counted ||= counted
  }

  #exit(at: number): Edit {
    const edit: Edit = { at, until: at, code: undefined }
    this.#exits.push(edit)
    return edit
  }

  #move(operation: number, bytes: number): Writer {
    const code = new Writer(32).byte(Op.globalGet).u32(this.#global).byte(Op.i32Const).s32(bytes)
    return code.byte(operation).byte(Op.globalSet).u32(this.#global)
  }
}
