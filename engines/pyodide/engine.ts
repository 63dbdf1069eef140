/** The Python engine: CPython's wasm in, an image with the library and our prelude booted, forks of it out. */
import { bridgeWasm } from '../../guests/python-bridge/bridge.generated.ts'
import { moduleOf } from '../../src/embedded-wasm.ts'
import type { EngineIo, ExecutionEngine, Instance, ProcessContext } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { cachedImage } from '../../src/loader/cached-image.ts'
import { sha256, toHex } from '../../src/loader/hash.ts'
import {
  createImage,
  deriveImage,
  describeImage,
  type Image,
  type ImageExpectation,
  LOADER_VERSION,
} from '../../src/loader/image.ts'
import { PINS } from '../../src/loader/pins.ts'
import { rewriteModule, type RewriteOptions } from '../../src/loader/rewrite.ts'
import { findSuspension, type Suspension } from '../../src/loader/suspension.ts'
import { Spares } from '../../src/room.ts'
import { Guest, type Places } from './guest.ts'
import { BOOT, COMPILE, LIBRARY_DIRECTORY, PACKAGES } from './boot-programs.ts'
import { bootState, compileLibrary, libraryFiles, libraryNodes } from './image-build.ts'
import { checkImports } from './imports.ts'
import { PythonInstance } from './instance.ts'
import { STACK_BYTES } from './stack.ts'
import { encodeTrampoline } from './trampoline.ts'
import type { GuestModules } from './wiring.ts'

const NAME = 'pyodide'
const VERSION = PINS.pyodide.version

/** Raised when the boot of an image changes in another way than by its inputs below. */
const BUILD_VERSION = 4

/** Cap of the memory, in pages of 64 KiB: the guest's own limit is lower, and asked for at each growth. */
const MAXIMUM_PAGES = 2 ** 15

/** What the bridge, the image build and the wiring call; everything else is stripped. */
const EXPORTS = [
  'memory',
  '__indirect_function_table',
  '__stack_pointer',
  '_PyRuntime',
  '_PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET',
  '__wasm_call_ctors',
  '__main_argc_argv',
  'emscripten_stack_init',
  'emscripten_stack_get_base',
  'emscripten_stack_get_end',
  'PyThreadState_Get',
  'PyUnstable_ThreadState_SetStackProtection',
  'malloc',
  'Py_IncRef',
  'Py_DecRef',
  'Py_GetConstantBorrowed',
  'PyBytes_FromStringAndSize',
  'PyBytes_AsString',
  'PyBytes_Size',
  'PyLong_FromLong',
  'PyLong_AsLong',
  'PyFloat_FromDouble',
  'PyFloat_AsDouble',
  'PyBool_FromLong',
  'PyTuple_New',
  'PyTuple_SetItem',
  'PyErr_Occurred',
  'PyErr_SetObject',
  'PyErr_BadArgument',
  'PyErr_Clear',
  'PyErr_GetRaisedException',
  'PyErr_GivenExceptionMatches',
  'PyObject_CallNoArgs',
  'PyObject_CallOneArg',
  'PyObject_Repr',
  'PyUnicode_AsUTF8AndSize',
  'PyCFunction_NewEx',
  'PyImport_AddModule',
  'PyModule_AddObject',
  'PyRun_SimpleString',
]

const REWRITE: RewriteOptions = {
  ...{ fuel: true, exportState: true, keepExports: EXPORTS, maximumPages: MAXIMUM_PAGES },
  stackPointer: '__stack_pointer',
}

/** What an image keeps beside the interpreter's state. */
type Extras = Places & { files: Record<string, Uint8Array> }

const EXTRAS_LIMITS = { structuredBytes: 2 ** 28, flatBytes: 2 ** 28, nodes: 2 ** 16, depth: 4 }

async function compileModules({ bytes, meta }: ReturnType<typeof rewriteModule>): Promise<GuestModules> {
  if (!meta.layout) throw new TokaError('TOKA_INTERNAL', 'the interpreter was rewritten without its state')
  return {
    interpreter: await WebAssembly.compile(bytes),
    bridge: moduleOf(bridgeWasm),
    trampoline: trampolineModule(),
    imports: meta.description,
    layout: meta.layout,
  }
}

let trampoline: WebAssembly.Module | undefined
function trampolineModule(): WebAssembly.Module {
  trampoline ??= new WebAssembly.Module(encodeTrampoline())
  return trampoline
}

/** Everything that the image is made of, as one hash: another prelude or loader makes another image. */
async function expectation(): Promise<ImageExpectation> {
  const { pythonModules } = await import('../../guests/python/prelude.generated.ts')
  const inputs = [
    ...[
      PINS.pyodide.sha256,
      PINS['python-stdlib'].sha256,
      bridgeWasm,
      LOADER_VERSION,
      BUILD_VERSION,
      STACK_BYTES,
      MAXIMUM_PAGES,
    ],
    ...pythonModules.map(({ path, source }) => `${path}\n${source}`),
    ...[toHex(encodeTrampoline()), COMPILE, BOOT, EXPORTS.join()],
  ]
  const engineHash = toHex(await sha256(new TextEncoder().encode(inputs.join('\n'))))
  return { engine: NAME, engineVersion: VERSION, engineHash }
}

