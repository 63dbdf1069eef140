// The bridge's block of guest memory, and calls of the prelude's functions, which it keeps there.

import { JS_Call, JS_FreeValue } from "./quickjs"
import { HOOKS, SCRATCH, UNDEFINED } from "./layout"

/** Where the block is: set when it is made, and found again after every fork. */
export let base: usize = 0

export function setBase(pointer: usize): void {
  base = pointer
}

// @ts-ignore: decorator
@inline export function hook(index: usize): i64 {
  return load<i64>(base + HOOKS + (index << 3))
}

/** Calls a hook with up to three values, which are freed. */
export function callHook(ctx: u32, index: usize, argc: i32, first: i64, second: i64, third: i64): i64 {
  const argv = base + SCRATCH + 16
  store<i64>(argv, first)
  store<i64>(argv, second, 8)
  store<i64>(argv, third, 16)
  // The callee may call back into the bridge, which reuses SCRATCH: JS_Call copies its arguments first (JS_CALL_FLAG_COPY_ARGV).
  const result = JS_Call(ctx, hook(index), UNDEFINED, argc, <u32>argv)
  JS_FreeValue(ctx, first)
  JS_FreeValue(ctx, second)
  JS_FreeValue(ctx, third)
  return result
}
