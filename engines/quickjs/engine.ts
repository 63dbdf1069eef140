/** The JavaScript engine: QuickJS's wasm in, an image with our prelude booted, forks of it out. */
import { bridgeWasm } from '../../guests/bridge/bridge.generated.ts'
import { preludeCore, preludeParts } from '../../guests/javascript/prelude.generated.ts'
import { moduleOf } from '../../src/embedded-wasm.ts'
import { type EngineIo, type ExecutionEngine, type Instance, type ProcessContext, Verdict } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { GuestFacingError } from '../../src/kernel/host-port.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { sha256, toHex } from '../../src/loader/hash.ts'
import {
  createImage,
  decodeImage,
  encodeImage,
  type Image,
  type ImageExpectation,
  LOADER_VERSION,
} from '../../src/loader/image.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { PINS } from '../../src/loader/pins.ts'
import { Spares } from '../../src/room.ts'
import { type RewriteOptions, rewriteModule } from '../../src/loader/rewrite.ts'
import { bindState, type State } from '../../src/loader/state.ts'
import { findSuspension, type Suspension } from '../../src/loader/suspension.ts'
import { uncounted } from '../../src/loader/uncounted.ts'
import { Guest } from './guest.ts'
import { QuickJsInstance } from './instance.ts'
import { EngineOperation } from './operations.ts'
import { type GuestModules, Wiring, type WiringHost } from './wiring.ts'

const NAME = 'quickjs'
/** quickjs-wasi's version; its wasm is pinned by hash. */
const VERSION = PINS.quickjs.version

/**
 * Bytes of the interpreter's own stack. Native frames stand on V8's stack, which is the smaller one under JSPI:
 * above this, recursion in the parser overflows it first and costs the instance (test/limits).
 */
const STACK_BYTES = 64 * 2 ** 10

/**
 * Heap made ready before the snapshot, in bytes: the allocator grows memory at every first use after a reset, which
 * an instance that is reset often would feel (design fact of wasi-libc's sbrk: it only ever grows).
 */
const SPARE_HEAP = 2 ** 20

/** Cap of the memory, in pages of 64 KiB: the guest's own limit is lower and set per fork. */
const MAXIMUM_PAGES = 2 ** 14

/** The image's files are the bytecode of the prelude's parts, an encoded array. */
const PARTS_LIMITS = { structuredBytes: 2 ** 24, nodes: 64, depth: 2 }

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
  'JS_ToInt32',
  'JS_ExecutePendingJob',
  'JS_GetImportMeta',
  'JS_GetModuleNamespace',
  'JS_SetModuleLoaderFunc',
  'JS_SetHostPromiseRejectionTracker',
  'JS_SetContextOpaque',
  'JS_GetContextOpaque',
]

const REWRITE: RewriteOptions = { fuel: true, exportState: true, keepExports: EXPORTS, maximumPages: MAXIMUM_PAGES }

/** A Wiring's modules from rewritten bytes. */
function compile({ bytes, meta }: ReturnType<typeof rewriteModule>): GuestModules {
  if (!meta.layout) throw new TokaError('TOKA_INTERNAL', 'the interpreter was rewritten without its state')
  return {
    interpreter: new WebAssembly.Module(bytes),
    bridge: moduleOf(bridgeWasm),
    imports: meta.description.functionImports,
    layout: meta.layout,
    parts: [],
  }
}

type Booting = { wiring: Wiring; given: Uint8Array; compiled: Uint8Array; fault: string }

/** An interpreter while an image is built: nothing real reaches it, no clock, no randomness, no file. */
function startInterpreter(modules: GuestModules): Booting {
  const nothing: Uint8Array = new Uint8Array(0)
  const booting = { given: nothing, compiled: nothing, fault: '' }
  const dispatch = (operation: number, argument: Uint8Array): Uint8Array => {
    if (operation === EngineOperation.Boot) return booting.given
    if (operation === EngineOperation.Compiled) booting.compiled = argument
    else if (operation === EngineOperation.Fault) booting.fault = new TextDecoder().decode(argument)
    else throw new GuestFacingError('ENOSYS', 'nothing of a sandbox exists while an image is built')
    return new Uint8Array(0)
  }
  const host: WiringHost = {
    dispatch,
    callout: () => Verdict.extend,
    pause: async () => {},
    stopped: () => false,
    waits: () => {},
    resumes: () => undefined,
    fault: (error) => {
      booting.fault = String(error)
    },
    wallMs: () => 0,
    monotonicMs: () => 0,
    random: (length) => new Uint8Array(length),
    blocking: (act) => act(),
    mostHeld: () => 0,
  }
  const wiring = new Wiring(modules, undefined)
  wiring.bind(host, uncounted())
  return Object.assign(booting, { wiring })
}

function startQuickJs(modules: GuestModules): Booting {
  const booting = startInterpreter(modules)
  const { interpreter } = booting.wiring
  interpreter._initialize()
  if (interpreter.qjs_init() !== 0) throw new TokaError('TOKA_ENGINE_LOAD', 'QuickJS did not start')
  interpreter.qjs_set_max_stack_size(STACK_BYTES)
  return booting
}

/** The bytecode of sources of the prelude. */
function compilePrelude(modules: GuestModules, sources: readonly string[]): Uint8Array[] {
  const compiler = startQuickJs(modules)
  return sources.map((source) => {
    compiler.given = new TextEncoder().encode(source)
    if (compiler.wiring.bridge.compile() !== 0)
      throw new TokaError('TOKA_ENGINE_LOAD', `the JavaScript prelude does not compile: ${compiler.fault}`)
    return compiler.compiled
  })
}

