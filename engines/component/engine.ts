/** The component engine: a component's bytes in, an image of its rewritten core modules out, live components from it. */
import type {
  EngineIo,
  ExecutionEngine,
  GuestFunction,
  GuestModule,
  Instance,
  ProcessContext,
} from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { sha256, toHex } from '../../src/loader/hash.ts'
import { cachedImage } from '../../src/loader/cached-image.ts'
import { createImage, type Image, type ImageExpectation, LOADER_VERSION } from '../../src/loader/image.ts'
import type { State } from '../../src/loader/state.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { uncounted } from '../../src/loader/uncounted.ts'
import { readComponent } from './component-binary.ts'
import { packProgram, unpackProgram } from './carrier.ts'
import { ComponentGuest } from './component-guest.ts'
import { refuseComponent } from './component-reader.ts'
import { bindGuest, captureGuest } from './guest-state.ts'
import { checkImports } from './host/host.ts'
import { ComponentInstance } from './instance.ts'
import { compileProgram, prepareProgram, type Program } from './program.ts'
import { resolveComponent } from './resolve.ts'
import type { GuestHost } from './runtime.ts'
import { keyOf } from './wit-types.ts'

const NAME = 'component'
/** Of this engine's code: images of another are made anew. */
const VERSION = '1'

/** Units of a slice: one is about one instruction (docs/loader.md). */
const SLICE = 100_000

const NEVER = new AbortController().signal

async function expectation({ sha256: hash, memoryBytes, metering }: GuestModule): Promise<ImageExpectation> {
  const inputs = [NAME, VERSION, LOADER_VERSION, memoryBytes, metering, hash]
  return { engine: NAME, engineVersion: VERSION, engineHash: toHex(await sha256(utf8.encode(inputs.join('\n')))) }
}

const utf8 = new TextEncoder()
/** Nothing runs while an image is made: start functions are left out. */
const NOBODY: GuestHost = {
  call: () => undefined,
  mayWait: () => false,
  begin: () => ({ answer: undefined }),
  worked: () => {},
  mayGoOn: () => true,
  breathe: () => {},
  wait: (answer) => answer,
  blocked: () => {
    throw new TokaError('TOKA_INTERNAL', 'nothing waits where nothing runs')
  },
  drop: () => {},
  callout: () => 1,
  pause: async () => {},
  fault: () => {},
}

/**
 * The state of a guest in which nothing ran: that its core modules fit together is found here.
 * @throws TokaError TOKA_ENGINE_LOAD
 */
async function firstState(program: Program): Promise<State> {
  const guest = new ComponentGuest(program, undefined, NOBODY)
  guest.countWith(uncounted())
  try {
    await guest.instantiate(false)
  } catch (error) {
    if (error instanceof TokaError) throw error
    throw refuseComponent(`its core modules do not fit together: ${(error as Error).message}`)
  }
  return captureGuest(program, bindGuest(program, guest), new Uint8Array(0))
}

async function buildImage(module: GuestModule, expected: ImageExpectation, io: EngineIo): Promise<Image> {
  io.progress?.(0, 2, 'rewriting the component')
  const program = await prepareProgram(module.bytes, { ...module, signal: io.signal ?? NEVER })
  checkImports(program.plan.imports)
  await compileProgram(program)
  io.progress?.(1, 2, 'making the image of the component')
  const image = await createImage({
    ...expected,
    moduleBytes: packProgram(module.bytes, program),
    layout: { memory: undefined, globals: [], tables: [], fuel: false, stack: false, blank: true },
    state: await firstState(program),
  })
  programs.set(image.module, program)
  io.progress?.(2, 2, 'made the image of the component')
  return image
}

/** Programs of this thread, by the module that carries each. */
const programs = new WeakMap<WebAssembly.Module, Program>()

async function programOf({ module }: Image): Promise<Program> {
  const known = programs.get(module)
  if (known) return known
  const program = unpackProgram(module)
  await compileProgram(program)
  programs.set(module, program)
  return program
}

export const component: ExecutionEngine = {
  name: NAME,
  version: VERSION,
  languages: ['wasm'],
  slice: SLICE,

  /** @throws TokaError TOKA_ENGINE_LOAD naming what is wrong, or not supported */
  async prepare(io: EngineIo, module?: GuestModule): Promise<Image> {
    if (!module) throw new TokaError('TOKA_REQUEST_INVALID', 'module: a component must be given')
    const expected = await expectation(module)
    return cachedImage(expected, io.cache, () => buildImage(module, expected, io))
  },

  describe({ bytes }: GuestModule): GuestFunction[] {
    const { exports } = resolveComponent(readComponent(bytes))
    const callable = [...exports].filter(
      ([, { type }]) => ![type.result, ...type.params.map((one) => one.type)].some((of) => of?.channels),
    )
    return callable.map(([name, { type }]) => ({
      name,
      params: type.params.map((param) => ({ key: keyOf(param.name), type: param.type })),
      result: type.result,
    }))
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    return new ComponentInstance(await programOf(image), image, context, await findSuspension())
  },
}
