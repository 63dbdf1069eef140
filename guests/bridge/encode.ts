// Plain values in, their encoding (docs/values.md) out, natively: numbers, texts, bytes, arrays and records, which nearly all values are.
// No code of the guest runs here: what would run some (getters, proxies), what is large or deep, and what is rarer is left to the prelude's codec.
// The work of one call is bounded, because the bridge carries no fuel.

import {
  JS_GetException, JS_FreeValue, JS_GetUint8Array, JS_ToCStringLen2, JS_FreeCString, JS_GetClassID, JS_GetPrototype,
  JS_GetLength, JS_GetTypedArrayType, JS_GetOwnProperty, JS_GetOwnPropertyNames, JS_FreePropertyEnum, JS_AtomToValue,
  JS_AtomToCStringLen, JS_NewAtomUInt32, JS_FreeAtom, JS_ToFloat64,
} from "./quickjs"
import { tagOf } from "./values"
import {
  NULL, TAG_UNDEFINED, TAG_INT, TAG_BOOLEAN, TAG_STRING, TAG_ROPE, TAG_SYMBOL, TAG_OBJECT, TAG_NULL, TAG_FIRST,
  TAG_FLOAT, CLASS_OBJECT, CLASS_ARRAY, CLASS_UINT8_ARRAY, NAMES_ALL, OWN_GETTER, PLAIN, OTHER, THROWN, MOST_VALUES,
  MOST_DEPTH,
} from "./layout"

// Of the call in progress: where it is, where its bytes end, how many values it may still take, and 32 bytes of scratch.
let at: usize = 0
let end: usize = 0
let left: i32 = 0
let scratch: usize = 0

/**
 * Writes a value.
 * @param prototype Object.prototype, of which records are
 * @returns PLAIN, OTHER or THROWN; `written` says where the bytes end
 */
export function writePlain(ctx: u32, value: i64, prototype: i64, from: usize, capacity: usize, spare: usize): i32 {
  at = from
  end = from + capacity
  left = MOST_VALUES
  scratch = spare
  return write(ctx, value, prototype, 0)
}

/** Where the last write ended. */
export function written(): usize {
  return at
}

// @ts-ignore: decorator
@inline function hasRoom(bytes: usize): bool {
  return end - at >= bytes
}

function write(ctx: u32, value: i64, prototype: i64, depth: i32): i32 {
  if (--left < 0 || !hasRoom(9)) return OTHER
  const tag = tagOf(value)
  if (tag == TAG_STRING || tag == TAG_ROPE) return writeString(ctx, value)
  if (tag == TAG_INT) {
    const whole = <i32>value
    if (whole < 0) writeHead(0x20, <u64>(-1 - <i64>whole))
    else writeHead(0x00, <u64>whole)
    return PLAIN
  }
  if (tag == TAG_OBJECT) return depth < MOST_DEPTH ? writeObject(ctx, value, prototype, depth) : OTHER
  if (tag == TAG_BOOLEAN) return writeByte(<i32>value ? 0xf5 : 0xf4)
  if (tag == TAG_NULL) return writeByte(0xf6)
  if (tag == TAG_UNDEFINED) return writeByte(0xf7)
  // The other tags lie together: whatever is outside of them is a double (JS_TAG_IS_FLOAT64).
  if (<u32>(tag - TAG_FIRST) < <u32>(TAG_FLOAT - TAG_FIRST)) return OTHER
  if (JS_ToFloat64(ctx, <u32>scratch, value) != 0) return THROWN
  writeNumber(load<f64>(scratch))
  return PLAIN
}

// @ts-ignore: decorator
@inline function writeByte(byte: i32): i32 {
  store<u8>(at++, byte)
  return PLAIN
}

