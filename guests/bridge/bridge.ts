// Inside a QuickJS instance: turns host calls into native JavaScript functions and drives its job queue. AssemblyScript over raw memory.
// It holds no power: it sees only the guest's own memory, and each host import below passes the border and the CVM.
// No static data and no allocator of its own: it lives in the guest's memory, in one block named `base`.

import {
  JS_Eval, JS_EvalFunction, JS_Call, JS_Throw, JS_GetException, JS_DupValue, JS_FreeValue, JS_NewArray,
  JS_SetPropertyUint32, JS_GetPropertyUint32, JS_NewCFunction2, JS_NewNumber, JS_NewStringLen,
  JS_NewUint8ArrayCopy, JS_GetUint8Array, JS_ToCStringLen2, JS_FreeCString, JS_ToInt32, JS_ExecutePendingJob,
  JS_GetImportMeta, JS_GetModuleNamespace, JS_SetModuleLoaderFunc, JS_SetHostPromiseRejectionTracker,
  JS_SetContextOpaque, JS_GetContextOpaque, js_malloc, js_free, js_strndup, JS_WriteObject, JS_ReadObject,
  malloc, contextPointer, runtimePointer, JS_GetClassProto,
} from "./quickjs"
import { tagOf, isException, boolean, argument } from "./values"
import { PLAIN, readPlain, THROWN, written, writePlain } from "./plain"
import {
  hostCall, hostBegin, hostWait, hostTake, hostNext, hostNow,
} from "./host"
import {
  FAILED, LARGE, PENDING, NONE, UNDEFINED, EXCEPTION, TAG_UNDEFINED, TAG_INT,
  TAG_STRING, TAG_ROPE, EVAL_MODULE, EVAL_COMPILE_ONLY, EVAL_ASYNC, WRITE_BYTECODE, WRITE_STRIP,
  READ_BYTECODE, OPERATION_BOOT, OPERATION_FAULT, OPERATION_COMPILED, OPERATION_PART, DONE, IDLE, MORE, TURN, CTX, RUNTIME,
  RANDOM, HOOKS, SCRATCH, EMPTY, IO, IO_CAPACITY, BLOCK, HOOK_RUN, HOOK_SETTLE, HOOK_PENDING, HOOK_RESOLVE,
  HOOK_LOAD, HOOK_META, HOOK_REJECTED, HOOK_DECODE, HOOK_COUNT, NATIVES, CLASS_OBJECT,
} from "./layout"

let base: usize = 0

// @ts-ignore: decorator
@inline function hook(index: usize): i64 {
  return load<i64>(base + HOOKS + (index << 3))
}

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
function receive(ctx: u32, first: i64, text: bool): i64 {
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

export function encodeUtf8(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const text = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), argument(argc, argv, 0), 0)
  if (!text) return EXCEPTION
  const value = JS_NewUint8ArrayCopy(ctx, text, load<u32>(base + SCRATCH))
  JS_FreeCString(ctx, text)
  return value
}

export function decodeUtf8(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const value = argument(argc, argv, 0)
  const pointer = JS_GetUint8Array(ctx, <u32>(base + SCRATCH), value)
  return pointer ? JS_NewStringLen(ctx, pointer, load<u32>(base + SCRATCH)) : EXCEPTION
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

/** Evaluates text with JS_EVAL flags; the caller frees nothing. */
function evaluateText(ctx: u32, source: i64, file: i64, flags: i32): i64 {
  const text = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), source, 0)
  if (!text) return EXCEPTION
  const length = load<u32>(base + SCRATCH)
  const name = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), file, 0)
  const value = name ? JS_Eval(ctx, text, length, name, flags) : EXCEPTION
  if (name) JS_FreeCString(ctx, name)
  JS_FreeCString(ctx, text)
  return value
}

/** (source, filename) -> promise of { value }: a script in the global scope, with top-level await. */
export function evaluateScript(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  return evaluateText(ctx, argument(argc, argv, 0), argument(argc, argv, 1), EVAL_ASYNC)
}

