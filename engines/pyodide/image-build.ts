/** Python's wasm and library in, the state of an interpreter that has booted out: nothing real reaches it meanwhile. */
import { pythonModules } from '../../guests/python/prelude.generated.ts'
import { Verdict } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { errno } from '../../src/kernel/errno.ts'
import { GuestFacingError, type HostPort } from '../../src/kernel/host-port.ts'
import { Kernel } from '../../src/kernel/kernel.ts'
import { sealFiles } from '../../src/kernel/sealed-files.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { bindState, type BoundState, type State } from '../../src/loader/state.ts'
import { uncounted } from '../../src/loader/uncounted.ts'
import {
  BOOT,
  BOOT_BYTECODE,
  BYTECODE,
  COMPILE,
  LATER_BYTECODE,
  LIBRARY_DIRECTORY,
  PRELUDE,
  STDLIB,
} from './boot-programs.ts'
import { protectStack } from './stack.ts'
import type { Places } from './guest.ts'
import { type GuestModules, NATIVES, Wiring } from './wiring.ts'
import { NOBODY, type WiringHost } from './wiring-host.ts'

/** When everything of an image was made. */
const EPOCH = '2026-01-01T00:00:00Z'
/** Memory that an image may grow to while it is built. */
const BUILD_BYTES = 192 * 2 ** 20

/** The files that an image brings, by their paths below `LIBRARY_DIRECTORY`. */
export function libraryFiles(stdlib: Uint8Array): Record<string, Uint8Array> {
  const utf8 = new TextEncoder()
  const prelude = pythonModules.map(({ path, source }) => [`${PRELUDE}/${path}`, utf8.encode(source)] as const)
  // CPython takes its prefixes from these directories, though nothing is in them.
  const empty = { 'python3.14/lib-dynload/': new Uint8Array(0) }
  return { [STDLIB]: stdlib, ...empty, ...Object.fromEntries(prelude) }
}

/** Files as every sandbox's tree takes them. */
export function libraryNodes(files: Files): ReturnType<typeof sealFiles> {
  return sealFiles(files, Date.parse(EPOCH))
}

type Files = Readonly<Record<string, Uint8Array>>

/** What an interpreter finds while an image is made: the files of every sandbox, and the bytecode of what it imports. */
type Trees = { library: Files; bytecode: Files }

/** What the interpreter says on its way up, for the error. */
type Booting = { wiring: Wiring; kernel: Kernel; state: BoundState; fault: string }

function noPort(): HostPort {
  const refuse = (): never => {
    throw errno('ENOSYS')
  }
  const files = { resolve: refuse, open: refuse, stat: refuse, list: refuse, readLink: refuse, makeDirectory: refuse }
  const changes = { removeFile: refuse, removeDirectory: refuse, rename: refuse, setTimes: refuse }
  const links = { symlink: refuse, link: refuse }
  return {
    files: { ...files, ...changes, ...links },
    environment: () => undefined,
    preciseClock: () => false,
    callTool: refuse,
  }
}

async function linkForBuild(modules: GuestModules, { library, bytecode }: Trees): Promise<Booting> {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: BUILD_BYTES }
  const kernel = new Kernel({ port: noPort(), limits, deterministic: { seed: 'image', start: EPOCH } })
  kernel.files.graft(LIBRARY_DIRECTORY, libraryNodes(library))
  kernel.files.graft(BOOT_BYTECODE, libraryNodes(bytecode))
  kernel.files.graft(LATER_BYTECODE, libraryNodes({}))
  const wiring = await Wiring.link(modules, undefined)
  const exports = wiring.interpreter as unknown as WebAssembly.Exports
  const booting: Booting = { wiring, kernel, state: bindState([{ exports, layout: modules.layout }]), fault: '' }
  const host: WiringHost = {
    ...NOBODY,
    dispatch: () => {
      throw new GuestFacingError('ENOSYS', 'nothing of a sandbox exists while an image is built')
    },
    callout: () => Verdict.extend,
    stopped: () => false,
    fault: (error) => {
      booting.fault ||= String(error)
    },
    now: () => 0,
    random: (length) => new Uint8Array(length),
    settle: (answer) => answer,
    memoryLimit: () => BUILD_BYTES,
    exits: (code) => {
      booting.fault ||= `it ended with code ${code}`
    },
    refused: (name) => {
      booting.fault ||= `it called ${name}`
    },
  }
  wiring.bind(host, kernel.process, uncounted())
  return booting
}

