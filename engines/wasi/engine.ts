/** The engine of modules: any WASI preview 1 command or reactor in, metered and linked to the kernel alone; forks out. */
import type { EngineIo, ExecutionEngine, GuestModule, Instance, ProcessContext } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { cachedImage } from '../../src/loader/cached-image.ts'
import { STRANGER_CAPS } from '../../src/loader/caps.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { sha256, toHex } from '../../src/loader/hash.ts'
import { createImage, type Image, type ImageExpectation, LOADER_VERSION } from '../../src/loader/image.ts'
import type { StateLayout } from '../../src/loader/layout.ts'
import { refuseModule } from '../../src/loader/reader.ts'
import { type RewriteMeta, rewriteModuleInTurns } from '../../src/loader/rewrite.ts'
import { bindState, PAGE_BYTES, type State } from '../../src/loader/state.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { Guest, type GuestHost } from './guest.ts'
import { WasiInstance } from './instance.ts'
import { importsOf, type ImageNotes, type Program, programOf } from './program.ts'

const NAME = 'wasi'
/** Of what modules are linked to: another one makes other images. */
const VERSION = '1'

/** Milliseconds for rewriting and compiling a module: the largest that is allowed takes about 10 seconds. */
const PREPARE_MS = 60_000

/** Units of a slice: one is about one instruction, 0.1 to 1 ns each where it computes (docs/loader.md). */
const SLICE = 100_000

/** Bytes from which a rewritten module is worth keeping on disk: smaller ones are rewritten in a few milliseconds. */
const CACHED_BYTES = 2 ** 20

/** What a 32-bit memory can have. */
const MOST_PAGES = 65_536

const pagesOf = ({ memoryBytes }: GuestModule): number => Math.min(Math.floor(memoryBytes / PAGE_BYTES), MOST_PAGES)

async function expectation(guest: GuestModule): Promise<ImageExpectation> {
  const inputs = [guest.sha256, guest.metering, pagesOf(guest), LOADER_VERSION, VERSION, JSON.stringify(STRANGER_CAPS)]
  const engineHash = toHex(await sha256(new TextEncoder().encode(inputs.join('\n'))))
  return { engine: NAME, engineVersion: VERSION, engineHash }
}

/** Says what bytes are that are no core module. */
function checkPreamble(bytes: Uint8Array): void {
  const [a, b, c, d, version, , layer] = bytes
  if (bytes.length < 8 || a !== 0 || b !== 0x61 || c !== 0x73 || d !== 0x6d)
    throw refuseModule('it does not begin as WebAssembly does (\\0asm)')
  if (layer === 1) throw refuseModule('it is a component, not a core module')
  if (version !== 1) throw refuseModule(`its version is ${version}, and 1 is known`)
}

function checkMemory(bytes: Uint8Array, guest: GuestModule): void {
  const { memory } = describeModule(bytes)
  const least = (memory?.minimum ?? 0) * PAGE_BYTES
  if (least <= guest.memoryBytes) return
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    `limits.memoryBytes: this module needs at least ${least} bytes, not ${guest.memoryBytes}`,
  )
}

const NO_STATE: StateLayout = { memory: undefined, globals: [], tables: [], fuel: true, stack: true, blank: false }

function nobody(): never {
  throw new TokaError('TOKA_INTERNAL', 'a module ran while its image was made')
}

/** Behind an instance in which nothing runs. */
const NOBODY: GuestHost = {
  answer: nobody,
  refused: () => {},
  callout: nobody,
  pause: nobody,
  waited: nobody,
  fault: () => {},
}

/**
 * The state of a new instance. Its code does not run: a start function waits for the first run.
 * @throws TokaError TOKA_ENGINE_LOAD for segments that do not fit
 */
function firstState(program: Program, layout: StateLayout, { data, dataStripped }: RewriteMeta): State {
  let guest: Guest
  try {
    guest = new Guest(program, NOBODY, undefined)
  } catch (error) {
    throw refuseModule(`it cannot be instantiated (${error instanceof Error ? error.message : String(error)})`)
  }
  const state = bindState([{ exports: guest.exports, layout, imported: guest.imported }]).capture()
  return dataStripped && data ? { ...state, runs: data } : state
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    throw refuseModule(`it does not compile here (${error instanceof Error ? error.message : String(error)})`)
  }
}

async function buildImage(guest: GuestModule, expected: ImageExpectation, signal: AbortSignal): Promise<Image> {
  checkPreamble(guest.bytes)
  checkMemory(guest.bytes, guest)
  const { bytes, meta } = await rewriteModuleInTurns(
    guest.bytes,
    {
      fuel: true,
      trust: 'stranger',
      metering: guest.metering,
      maximumPages: pagesOf(guest),
      exportState: 'if-possible',
      stripData: 'if-possible',
    },
    signal,
  )
  importsOf(meta.description)
  const module = await within(compile(bytes), signal)
  const layout = meta.layout ?? NO_STATE
  const notes: ImageNotes = meta.unsavable === undefined ? {} : { unsavable: meta.unsavable }
  const parts = { ...expected, moduleBytes: bytes, layout, files: encodeValue(notes) }
  const empty: State = { pages: 0, runs: [], globals: [], tableSizes: [] }
  const image = await createImage({ ...parts, state: empty }, module)
  return createImage({ ...parts, state: firstState(programOf(image), layout, meta) }, module)
}

/** Rejects when the signal is aborted first. */
function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** @throws TokaError TOKA_ENGINE_LOAD for a module that takes too long, and what `buildImage` throws */
async function buildInTime(guest: GuestModule, expected: ImageExpectation, io: EngineIo): Promise<Image> {
  const timeout = AbortSignal.timeout(PREPARE_MS)
  io.progress?.(0, 1, 'rewriting the module')
  let image: Image
  try {
    image = await buildImage(guest, expected, io.signal ? AbortSignal.any([io.signal, timeout]) : timeout)
  } catch (error) {
    throw timeout.aborted ? refuseModule(`preparing it takes longer than ${PREPARE_MS / 1_000} seconds`) : error
  }
  io.progress?.(1, 1, 'made the image of the module')
  return image
}

export const wasi: ExecutionEngine = {
  name: NAME,
  version: VERSION,
  languages: ['wasm'],
  slice: SLICE,

  async prepare(io: EngineIo, guest?: GuestModule): Promise<Image> {
    if (!guest) throw new TokaError('TOKA_REQUEST_INVALID', 'module: the bytes of a module must be given')
    const expected = await expectation(guest)
    const build = (): Promise<Image> => buildInTime(guest, expected, io)
    return guest.bytes.length >= CACHED_BYTES ? cachedImage(expected, io.cache, build) : build()
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    return new WasiInstance(programOf(image), image, context, await findSuspension())
  },
}
