// Inside a QuickJS instance: turns host calls into native JavaScript functions and drives its job queue. AssemblyScript over raw memory.
// It holds no power: it sees only the guest's own memory, and each host import below passes the border and the CVM.
// No static data and no allocator of its own: it lives in the guest's memory, in one block named `base`.

import {
  JS_Eval, JS_EvalFunction, JS_Call, JS_GetException, JS_DupValue, JS_FreeValue, JS_NewArray, JS_SetPropertyUint32,
  JS_DefinePropertyValueUint32, JS_GetPropertyUint32, JS_NewCFunction2, JS_NewNumber, JS_NewStringLen, JS_NewUint8ArrayCopy, JS_GetUint8Array,
  JS_ToCStringLen2, JS_FreeCString, JS_ExecutePendingJob, JS_GetImportMeta, JS_GetModuleNamespace,
  JS_SetModuleLoaderFunc, JS_SetHostPromiseRejectionTracker, JS_SetContextOpaque, JS_GetContextOpaque, js_malloc,
  js_free, js_strndup, JS_WriteObject, JS_ReadObject, malloc, contextPointer, runtimePointer,
} from "./quickjs"
import { tagOf, isException, boolean, argument } from "./values"
import { base, callHook, hook, setBase } from "./block"
import { receive } from "./calls"
import { hostCall, hostTake, hostNext, hostNow } from "./host"
import {
  FAILED, NONE, UNDEFINED, EXCEPTION, TAG_INT, EVAL_MODULE, EVAL_COMPILE_ONLY, EVAL_ASYNC, WRITE_BYTECODE,
  WRITE_STRIP, READ_BYTECODE, OPERATION_BOOT, OPERATION_FAULT, OPERATION_COMPILED, OPERATION_PART, DONE, IDLE, MORE,
  TURN, CTX, RUNTIME, RANDOM, HOOKS, SCRATCH, EMPTY, IO, IO_CAPACITY, BLOCK, HOOK_RUN, HOOK_SETTLE, HOOK_PENDING,
  PROPERTY_OPEN, HOOK_RESOLVE, HOOK_LOAD, HOOK_META, HOOK_REJECTED, HOOK_COUNT, NATIVES,
} from "./layout"

export { begin, beginPlain, call, callPlain, callText, decodePlain, encodePlain } from "./calls"

// ---- native functions: (ctx, this, argc, argv) -> JSValue ----

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
  // Defined, not set: the module may have left setters on Array.prototype.
  JS_DefinePropertyValueUint32(ctx, pair, 0, promise, PROPERTY_OPEN)
  JS_DefinePropertyValueUint32(ctx, pair, 1, JS_GetModuleNamespace(ctx, module), PROPERTY_OPEN)
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
  setBase(malloc(BLOCK))
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
  setBase(JS_GetContextOpaque(contextPointer()))
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
