/** What the image of QuickJS is made of, known without loading any of it: another prelude, loader or build makes another image. */
import { bridgeWasm } from '../../guests/bridge/bridge.generated.ts'
import { preludeHash } from '../../guests/javascript/prelude-facts.generated.ts'
import { sha256, toHex } from '../../src/loader/hash.ts'
import { type ImageExpectation, LOADER_VERSION } from '../../src/loader/image.ts'
import type { RewriteOptions } from '../../src/loader/rewrite-options.ts'
import { PINS } from '../../src/loader/pins.ts'

export const NAME = 'quickjs'
/** quickjs-wasi's version; its wasm is pinned by hash. */
export const VERSION = PINS.quickjs.version

/**
 * Bytes of the interpreter's own stack. Native frames stand on V8's stack, which is the smaller one under JSPI:
 * above this, recursion in the parser overflows it first and costs the instance (test/limits).
 */
export const STACK_BYTES = 64 * 2 ** 10

/**
 * Heap made ready before the snapshot, in bytes: the allocator grows memory at every first use after a reset, which
 * an instance that is reset often would feel (design fact of wasi-libc's sbrk: it only ever grows).
 */
export const SPARE_HEAP = 2 ** 20

/** Cap of the memory, in pages of 64 KiB: the guest's own limit is lower and set per fork. */
export const MAXIMUM_PAGES = 2 ** 14

/** The image's files are the bytecode of the prelude's parts, an encoded array. */
export const PARTS_LIMITS = { structuredBytes: 2 ** 24, nodes: 64, depth: 2 }

/** What the bridge and the wiring call; everything else is stripped. */
const EXPORTS = [
  'memory',
  '__indirect_function_table',
  '__stack_pointer',
  '_initialize',
  'qjs_init',
  'qjs_set_memory_limit',
  'qjs_set_max_stack_size',
  'qjs_run_gc',
  'qjs_get_context_ptr',
  'qjs_get_runtime_ptr',
  'malloc',
  'free',
  'js_malloc',
  'js_free',
  'js_strndup',
  'JS_Eval',
  'JS_WriteObject',
  'JS_ReadObject',
  'JS_EvalFunction',
  'JS_Call',
  'JS_Throw',
  'JS_GetException',
  'JS_DupValue',
  'JS_FreeValue',
  'JS_NewArray',
  'JS_SetPropertyUint32',
  'JS_GetPropertyUint32',
  'JS_NewCFunction2',
  'JS_NewNumber',
  'JS_NewStringLen',
  'JS_NewUint8ArrayCopy',
  'JS_GetUint8Array',
  'JS_ToCStringLen2',
  'JS_FreeCString',
  'JS_ExecutePendingJob',
  'JS_GetImportMeta',
  'JS_GetModuleNamespace',
  'JS_SetModuleLoaderFunc',
  'JS_SetHostPromiseRejectionTracker',
  'JS_SetContextOpaque',
  'JS_GetContextOpaque',
  'JS_GetClassProto',
  'JS_GetClassID',
  'JS_GetPrototype',
  'JS_GetLength',
  'JS_GetTypedArrayType',
  'JS_GetOwnProperty',
  'JS_GetOwnPropertyNames',
  'JS_FreePropertyEnum',
  'JS_AtomToValue',
  'JS_AtomToCStringLen',
  'JS_NewAtomLen',
  'JS_NewAtomUInt32',
  'JS_FreeAtom',
  'JS_NewObject',
  'JS_DefinePropertyValue',
  'JS_DefinePropertyValueUint32',
  'JS_ToFloat64',
]

/** What the loader does to the interpreter. */
export const REWRITE = {
  fuel: true,
  pagesCap: true,
  exportState: true,
  keepExports: EXPORTS,
  maximumPages: MAXIMUM_PAGES,
} satisfies RewriteOptions

/** Everything that the image is made of, as one hash. */
export async function expectedImage(): Promise<ImageExpectation> {
  const inputs = [
    PINS.quickjs.sha256,
    bridgeWasm,
    preludeHash,
    LOADER_VERSION,
    STACK_BYTES,
    SPARE_HEAP,
    JSON.stringify(REWRITE),
  ]
  const engineHash = toHex(await sha256(new TextEncoder().encode(inputs.join('\n'))))
  return { engine: NAME, engineVersion: VERSION, engineHash }
}
