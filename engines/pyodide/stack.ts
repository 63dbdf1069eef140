/** How deep CPython may go: bounds of its stack pointer in, a RecursionError before the engine's own stack is full out. */
import { Op } from '../../src/loader/opcodes.ts'
import { ExternKind, SectionId } from '../../src/loader/sections.ts'
import { PREAMBLE, Writer } from '../../src/loader/writer.ts'
import type { InterpreterExports } from './wiring.ts'

/**
 * Bytes of the stack after which CPython raises RecursionError. The rewriter takes the frames on V8's stack off the stack
 * pointer too (src/loader/native-frames.ts), and V8's stack is full when 820 KiB to 2.8 MiB are taken, by what recurses: it has
 * 984 KiB on a main thread, 957 of them where JSPI switches stacks, and 4 MiB in a worker of Node (V8 12 to 14).
 */
export const STACK_BYTES = 704 * 2 ** 10

/** What stays free below the bound at which CPython gives itself up, of the 5 MiB that it has. */
const LAST_BYTES = 256 * 2 ** 10

/** Where to look for the bounds: a thread's state is some KiB long (struct _PyThreadStateImpl, 3.14). */
const THREAD_BYTES = 2 ** 14

/** Where an image has the bound at which CPython raises RecursionError, and the stack's upper end. */
export type StackPlace = { softLimit: number; stackTop: number }

/**
 * Tells CPython how much stack it has. Between its two bounds it handles one overflow; below the second it aborts. They are
 * 8 KiB apart, less than some functions take: so the second is put far below, where V8's stack is full before.
 * @returns undefined when the bounds are not where CPython 3.14 has them
 */
export function protectStack(interpreter: InterpreterExports): StackPlace | undefined {
  const stackTop = interpreter.emscripten_stack_get_base() >>> 0
  const end = interpreter.emscripten_stack_get_end() >>> 0
  const thread = interpreter.PyThreadState_Get() >>> 0
  const start = stackTop - STACK_BYTES
  if (interpreter.PyUnstable_ThreadState_SetStackProtection(thread, start, STACK_BYTES) !== 0) return undefined
  const state = new DataView(interpreter.memory.buffer, thread, THREAD_BYTES)
  const places = []
  // c_stack_top, c_stack_soft_limit, c_stack_hard_limit follow upon each other (pycore_tstate.h).
  for (let at = 0; at + 12 <= THREAD_BYTES; at += 4) {
    const [top, soft, hard] = [0, 4, 8].map((offset) => state.getUint32(at + offset, true)) as [number, number, number]
    if (top === stackTop && soft < top && hard < soft && hard > start) places.push(at)
  }
  const [place] = places
  if (place === undefined || places.length > 1) return undefined
  state.setUint32(place + 8, end + LAST_BYTES, true)
  return { softLimit: thread + place + 4, stackTop }
}

/** The share of a thread's stack that CPython may take, as it counts: a fifth less than what the least favourable recursion can. */
const SHARE = 0.7

/**
 * Sets the bound for the thread that a guest runs in: a browser's worker has half the stack of others. Where guests are
 * suspended each has a stack of its own.
 */
export function boundStack(memory: WebAssembly.Memory, { softLimit, stackTop }: StackPlace, suspends: boolean): void {
  const bytes = suspends ? STACK_BYTES : Math.min(STACK_BYTES, threadStack() * SHARE)
  new DataView(memory.buffer).setUint32(softLimit, stackTop - bytes, true)
}

/** Locals of the function that measures, eight bytes each, and the other words of its frame. */
const PROBE_LOCALS = 100
const PROBE_WORDS = 6

let measured: number | undefined

/** Bytes of this thread's stack that are free here: a function that calls itself until there are none. */
function threadStack(): number {
  if (measured !== undefined) return measured
  const code = new Writer().u32(1).u32(PROBE_LOCALS).byte(0x7e)
  code.byte(Op.globalGet).u32(0).byte(Op.i32Const).s32(1).byte(Op.i32Add).byte(Op.globalSet).u32(0)
  code.byte(Op.call).u32(0).byte(Op.end)
  const bytes = new Writer()
    .raw(PREAMBLE)
    .section(SectionId.type, new Writer().raw([1, 0x60, 0, 0]))
    .section(SectionId.function, new Writer().raw([1, 0]))
    .section(SectionId.global, new Writer().raw([1, 0x7f, 1, Op.i32Const, 0, Op.end]))
    .section(
      SectionId.export,
      new Writer().u32(2).name('dive').raw([ExternKind.function, 0]).name('depth').raw([ExternKind.global, 0]),
    )
    .section(SectionId.code, new Writer().u32(1).sized(code))
    .finish()
  const { dive, depth } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as {
    dive(): void
    depth: WebAssembly.Global<'i32'>
  }
  try {
    dive()
  } catch {
    // The stack was full, which is what was asked for.
  }
  measured = depth.value * 8 * (PROBE_LOCALS + PROBE_WORDS)
  return measured
}
