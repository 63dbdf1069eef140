/** How deep CPython may go: bounds of its stack pointer in, a RecursionError before the engine's own stack is full out. */
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

/**
 * Tells CPython how much stack it has. Between its two bounds it handles one overflow; below the second it aborts. They are
 * 8 KiB apart, less than some functions take: so the second is put far below, where V8's stack is full before.
 * @returns false when the bounds are not where CPython 3.14 has them
 */
export function protectStack(interpreter: InterpreterExports): boolean {
  const top = interpreter.emscripten_stack_get_base() >>> 0
  const end = interpreter.emscripten_stack_get_end() >>> 0
  const thread = interpreter.PyThreadState_Get() >>> 0
  if (interpreter.PyUnstable_ThreadState_SetStackProtection(thread, top - STACK_BYTES, STACK_BYTES) !== 0) return false
  const state = new DataView(interpreter.memory.buffer, thread, THREAD_BYTES)
  const places = []
  // c_stack_top, c_stack_soft_limit, c_stack_hard_limit follow upon each other (pycore_tstate.h).
  for (let at = 0; at + 12 <= THREAD_BYTES; at += 4) {
    const [first, soft, hard] = [0, 4, 8].map((offset) => state.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ]
    const between = hard > top - STACK_BYTES && soft > hard && soft < top
    if (first === top && between) places.push(at)
  }
  if (places.length !== 1) return false
  state.setUint32((places[0] as number) + 8, end + LAST_BYTES, true)
  return true
}