async function buildImage(expected: ImageExpectation, io: EngineIo): Promise<Image> {
  io.progress?.(0, 3, 'rewriting CPython')
  const wasm = Uint8Array.from(await io.asset('pyodide'))
  const stdlib = Uint8Array.from(await io.asset('python-stdlib'))
  const rewritten = rewriteModule(wasm, REWRITE)
  checkImports(rewritten.meta.description)
  io.signal?.throwIfAborted()
  io.progress?.(1, 3, 'starting CPython and importing its library')
  const modules = await compileModules(rewritten)
  const trees = await compileLibrary(modules, libraryFiles(stdlib))
  io.signal?.throwIfAborted()
  const { state, places } = await bootState(modules, trees)
  io.signal?.throwIfAborted()
  io.progress?.(2, 3, 'making the Python image')
  const slim = rewriteModule(wasm, { ...REWRITE, stripData: true, minimumPages: state.pages })
  if (!slim.meta.layout) throw new TokaError('TOKA_INTERNAL', 'the interpreter was rewritten without its state')
  const extras: Extras = { ...places, files: trees.library }
  const image = await createImage({
    ...expected,
    moduleBytes: slim.bytes,
    layout: slim.meta.layout,
    state,
    files: encodeValue(extras, EXTRAS_LIMITS),
  })
  io.progress?.(3, 3, 'made the Python image')
  return image
}

function extrasOf({ files }: Image): Extras {
  const extras = files && (decodeValue(files, EXTRAS_LIMITS) as Partial<Extras> | undefined)
  const places = [extras?.block, extras?.softLimit, extras?.stackTop]
  const fits = places.every(Number.isInteger) && typeof extras?.files === 'object' && extras.files !== null
  if (!fits || !Object.values(extras?.files ?? {}).every((content) => content instanceof Uint8Array))
    throw new TokaError('TOKA_IMAGE_INVALID', "the image is refused: Python's library is missing")
  return extras as Extras
}

/** Everything that forks of one module share. */
type Line = {
  modules: GuestModules
  /** What guests are wiped to: the start image of the language, which holds nothing of any sandbox. */
  start: Image
  places: Places
  spares: Spares<Guest>
}

/** Guests that wait wiped for their next sandbox, in each thread. Each holds the image's memory, about 16 MB. */
const MOST_SPARES = 2

/** Kept by the module, which forks and their snapshots share. */
const lines = new WeakMap<WebAssembly.Module, Line>()

/** @param base the start image: the first sandbox of a process may come from a snapshot, whose state is a tenant's */
function lineOf(base: Image): Line {
  const known = lines.get(base.module)
  if (known) return known
  const { files: _files, ...places } = extrasOf(base)
  const imports = describeImage(base)
  const modules = {
    ...{ interpreter: base.module, bridge: moduleOf(bridgeWasm), trampoline: trampolineModule() },
    ...{ imports, layout: base.layout },
  }
  const line = { modules, start: base, places, spares: new Spares<Guest>(MOST_SPARES) }
  lines.set(base.module, line)
  return line
}

type Library = ReturnType<typeof libraryNodes>

/** What each start image brings: images with other packages share a module, and its guests. */
const libraries = new WeakMap<Image, Library>()

function libraryOf(base: Image): Library {
  let library = libraries.get(base)
  if (!library) {
    library = libraryNodes(extrasOf(base).files)
    libraries.set(base, library)
  }
  return library
}

/** A guest loaded with the image: a spare one, or a new one. */
async function takeGuest(line: Line, image: Image, suspension: Suspension | undefined): Promise<Guest> {
  const spare = line.spares.take()
  if (spare?.load(image)) return spare
  const guest = await Guest.make(line.modules, suspension, line.places)
  guest.load(image)
  return guest
}

export const pyodide: ExecutionEngine = {
  name: NAME,
  version: VERSION,
  languages: ['python'],

  async prepare(io: EngineIo): Promise<Image> {
    const expected = await expectation()
    return cachedImage(expected, io.cache, () => buildImage(expected, io))
  },

  async addPackages(image: Image, packages: ReadonlyMap<string, Uint8Array>): Promise<Image> {
    const { files, ...places } = extrasOf(image)
    const placed = [...packages].map(([path, bytes]) => [`${PACKAGES}/${path}`, bytes] as const)
    const extras: Extras = { ...places, files: { ...files, ...Object.fromEntries(placed) } }
    return deriveImage(image, image.state, encodeValue(extras, EXTRAS_LIMITS))
  },

  async fork(image: Image, context: ProcessContext): Promise<Instance> {
    const line = lineOf(context.base)
    const { process } = context
    process.services.files.graft(LIBRARY_DIRECTORY, libraryOf(context.base))
    const guest = await takeGuest(line, image, await findSuspension())
    return new PythonInstance(guest, image, context, (done) => {
      if (!line.spares.full && done.wipe(line.start)) line.spares.put(done)
    })
  },
}