/** An initial byte with its count in the shortest form. */
function writeHead(major: u8, count: u64): void {
  if (count < 24) {
    store<u8>(at, major | <u8>count)
    at += 1
  } else if (count < 0x100) {
    store<u8>(at, major | 24)
    store<u8>(at, <u8>count, 1)
    at += 2
  } else if (count < 0x10000) {
    store<u8>(at, major | 25)
    store<u16>(at, bswap<u16>(<u16>count), 1)
    at += 3
  } else if (count < 0x100000000) {
    store<u8>(at, major | 26)
    store<u32>(at, bswap<u32>(<u32>count), 1)
    at += 5
  } else {
    store<u8>(at, major | 27)
    store<u64>(at, bswap<u64>(count), 1)
    at += 9
  }
}

function writeNumber(value: f64): void {
  const magnitude = Math.abs(value)
  if (magnitude <= 9007199254740991.0 && Math.floor(value) == value && reinterpret<i64>(value) != i64.MIN_VALUE) {
    if (value < 0) writeHead(0x20, <u64>(-1 - <i64>value))
    else writeHead(0x00, <u64>value)
    return
  }
  if (value != value) return writeHalf(0x7e00)
  const single = <f32>value
  if (<f64>single != value) {
    store<u8>(at, 0xfb)
    store<u64>(at, bswap<u64>(reinterpret<u64>(value)), 1)
    at += 9
    return
  }
  const half = halfOf(reinterpret<u32>(single))
  if (half >= 0) return writeHalf(half)
  store<u8>(at, 0xfa)
  store<u32>(at, bswap<u32>(reinterpret<u32>(single)), 1)
  at += 5
}

function writeHalf(bits: i32): void {
  store<u8>(at, 0xf9)
  store<u16>(at, bswap<u16>(<u16>bits), 1)
  at += 3
}

/** The 16 bits of a single that they can hold, or -1 (IEEE 754: 5 bits of exponent, 10 of fraction; no NaN comes here). */
function halfOf(bits: u32): i32 {
  const sign = <i32>(bits >> 16) & 0x8000
  const exponent = <i32>((bits >> 23) & 0xff) - 127
  const fraction = bits & 0x7fffff
  if ((bits & 0x7fffffff) == 0) return sign
  if (exponent == 128) return sign | 0x7c00
  if (exponent > 15 || exponent < -24) return -1
  if (exponent >= -14) return fraction & 0x1fff ? -1 : sign | ((exponent + 15) << 10) | <i32>(fraction >> 13)
  const shift = <u32>(-1 - exponent)
  const whole = fraction | 0x800000
  return whole & ((1 << shift) - 1) ? -1 : sign | <i32>(whole >> shift)
}

/** Head and bytes of UTF-8, unless there is a lone surrogate (which the interpreter writes as ed a0 … ed bf) or no room. */
function writeText(text: u32, length: u32): i32 {
  if (!hasRoom(<usize>length + 9)) return OTHER
  writeHead(0x60, length)
  let last: u8 = 0
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(<usize>text + i)
    if (last == 0xed && byte >= 0xa0) return OTHER
    store<u8>(at + i, byte)
    last = byte
  }
  at += length
  return PLAIN
}

function writeString(ctx: u32, value: i64): i32 {
  const text = JS_ToCStringLen2(ctx, <u32>scratch, value, 0)
  if (!text) return THROWN
  const ended = writeText(text, load<u32>(scratch))
  JS_FreeCString(ctx, text)
  return ended
}

function writeObject(ctx: u32, value: i64, prototype: i64, depth: i32): i32 {
  const kind = JS_GetClassID(value)
  if (kind == CLASS_ARRAY) return writeArray(ctx, value, prototype, depth)
  if (kind != CLASS_OBJECT) return JS_GetTypedArrayType(value) == CLASS_UINT8_ARRAY ? writeBytes(ctx, value) : OTHER
  const own = JS_GetPrototype(ctx, value)
  JS_FreeValue(ctx, own)
  return own == prototype || own == NULL ? writeRecord(ctx, value, prototype, depth) : OTHER
}

