// Host calls as native JavaScript functions: with bytes or text, or with a plain value that is encoded and decoded here.

import {
  JS_DupValue, JS_FreeCString, JS_FreeValue, JS_GetClassProto, JS_GetUint8Array, JS_NewStringLen, JS_NewUint8ArrayCopy,
  JS_Throw, JS_ToCStringLen2, js_free, js_malloc,
} from "./quickjs"
import { tagOf, isException, argument } from "./values"
import { base, callHook } from "./block"
import { hostBegin, hostCall, hostTake, hostWait } from "./host"
import { readPlain } from "./decode"
import { written, writePlain } from "./encode"
import {
  CLASS_OBJECT, EXCEPTION, FAILED, HOOK_DECODE, IO, IO_CAPACITY, LARGE, PENDING, PLAIN, SCRATCH, TAG_ROPE, TAG_STRING,
  TAG_UNDEFINED, THROWN, UNDEFINED,
} from "./layout"

/** A reply that is there: a call that is answered later is waited for. */
// @ts-ignore: decorator
@inline function settled(reply: i64): i64 {
  return <u32>(reply >>> 32) & PENDING ? hostWait(<u32>(reply >>> 40), <u32>(base + IO), IO_CAPACITY) : reply
}

/** Where a reply's bytes are: in the block, or in memory of their own, which `release` frees. @returns 0 when there is no room */
function fetch(ctx: u32, reply: i64): u32 {
  if (!(<u32>(reply >>> 32) & LARGE)) return <u32>(base + IO)
  const data = js_malloc(ctx, <u32>reply | 1)
  if (data) hostTake(<u32>(reply >>> 40), data, <u32>reply)
  return data
}

function release(ctx: u32, reply: i64, data: u32): void {
  if (<u32>(reply >>> 32) & LARGE) js_free(ctx, data)
}

/** Makes a value of a reply: waits for it if it is pending, fetches it if it is large, throws it if it failed. */
export function receive(ctx: u32, first: i64, text: bool): i64 {
  const reply = settled(first)
  const length = <u32>reply
  const data = fetch(ctx, reply)
  if (!data) return EXCEPTION
  const failed = (<u32>(reply >>> 32) & FAILED) != 0
  const value = text && !failed ? JS_NewStringLen(ctx, data, length) : JS_NewUint8ArrayCopy(ctx, data, length)
  release(ctx, reply, data)
  return failed && !isException(value) ? JS_Throw(ctx, value) : value
}

/** As `receive`, with the reply decoded. @param none marks what is no plain value: the prelude decodes it */
function receiveValue(ctx: u32, first: i64, none: i64): i64 {
  const reply = settled(first)
  if (<u32>(reply >>> 32) & FAILED) return receive(ctx, reply, false)
  const data = fetch(ctx, reply)
  if (!data) return EXCEPTION
  let value = readPlain(ctx, data, <u32>reply, none)
  if (value == none) {
    JS_FreeValue(ctx, value)
    const bytes = JS_NewUint8ArrayCopy(ctx, data, <u32>reply)
    value = isException(bytes) ? bytes : callHook(ctx, HOOK_DECODE, 1, bytes, UNDEFINED, UNDEFINED)
  }
  release(ctx, reply, data)
  return value
}

/** Bytes of a `prefix` (or undefined) and of a value, in the block. @returns their number, or the negative of OTHER or THROWN */
function writeArgument(ctx: u32, prefix: i64, value: i64): i32 {
  let length: u32 = 0
  if (tagOf(prefix) != TAG_UNDEFINED) {
    const bytes = JS_GetUint8Array(ctx, <u32>(base + SCRATCH), prefix)
    if (!bytes) return -THROWN
    length = load<u32>(base + SCRATCH)
    memory.copy(base + IO, bytes, length)
  }
  const prototype = JS_GetClassProto(ctx, CLASS_OBJECT)
  JS_FreeValue(ctx, prototype)
  const ended = writePlain(ctx, value, prototype, base + IO + length, IO_CAPACITY - length, base + SCRATCH)
  return ended == PLAIN ? <i32>(written() - base - IO) : -ended
}

/** Calls the host with a string (as UTF-8), bytes or nothing. `start` begins an asynchronous call and answers its id. */
function send(ctx: u32, argc: i32, argv: u32, text: bool, start: bool): i64 {
  const operation = <i32>argument(argc, argv, 0)
  const value = argument(argc, argv, 1)
  const tag = tagOf(value)
  let pointer: u32 = 0
  let length: u32 = 0
  let string: u32 = 0
  if (tag == TAG_STRING || tag == TAG_ROPE) {
    string = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), value, 0)
    if (!string) return EXCEPTION
    pointer = string
    length = load<u32>(base + SCRATCH)
  } else if (tag != TAG_UNDEFINED) {
    pointer = JS_GetUint8Array(ctx, <u32>(base + SCRATCH), value)
    if (!pointer) return EXCEPTION
    length = load<u32>(base + SCRATCH)
  }
  const io = <u32>(base + IO)
  const reply = start
    ? hostBegin(operation, pointer, length, io, IO_CAPACITY)
    : hostCall(operation, pointer, length, io, IO_CAPACITY)
  if (string) JS_FreeCString(ctx, string)
  if (start && !(<u32>(reply >>> 32) & FAILED)) return <i64>(<u32>reply)
  return receive(ctx, reply, text)
}

// ---- native functions: (ctx, this, argc, argv) -> JSValue ----

export function call(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  return send(ctx, argc, argv, false, false)
}

export function callText(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  return send(ctx, argc, argv, true, false)
}

export function begin(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  return send(ctx, argc, argv, false, true)
}

/** (value, prefix) -> bytes of the prefix and of the encoded value; undefined when it is not plain. */
export function encodePlain(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const length = writeArgument(ctx, argument(argc, argv, 1), argument(argc, argv, 0))
  if (length < 0) return length == -THROWN ? EXCEPTION : UNDEFINED
  return JS_NewUint8ArrayCopy(ctx, <u32>(base + IO), length)
}

/** (bytes, none) -> the value that they are; `none` when it is not plain. */
export function decodePlain(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const pointer = JS_GetUint8Array(ctx, <u32>(base + SCRATCH), argument(argc, argv, 0))
  return pointer ? readPlain(ctx, pointer, load<u32>(base + SCRATCH), argument(argc, argv, 1)) : EXCEPTION
}

/** (operation, prefix, value, none) -> the host's answer, decoded; `none`, and no call was made, when the value is not plain. */
export function callPlain(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const none = argument(argc, argv, 3)
  const length = writeArgument(ctx, argument(argc, argv, 1), argument(argc, argv, 2))
  if (length < 0) return length == -THROWN ? EXCEPTION : JS_DupValue(ctx, none)
  const io = <u32>(base + IO)
  return receiveValue(ctx, hostCall(<i32>argument(argc, argv, 0), io, length, io, IO_CAPACITY), none)
}

/** As `callPlain`, but the call is begun: its id. */
export function beginPlain(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const length = writeArgument(ctx, argument(argc, argv, 1), argument(argc, argv, 2))
  if (length < 0) return length == -THROWN ? EXCEPTION : JS_DupValue(ctx, argument(argc, argv, 3))
  const io = <u32>(base + IO)
  const reply = hostBegin(<i32>argument(argc, argv, 0), io, length, io, IO_CAPACITY)
  return <u32>(reply >>> 32) & FAILED ? receive(ctx, reply, false) : <i64>(<u32>reply)
}