/** The state of an interpreter in which the prelude's core has booted. */
function bootState(modules: GuestModules, core: Uint8Array): State {
  const booting = startQuickJs(modules)
  booting.given = core
  const { interpreter, bridge, tableBase } = booting.wiring
  const state = bindState([{ exports: interpreter as unknown as WebAssembly.Exports, layout: modules.layout }])
  if (bridge.boot(tableBase) !== 0)
    throw new TokaError('TOKA_ENGINE_LOAD', `the JavaScript prelude did not start: ${booting.fault}`)
  interpreter.qjs_run_gc()
  interpreter.free(interpreter.malloc(SPARE_HEAP))
  return state.capture()
}

/** Everything that the image is made of, as one hash: another prelude or loader makes another image. */
async function expectation(): Promise<ImageExpectation> {
  const inputs = [
    PINS.quickjs.sha256,
    bridgeWasm,
    preludeCore,
    ...preludeParts,
    LOADER_VERSION,
    STACK_BYTES,
    SPARE_HEAP,
    MAXIMUM_PAGES,
    EXPORTS.join(),
  ]
  const engineHash = toHex(await sha256(new TextEncoder().encode(inputs.join('\n'))))
  return { engine: NAME, engineVersion: VERSION, engineHash }
}

async function buildImage(expected: ImageExpectation, io: EngineIo): Promise<Image> {
  io.progress?.(0, 2, 'rewriting QuickJS')
  const wasm = Uint8Array.from(await io.asset('quickjs'))
  const whole = compile(rewriteModule(wasm, REWRITE))
  const [core, ...parts] = compilePrelude(whole, [preludeCore, ...preludeParts]) as [Uint8Array, ...Uint8Array[]]
  const state = bootState(whole, core)
  io.signal?.throwIfAborted()
  io.progress?.(1, 2, 'making the JavaScript image')
  const slim = rewriteModule(wasm, { ...REWRITE, stripData: true, minimumPages: state.pages })
  if (!slim.meta.layout) throw new TokaError('TOKA_INTERNAL', 'the interpreter was rewritten without its state')
  const image = await createImage({
    ...expected,
    moduleBytes: slim.bytes,
    layout: slim.meta.layout,
    state,
    files: encodeValue(parts, PARTS_LIMITS),
  })
  io.progress?.(2, 2, 'made the JavaScript image')
  return image
}

/** A cached image that does not fit any more, or is damaged, is made anew. */
async function readCached(expected: ImageExpectation, io: EngineIo): Promise<Image | undefined> {
  const bytes = await io.cache.get(cacheKey(expected))
  if (!bytes) return undefined
  try {
    return await decodeImage(Uint8Array.from(bytes), expected)
  } catch (error) {
    if (error instanceof TokaError && error.code === 'TOKA_IMAGE_INVALID') return undefined
    throw error
  }
}

const cacheKey = ({ engine, engineHash }: ImageExpectation): string => `${engine}-${engineHash}`

function partsOf({ files }: Image): Uint8Array[] {
  const parts = files && decodeValue(files, PARTS_LIMITS)
  const fits = Array.isArray(parts) && parts.length === preludeParts.length
  if (!fits || !parts.every((part) => part instanceof Uint8Array))
    throw new TokaError('TOKA_IMAGE_INVALID', 'the image is refused: parts of the JavaScript prelude are missing')
  return parts as Uint8Array[]
}

/** The modules that forks of an image are linked from. */
function modulesOf(image: Image): GuestModules {
  return {
    interpreter: image.module,
    bridge: moduleOf(bridgeWasm),
    imports: describeModule(image.moduleBytes).functionImports,
    layout: image.layout,
    parts: partsOf(image),
  }
}

/** Everything that forks of one module share. */
type Line = {
  modules: GuestModules
  /** What guests are wiped to: the start image of the language, which holds nothing of any sandbox. */
  start: Image
  spares: Spares<Guest>
}

/** Guests that wait wiped for their next sandbox, in each thread. Each holds about a megabyte. */
const MOST_SPARES = 4

/** Kept by the module, which forks and their snapshots share. */
const lines = new WeakMap<WebAssembly.Module, Line>()

/** @param base the start image: the first sandbox of a process may come from a snapshot, whose state is a tenant's */
function lineOf(base: Image): Line {
  let line = lines.get(base.module)
  if (!line) {
    line = { modules: modulesOf(base), start: base, spares: new Spares(MOST_SPARES) }
    lines.set(base.module, line)
  }
  return line
}

/** A guest loaded with the image: a spare one, or a new one. */
function takeGuest({ modules, spares }: Line, image: Image, suspension: Suspension | undefined): Guest {
  const spare = spares.take()
  if (spare?.load(image)) return spare
  const guest = new Guest(modules, suspension)
  guest.load(image)
  return guest
}

export const quickjs: ExecutionEngine = {
  name: NAME,
  version: VERSION,
  languages: ['javascript', 'typescript'],

  async prepare(io: EngineIo): Promise<Image> {
    const expected = await expectation()
    const cached = await readCached(expected, io)
    if (cached) return cached
    const image = await buildImage(expected, io)
    await io.cache.put(cacheKey(expected), await encodeImage(image))
    return image
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    const line = lineOf(context.base)
    const guest = takeGuest(line, image, await findSuspension())
    return new QuickJsInstance(guest, image, line.modules.parts, context, (done) => {
      if (!line.spares.full && done.wipe(line.start)) line.spares.put(done)
    })
  },
}