function writeBytes(ctx: u32, value: i64): i32 {
  const bytes = JS_GetUint8Array(ctx, <u32>scratch, value)
  const length = load<u32>(scratch)
  if (!bytes) {
    // Detached, or without any: no fault of the guest's.
    JS_FreeValue(ctx, JS_GetException(ctx))
    return OTHER
  }
  if (!hasRoom(<usize>length + 9)) return OTHER
  writeHead(0x40, length)
  memory.copy(at, bytes, length)
  at += length
  return PLAIN
}

function writeArray(ctx: u32, value: i64, prototype: i64, depth: i32): i32 {
  if (JS_GetLength(ctx, value, <u32>scratch) != 0) return THROWN
  const length = load<i64>(scratch)
  if (length > left) return OTHER
  writeHead(0x80, <u64>length)
  for (let i: u32 = 0; i < <u32>length; i++) {
    const atom = JS_NewAtomUInt32(ctx, i)
    if (!atom) return THROWN
    const ended = writeOwn(ctx, value, atom, prototype, depth)
    JS_FreeAtom(ctx, atom)
    if (ended != PLAIN) return ended
  }
  return PLAIN
}

/** Symbols come last: one is enough to leave the record to the prelude, which refuses it by name. */
function writeRecord(ctx: u32, value: i64, prototype: i64, depth: i32): i32 {
  if (JS_GetOwnPropertyNames(ctx, <u32>scratch, <u32>scratch + 4, value, NAMES_ALL) != 0) return THROWN
  const names = load<u32>(scratch)
  const count = load<u32>(scratch, 4)
  const ended = count > <u32>left ? OTHER : writeFields(ctx, value, names, count, prototype, depth)
  JS_FreePropertyEnum(ctx, names, count)
  return ended
}

/** A JSPropertyEnum is a flag for enumerable and an atom, of 32 bits each. */
function writeFields(ctx: u32, value: i64, names: u32, count: u32, prototype: i64, depth: i32): i32 {
  let shown: u32 = 0
  for (let i: u32 = 0; i < count; i++) shown += load<u8>(<usize>names + (i << 3)) ? 1 : 0
  if (count > 0 && isSymbol(ctx, load<u32>(<usize>names + ((count - 1) << 3), 4))) return OTHER
  writeHead(0xa0, shown)
  for (let i: u32 = 0; i < count; i++) {
    const entry = <usize>names + (i << 3)
    if (!load<u8>(entry)) continue
    const atom = load<u32>(entry, 4)
    const text = JS_AtomToCStringLen(ctx, <u32>scratch, atom)
    if (!text) return THROWN
    const named = writeText(text, load<u32>(scratch))
    JS_FreeCString(ctx, text)
    if (named != PLAIN) return named
    const ended = writeOwn(ctx, value, atom, prototype, depth)
    if (ended != PLAIN) return ended
  }
  return PLAIN
}

function isSymbol(ctx: u32, atom: u32): bool {
  const name = JS_AtomToValue(ctx, atom)
  JS_FreeValue(ctx, name)
  return tagOf(name) == TAG_SYMBOL
}

/** An own property that is a value. A JSPropertyDescriptor is flags, then value, getter and setter, of 64 bits each. */
function writeOwn(ctx: u32, object: i64, atom: u32, prototype: i64, depth: i32): i32 {
  const found = JS_GetOwnProperty(ctx, <u32>scratch, object, atom)
  if (found < 0) return THROWN
  if (found == 0) return OTHER
  const item = load<i64>(scratch, 8)
  if (load<i32>(scratch) & OWN_GETTER) {
    JS_FreeValue(ctx, load<i64>(scratch, 16))
    JS_FreeValue(ctx, load<i64>(scratch, 24))
    return OTHER
  }
  const ended = write(ctx, item, prototype, depth + 1)
  JS_FreeValue(ctx, item)
  return ended
}