/** (source, filename) -> [promise of its evaluation, namespace]. */
export function evaluateModule(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const file = argument(argc, argv, 1)
  const compiled = evaluateText(ctx, argument(argc, argv, 0), file, EVAL_MODULE | EVAL_COMPILE_ONLY)
  if (isException(compiled)) return compiled
  const module = <u32>compiled
  if (!describeModule(ctx, module, file)) {
    JS_FreeValue(ctx, compiled)
    return EXCEPTION
  }
  const promise = JS_EvalFunction(ctx, compiled)
  if (isException(promise)) return promise
  const pair = JS_NewArray(ctx)
  JS_SetPropertyUint32(ctx, pair, 0, promise)
  JS_SetPropertyUint32(ctx, pair, 1, JS_GetModuleNamespace(ctx, module))
  return pair
}

/** (source, filename) -> why it does not parse as a script, undefined when it does. */
export function refuseScript(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const compiled = evaluateText(ctx, argument(argc, argv, 0), argument(argc, argv, 1), EVAL_ASYNC | EVAL_COMPILE_ONLY)
  if (isException(compiled)) return JS_GetException(ctx)
  JS_FreeValue(ctx, compiled)
  return UNDEFINED
}

/** (clock) -> milliseconds. */
export function now(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  return JS_NewNumber(ctx, hostNow(<i32>argument(argc, argv, 0)))
}

/** Math.random: xorshift128+ (Vigna 2014, 53 upper bits), its state seeded by the kernel at every start and never part of an image's promise. */
export function random(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  let a = load<u64>(base + RANDOM)
  const b = load<u64>(base + RANDOM, 8)
  store<u64>(base + RANDOM, b)
  a ^= a << 23
  a ^= (a >> 17) ^ b ^ (b >> 26)
  store<u64>(base + RANDOM, a, 8)
  return JS_NewNumber(ctx, <f64>((a + b) >> 11) * 1.1102230246251565e-16)
}

/** (hooks) keeps the prelude's functions: [run, settle, pending, resolve, load, meta, rejected, decode]. */
export function install(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  const hooks = argument(argc, argv, 0)
  for (let i: u32 = 0; i < HOOK_COUNT; i++) {
    store<i64>(base + HOOKS + (<usize>i << 3), JS_GetPropertyUint32(ctx, hooks, i))
  }
  return UNDEFINED
}

/**
 * The function that bytecode of the prelude makes. It was compiled by this interpreter and comes from the image by way
 * of the host (the reader trusts its input): nothing of a guest ever gets here.
 */
function evaluateBytecode(ctx: u32, reply: i64): i64 {
  const length = <u32>reply
  const bytes = js_malloc(ctx, length | 1)
  if (!bytes) return EXCEPTION
  hostTake(<u32>(reply >>> 40), bytes, length)
  const compiled = JS_ReadObject(ctx, bytes, length, READ_BYTECODE)
  // Zero is what forks need not copy.
  memory.fill(bytes, 0, length)
  js_free(ctx, bytes)
  return isException(compiled) ? EXCEPTION : JS_EvalFunction(ctx, compiled)
}

/** (index, shared) -> what a part of the prelude answers when it is called with `shared`. */
export function loadPart(ctx: u32, self: i64, argc: i32, argv: u32): i64 {
  store<i32>(base + SCRATCH + 16, <i32>argument(argc, argv, 0))
  const reply = hostCall(OPERATION_PART, <u32>(base + SCRATCH + 16), 4, <u32>(base + IO), 0)
  if (<u32>(reply >>> 32) & FAILED) return receive(ctx, reply, false)
  const code = evaluateBytecode(ctx, reply)
  if (isException(code)) return EXCEPTION
  store<i64>(base + SCRATCH + 16, argument(argc, argv, 1))
  const result = JS_Call(ctx, code, UNDEFINED, 1, <u32>(base + SCRATCH + 16))
  JS_FreeValue(ctx, code)
  return result
}

// ---- modules ----

function cLength(text: u32): u32 {
  let end = <usize>text
  while (load<u8>(end)) end++
  return <u32>(end - <usize>text)
}

