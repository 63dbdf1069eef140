// JSValues as the interpreter passes them where pointers have 32 bits: 64 bits, the tag in the upper half.

import { TAG_BOOLEAN, TAG_EXCEPTION, UNDEFINED } from "./layout"

// @ts-ignore: decorator
@inline export function tagOf(value: i64): i64 {
  return value >> 32
}

// @ts-ignore: decorator
@inline export function isException(value: i64): bool {
  return tagOf(value) == TAG_EXCEPTION
}

// @ts-ignore: decorator
@inline export function boolean(value: i32): i64 {
  return TAG_BOOLEAN << 32 | <i64>value
}

// @ts-ignore: decorator
@inline export function argument(argc: i32, argv: u32, index: i32): i64 {
  return index < argc ? load<i64>(<usize>argv + (<usize>index << 3)) : UNDEFINED
}
