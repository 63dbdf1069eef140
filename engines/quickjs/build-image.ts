/** QuickJS's wasm in, an image with our prelude booted out. Loaded only where no cache holds one: it brings the rewriter and the prelude's text. */
import { bridgeWasm } from '../../guests/bridge/bridge.generated.ts'
import { preludeCore, preludeParts } from '../../guests/javascript/prelude.generated.ts'
import { moduleOf } from '../../src/embedded-wasm.ts'
import { type EngineIo, Verdict } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { GuestFacingError } from '../../src/kernel/host-port.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { createImage, type Image, type ImageExpectation } from '../../src/loader/image.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { bindState, type State } from '../../src/loader/state.ts'
import { uncounted } from '../../src/loader/uncounted.ts'
import { EngineOperation } from './operations.ts'
import { REWRITE, PARTS_LIMITS, SPARE_HEAP, STACK_BYTES } from './recipe.ts'
import { type GuestModules, Wiring, type WiringHost } from './wiring.ts'

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
    settle: (answer) => answer,
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

/** Makes the image; it takes about a second. */
export async function buildImage(expected: ImageExpectation, io: EngineIo): Promise<Image> {
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