/** Calls a hook with up to three values, which are freed. */
function callHook(ctx: u32, index: usize, argc: i32, first: i64, second: i64, third: i64): i64 {
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

/** Lets the prelude fill `import.meta`. */
function describeModule(ctx: u32, module: u32, file: i64): bool {
  const meta = JS_GetImportMeta(ctx, module)
  if (isException(meta)) return false
  const result = callHook(ctx, HOOK_META, 2, meta, JS_DupValue(ctx, file), UNDEFINED)
  JS_FreeValue(ctx, result)
  return !isException(result)
}

/** JSModuleNormalizeFunc: (ctx, importer, specifier) -> a js_malloc'd name, or 0 with an exception set. */
export function normalizeModule(ctx: u32, importer: u32, specifier: u32, opaque: u32): u32 {
  const from = JS_NewStringLen(ctx, importer, cLength(importer))
  const name = JS_NewStringLen(ctx, specifier, cLength(specifier))
  const resolved = callHook(ctx, HOOK_RESOLVE, 2, from, name, UNDEFINED)
  if (isException(resolved)) return 0
  const text = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), resolved, 0)
  JS_FreeValue(ctx, resolved)
  if (!text) return 0
  const copy = js_strndup(ctx, text, load<u32>(base + SCRATCH))
  JS_FreeCString(ctx, text)
  return copy
}

/** JSModuleLoaderFunc: (ctx, name) -> a module definition, or 0 with an exception set. */
export function loadModule(ctx: u32, name: u32, opaque: u32): u32 {
  const file = JS_NewStringLen(ctx, name, cLength(name))
  const source = callHook(ctx, HOOK_LOAD, 1, JS_DupValue(ctx, file), UNDEFINED, UNDEFINED)
  if (isException(source)) {
    JS_FreeValue(ctx, file)
    return 0
  }
  const compiled = evaluateText(ctx, source, file, EVAL_MODULE | EVAL_COMPILE_ONLY)
  JS_FreeValue(ctx, source)
  let module: u32 = 0
  if (!isException(compiled)) {
    module = <u32>compiled
    // The context's module list keeps it, as in quickjs-libc's js_module_loader.
    JS_FreeValue(ctx, compiled)
    if (!describeModule(ctx, module, file)) module = 0
  }
  JS_FreeValue(ctx, file)
  return module
}

/** JSHostPromiseRejectionTracker. */
export function trackRejection(ctx: u32, promise: i64, reason: i64, handled: i32, opaque: u32): void {
  JS_FreeValue(
    ctx,
    callHook(ctx, HOOK_REJECTED, 3, JS_DupValue(ctx, promise), JS_DupValue(ctx, reason), boolean(handled)),
  )
}

// ---- entered by the host, never from inside an import ----

/** Makes the block. */
function makeBlock(): u32 {
  const ctx = contextPointer()
  base = malloc(BLOCK)
  memory.fill(base, 0, IO)
  JS_SetContextOpaque(ctx, <u32>base)
  store<u32>(base + CTX, ctx)
  store<u32>(base + RUNTIME, runtimePointer())
  return ctx
}

/**
 * First at image build, in an instance of its own, for the prelude's core and each of its parts: hands the bytecode to
 * the host. Bytecode leaves out the source of every function, and its heap holds none of the parser's rubble: forks copy a fifth of what they would.
 * @returns 0, or 1 with a fault reported
 */
export function compile(): i32 {
  const ctx = makeBlock()
  const source = receive(ctx, hostCall(OPERATION_BOOT, 0, 0, <u32>(base + IO), IO_CAPACITY), true)
  if (isException(source)) return fault(ctx)
  const compiled = evaluateText(ctx, source, JS_NewStringLen(ctx, <u32>(base + EMPTY), 0), EVAL_COMPILE_ONLY)
  if (isException(compiled)) return fault(ctx)
  const bytes = JS_WriteObject(ctx, <u32>(base + SCRATCH), compiled, WRITE_BYTECODE | WRITE_STRIP)
  if (!bytes) return fault(ctx)
  hostCall(OPERATION_COMPILED, bytes, load<u32>(base + SCRATCH), <u32>(base + IO), IO_CAPACITY)
  return 0
}

/**
 * Then, in the instance that becomes the image: makes the native functions and boots the prelude's core from its
 * bytecode.
 * @returns 0, or 1 with a fault reported
 */