function putText({ wiring: { interpreter } }: Booting, text: string): number {
  const bytes = new TextEncoder().encode(`${text}\0`)
  const pointer = interpreter.malloc(bytes.length) >>> 0
  new Uint8Array(interpreter.memory.buffer).set(bytes, pointer)
  return pointer
}

/** Without `site`: it would look for packages on disk. */
const ARGUMENTS = ['python', '-S', '-P']

function startInterpreter(booting: Booting): void {
  const { interpreter, tableBase } = booting.wiring
  interpreter.emscripten_stack_init()
  interpreter.__wasm_call_ctors()
  const view = () => new DataView(interpreter.memory.buffer)
  const offset = view().getInt32(interpreter._PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET.value, true)
  view().setInt32(interpreter._PyRuntime.value + offset, tableBase + NATIVES.length, true)
  const pointers = ARGUMENTS.map((text) => putText(booting, text))
  const argv = interpreter.malloc(4 * (pointers.length + 1)) >>> 0
  for (const [at, pointer] of [...pointers, 0].entries()) view().setUint32(argv + 4 * at, pointer, true)
  const code = interpreter.__main_argc_argv(pointers.length, argv)
  if (code !== 0) throw failure(booting, `CPython did not start (${code})`)
}

/** Names of the module and its functions, as layout.ts of the bridge has them. */
const NAMES_AT = 192
const NAME_BYTES = 16
const MODULE = '_toka'

/** @returns where the bridge's block is */
function makeBridge(booting: Booting): number {
  const { interpreter, bridge, tableBase } = booting.wiring
  const block = bridge.makeBlock() >>> 0
  const memory = new Uint8Array(interpreter.memory.buffer)
  for (const [at, name] of [MODULE, ...NATIVES].entries())
    memory.set(new TextEncoder().encode(name), block + NAMES_AT + at * NAME_BYTES)
  if (bridge.makeModule(tableBase) !== 0) throw failure(booting, 'the module _toka could not be made')
  return block
}

function failure({ fault, kernel }: Booting, what: string): TokaError {
  const said = kernel.process.stderr.text().trim().slice(-1_500)
  return new TokaError('TOKA_ENGINE_LOAD', `the Python image could not be made: ${what}: ${fault} ${said}`.trim())
}

/** Boots an interpreter and its prelude by a program. @returns where things are in it */
function boot(booting: Booting, program: string): Places {
  const { interpreter, bridge } = booting.wiring
  startInterpreter(booting)
  const stack = protectStack(interpreter)
  if (!stack) throw failure(booting, 'its stack could not be bounded')
  const block = makeBridge(booting)
  if (bridge.boot(putText(booting, program)) !== 0) throw failure(booting, 'its prelude did not start')
  if (booting.kernel.process.descriptors.open > 3) throw failure(booting, 'it left a file open')
  return { block, ...stack }
}

/** Boots an interpreter by a program, and then `use` looks at it. */
async function withInterpreter<Result>(
  modules: GuestModules,
  trees: Trees,
  program: string,
  use: (booting: Booting, places: Places) => Result,
): Promise<Result> {
  const booting = await linkForBuild(modules, trees)
  try {
    return use(booting, boot(booting, program))
  } catch (error) {
    if (error instanceof TokaError) throw error
    throw failure(booting, String(error))
  } finally {
    booting.wiring.unbind()
    booting.kernel.dispose()
  }
}

/** What the first interpreter compiled: by their names the modules that a boot imports, and as files of the library those that are imported later. */
export async function compileLibrary(modules: GuestModules, library: Files): Promise<Trees> {
  return withInterpreter(modules, { library, bytecode: {} }, COMPILE, ({ kernel }) => {
    const made = (directory: string, prefix: string): Files =>
      Object.fromEntries(
        kernel.files
          .changedFiles()
          .filter(({ path }) => path.startsWith(directory))
          .map(({ path }) => [prefix + path.slice(directory.length), kernel.files.get(path) as Uint8Array]),
      )
    return { library: { ...library, ...made(LATER_BYTECODE, `${BYTECODE}/`) }, bytecode: made(BOOT_BYTECODE, '') }
  })
}

/** The state of an interpreter in which the prelude has booted, and where things are in it. */
export async function bootState(modules: GuestModules, trees: Trees): Promise<{ state: State; places: Places }> {
  return withInterpreter(modules, trees, BOOT, (booting, places) => ({ state: booting.state.capture(), places }))
}
