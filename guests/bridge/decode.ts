// The encoding of a plain value in, the value out, natively; what is large or deep, and what is rarer is left to the prelude's codec.
// The host's encoder is trusted to follow docs/values.md, but every length is checked: these bytes may be any.

import {
  JS_DupValue, JS_FreeValue, JS_NewArray, JS_NewNumber, JS_NewStringLen, JS_NewUint8ArrayCopy, JS_NewAtomLen,
  JS_FreeAtom, JS_NewObject, JS_DefinePropertyValue, JS_DefinePropertyValueUint32,
} from "./quickjs"
import { boolean, isException } from "./values"
import {
  UNDEFINED, EXCEPTION, NULL, PROPERTY_OPEN, PLAIN, OTHER, THROWN, MOST_VALUES, MOST_DEPTH,
} from "./layout"

// Of the call in progress: where it is, where its bytes end, how many values it may still make, and why it has failed.
let at: usize = 0
let end: usize = 0
let left: i32 = 0
let failed: i32 = PLAIN

/**
 * Reads the one value that the bytes are.
 * @param other what is answered for bytes that hold something else
 * @returns the value, `other` (a reference more of it), or EXCEPTION
 */
export function readPlain(ctx: u32, from: usize, length: usize, other: i64): i64 {
  at = from
  end = from + length
  left = MOST_VALUES
  failed = PLAIN
  const value = read(ctx, 0)
  if (failed == PLAIN && at == end) return value
  JS_FreeValue(ctx, value)
  return failed == THROWN ? EXCEPTION : JS_DupValue(ctx, other)
}

function fails(why: i32): i64 {
  failed = why
  return UNDEFINED
}

/** What an interpreter's function made: an exception stays pending. */
function made(value: i64): i64 {
  return isException(value) ? fails(THROWN) : value
}

function read(ctx: u32, depth: i32): i64 {
  if (--left < 0 || end - at < 1) return fails(OTHER)
  const initial = load<u8>(at++)
  const major = initial >> 5
  if (major == 7) return readSimple(ctx, initial)
  if (major == 6) return fails(OTHER)
  const count = readCount(initial & 0x1f)
  if (failed != PLAIN) return UNDEFINED
  if (major == 0) return JS_NewNumber(ctx, <f64>count)
  if (major == 1) return JS_NewNumber(ctx, -1.0 - <f64>count)
  // Each item is a byte at least.
  if (count > <u64>(end - at)) return fails(OTHER)
  if (major >= 4) {
    if (depth >= MOST_DEPTH) return fails(OTHER)
    return major == 4 ? readArray(ctx, <u32>count, depth) : readRecord(ctx, <u32>count, depth)
  }
  const start = <u32>at
  at += <usize>count
  return made(major == 3 ? JS_NewStringLen(ctx, start, <u32>count) : JS_NewUint8ArrayCopy(ctx, start, <u32>count))
}

function readCount(low: u8): u64 {
  if (low < 24) return low
  const bytes = <usize>1 << (low - 24)
  if (low > 27 || end - at < bytes) {
    failed = OTHER
    return 0
  }
  let count: u64 = 0
  for (let i: usize = 0; i < bytes; i++) count = (count << 8) | load<u8>(at + i)
  at += bytes
  return count
}

function readSimple(ctx: u32, initial: u8): i64 {
  if (initial == 0xf4) return boolean(0)
  if (initial == 0xf5) return boolean(1)
  if (initial == 0xf6) return NULL
  if (initial == 0xf7) return UNDEFINED
  if (initial < 0xf9 || initial > 0xfb) return fails(OTHER)
  const bits = readCount(initial & 0x1f)
  if (failed != PLAIN) return UNDEFINED
  if (initial == 0xf9) return JS_NewNumber(ctx, wholeOfHalf(<u32>bits))
  return JS_NewNumber(ctx, initial == 0xfa ? <f64>reinterpret<f32>(<u32>bits) : reinterpret<f64>(bits))
}

function wholeOfHalf(bits: u32): f64 {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  let magnitude: f64
  if (exponent == 31) magnitude = fraction ? NaN : Infinity
  // A fraction of 2^-24 each; then 2^(exponent - 15), its bits written down.
  else if (exponent == 0) magnitude = <f64>fraction * 5.9604644775390625e-8
  else magnitude = (1.0 + <f64>fraction / 1024.0) * reinterpret<f64>((<u64>exponent + 1008) << 52)
  return bits & 0x8000 ? -magnitude : magnitude
}

function readArray(ctx: u32, count: u32, depth: i32): i64 {
  const items = JS_NewArray(ctx)
  if (isException(items)) return fails(THROWN)
  for (let i: u32 = 0; i < count; i++) {
    const item = read(ctx, depth + 1)
    // Takes the item, also when it fails.
    if (failed != PLAIN) JS_FreeValue(ctx, item)
    else if (JS_DefinePropertyValueUint32(ctx, items, i, item, PROPERTY_OPEN) < 0) failed = THROWN
    if (failed != PLAIN) break
  }
  return items
}

function readRecord(ctx: u32, count: u32, depth: i32): i64 {
  const record = JS_NewObject(ctx)
  if (isException(record)) return fails(THROWN)
  for (let i: u32 = 0; i < count && failed == PLAIN; i++) readField(ctx, record, depth)
  return record
}

function readField(ctx: u32, record: i64, depth: i32): void {
  if (end - at < 1 || load<u8>(at) >> 5 != 3) {
    failed = OTHER
    return
  }
  const length = readCount(load<u8>(at++) & 0x1f)
  if (failed == PLAIN && length > <u64>(end - at)) failed = OTHER
  if (failed != PLAIN) return
  const atom = JS_NewAtomLen(ctx, <u32>at, <u32>length)
  at += <usize>length
  if (!atom) {
    failed = THROWN
    return
  }
  const value = read(ctx, depth + 1)
  if (failed != PLAIN) JS_FreeValue(ctx, value)
  else if (JS_DefinePropertyValue(ctx, record, atom, value, PROPERTY_OPEN) < 0) failed = THROWN
  JS_FreeAtom(ctx, atom)
}