export function boot(table: u32): i32 {
  const ctx = makeBlock()
  const natives = JS_NewArray(ctx)
  for (let i: u32 = 0; i < NATIVES; i++) {
    JS_SetPropertyUint32(ctx, natives, i, JS_NewCFunction2(ctx, table + i, <u32>(base + EMPTY), 2, 0, 0))
  }
  JS_SetModuleLoaderFunc(runtimePointer(), table + NATIVES, table + NATIVES + 1, 0)
  JS_SetHostPromiseRejectionTracker(runtimePointer(), table + NATIVES + 2, 0)
  const reply = hostCall(OPERATION_BOOT, 0, 0, 0, 0)
  const main = evaluateBytecode(ctx, reply)
  if (isException(main)) return fault(ctx)
  store<i64>(base + SCRATCH + 16, natives)
  const result = JS_Call(ctx, main, UNDEFINED, 1, <u32>(base + SCRATCH + 16))
  JS_FreeValue(ctx, natives)
  JS_FreeValue(ctx, main)
  if (isException(result)) return fault(ctx)
  JS_FreeValue(ctx, result)
  return 0
}

/** After every fork: finds the block again in the memory that was put back. */
export function attach(): void {
  base = JS_GetContextOpaque(contextPointer())
}

/** After every fork and reset: forks share nothing random. A state of zero would stay zero. */
export function seed(a: i64, b: i64): void {
  store<i64>(base + RANDOM, a | 1)
  store<i64>(base + RANDOM, b, 8)
}

/** Reports the pending exception as text: the prelude itself failed, which is out of memory, out of stack, or a fault of ours. */
function fault(ctx: u32): i32 {
  const error = JS_GetException(ctx)
  const text = JS_ToCStringLen2(ctx, <u32>(base + SCRATCH), error, 0)
  hostCall(OPERATION_FAULT, text, text ? load<u32>(base + SCRATCH) : 0, <u32>(base + IO), IO_CAPACITY)
  if (text) JS_FreeCString(ctx, text)
  else JS_FreeValue(ctx, JS_GetException(ctx))
  JS_FreeValue(ctx, error)
  return 1
}

/** Starts the command that the host holds ready, then turns. */
export function enter(): i32 {
  const ctx = load<u32>(base + CTX)
  const result = JS_Call(ctx, hook(HOOK_RUN), UNDEFINED, 0, 0)
  if (isException(result)) fault(ctx)
  else JS_FreeValue(ctx, result)
  return turn()
}

/** Hands one finished call to the prelude. @returns false when there is none. */
function deliver(ctx: u32): bool {
  const reply = hostNext(<u32>(base + SCRATCH + 8), <u32>(base + IO), IO_CAPACITY)
  const status = <u32>(reply >>> 32)
  if (status & NONE) return false
  const id = load<u32>(base + SCRATCH, 8)
  const ok = boolean(status & FAILED ? 0 : 1)
  const payload = receive(ctx, reply & ~(<i64>FAILED << 32), false)
  if (isException(payload)) {
    fault(ctx)
    return true
  }
  const result = callHook(ctx, HOOK_SETTLE, 3, <i64>id, ok, payload)
  if (isException(result)) fault(ctx)
  else JS_FreeValue(ctx, result)
  return true
}

/** Runs jobs and delivers finished calls. @returns DONE, IDLE (calls or timers are under way) or MORE. */
export function turn(): i32 {
  const ctx = load<u32>(base + CTX)
  const runtime = load<u32>(base + RUNTIME)
  for (let i = 0; i < TURN; i++) {
    const ran = JS_ExecutePendingJob(runtime, <u32>(base + SCRATCH))
    if (ran < 0) fault(ctx)
    if (ran == 0 && !deliver(ctx)) {
      const pending = JS_Call(ctx, hook(HOOK_PENDING), UNDEFINED, 0, 0)
      if (isException(pending)) return fault(ctx) - 1
      const answer = <i32>pending
      if (answer != MORE) return tagOf(pending) == TAG_INT && answer == IDLE ? IDLE : DONE
    }
  }
  return MORE
}
