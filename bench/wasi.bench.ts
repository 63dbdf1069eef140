/** WASI modules beside node:wasi, @bjorn3/browser_wasi_shim, @wasmer/wasi and @wasmer/sdk, in the same run; and what metering costs. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WASI } from 'node:wasi'
import { createToka, type Toka } from '../src/index.ts'
import { rewriteModule } from '../src/loader/rewrite.ts'
import { buildModule } from '../test/loader-modules.ts'
import { call, DROP, get, helloModule, i32 } from '../test/wasm-guests.ts'
import { compare, type Measure, measure } from './measure.ts'
import { installPeers } from './peers/install.ts'
import { load } from './peers/load.ts'

/** Calls of a run that does nothing else. */
const CALLS = 20_000
const packages = fileURLToPath(new URL('../node_modules', import.meta.url))

/** Asks the time so many times. */
function clockModule(): Uint8Array<ArrayBuffer> {
  const clock = { module: 'wasi_snapshot_preview1', name: 'clock_time_get', params: ['i32', 'i64', 'i32'] } as const
  const ask = [...i32(1), 0x42, 0, ...i32(0), ...call(0), DROP]
  return buildModule({
    imports: [{ ...clock, results: ['i32'] }],
    memory: { minimum: 1, name: 'memory' },
    functions: [
      {
        name: '_start',
        locals: ['i32'],
        code: [0x03, 0x40, ...ask, ...get(0), ...i32(1), 0x6a, 0x22, 0, ...i32(CALLS), 0x49, 0x0d, 0, 0x0b],
      },
    ],
  })
}

/** One way of running a module from its beginning to its end: what it prints is thrown away. */
type Runner = { name: string; prepare(bytes: Uint8Array<ArrayBuffer>): Promise<() => Promise<unknown>> }

const nothing = openSync('/dev/null', 'w')
const ENDLESS = 2n ** 62n

/** A new instance of a module under node:wasi; one that was metered gets all the fuel that there is. */
function underNode(module: WebAssembly.Module, args: string[] = [], stdin?: number): void {
  const wasi = new WASI({
    version: 'preview1',
    args,
    stdout: nothing,
    stderr: nothing,
    ...(stdin === undefined ? {} : { stdin }),
    returnOnExit: true,
  })
  const absent = (): number => 52 // ENOSYS
  const none = { proc_spawn: absent, proc_waitpid: absent, fd_pipe: absent, fd_dup: absent, proc_getpid: absent }
  const posix = { isatty: () => 0, path_mode: () => 0o100644, fd_mode: () => 0o100644 }
  const imports = {
    ...(wasi.getImportObject() as WebAssembly.Imports),
    host_user: posix,
    host_fs: posix,
    host_process: none,
  }
  const instance = new WebAssembly.Instance(module, imports)
  const { __fuel, __stack } = instance.exports as { __fuel?: WebAssembly.Global; __stack?: WebAssembly.Global }
  if (__fuel) __fuel.value = ENDLESS
  if (__stack) __stack.value = 50_000
  wasi.start(instance)
}

const nodeWasi: Runner = {
  name: 'node:wasi',
  prepare: async (bytes) => {
    const module = new WebAssembly.Module(bytes)
    return async () => underNode(module)
  },
}

type Bjorn = {
  WASI: new (
    args: string[],
    env: string[],
    fds: unknown[],
  ) => { wasiImport: WebAssembly.ModuleImports; start(i: unknown): number }
  OpenFile: new (file: unknown) => unknown
  File: new (bytes: Uint8Array) => unknown
}

const bjorn3: Runner = {
  name: '@bjorn3/browser_wasi_shim',
  prepare: async (bytes) => {
    const shim = (await load('@bjorn3/browser_wasi_shim')) as Bjorn
    const module = new WebAssembly.Module(bytes)
    return async () => {
      const file = () => new shim.OpenFile(new shim.File(new Uint8Array(0)))
      const wasi = new shim.WASI([], [], [file(), file(), file()])
      const imports = { wasi_snapshot_preview1: wasi.wasiImport }
      wasi.start(new WebAssembly.Instance(module, imports))
    }
  },
}

type WasmerWasi = {
  init(): Promise<void>
  WASI: new (options: object) => { instantiate(module: WebAssembly.Module, imports: object): unknown; start(): number }
}

const wasmerWasi: Runner = {
  name: '@wasmer/wasi',
  prepare: async (bytes) => {
    const { init, WASI: Wasmer } = (await load('@wasmer/wasi')) as WasmerWasi
    await init()
    const module = new WebAssembly.Module(bytes)
    return async () => {
      const wasi = new Wasmer({ env: {}, args: [] })
      wasi.instantiate(module, {})
      wasi.start()
    }
  },
}

type WasmerSdk = {
  Wasmer: new () => {
    packages: { load(bytes: Uint8Array): Promise<unknown> }
    sandboxes: {
      create(options: object): Promise<{ command(program: unknown, args: string[]): { run(): Promise<unknown> } }>
    }
  }
}

/** A command of one sandbox: it compiles, and runs its commands in workers. */
const wasmerSdk: Runner = {
  name: '@wasmer/sdk',
  prepare: async (bytes) => {
    const { Wasmer } = (await load('@wasmer/sdk')) as WasmerSdk
    const wasmer = new Wasmer()
    const program = await wasmer.packages.load(bytes)
    const sandbox = await wasmer.sandboxes.create({ packages: [program] })
    return () => sandbox.command(program, []).run()
  },
}

const toka = (made: Toka): Runner => ({
  name: 'toka',
  prepare: async (module) => async () => {
    const result = await made.run({ language: 'wasm', module })
    if (result.status !== 'completed') throw new Error(JSON.stringify(result.error))
  },
})

/** Milliseconds for a peer to load, and for each of its runs: one that hangs is a failure. */
const PATIENCE_MS = 20_000

function within<T>(work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer in ${PATIENCE_MS / 1_000} s`)), PATIENCE_MS).unref()
  })
  return Promise.race([work, late])
}

async function* runnerRows(runners: readonly Runner[]): AsyncGenerator<Measure> {
  for (const runner of runners) {
    try {
      const hello = await within(runner.prepare(helloModule()))
      await within(hello())
      yield await measure(`a new instance says hello: ${runner.name}`, 'ms', 30, hello)
      const clock = await within(runner.prepare(clockModule()))
      await within(clock())
      yield await measure(`a call of clock_time_get: ${runner.name}`, 'us', 10, clock, CALLS)
    } catch (error) {
      process.stdout.write(`  ${runner.name}: FAILED ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}

/** Programs with what keeps them busy. */
const PROGRAMS = [
  { name: 'sha256sum of 2 MB', file: '@rivet-dev/agent-os-coreutils/wasm/sha256sum', args: ['sha256sum'] },
  { name: 'jq over 200 KB', file: '@rivet-dev/agent-os-jq/wasm/jq', args: ['jq', '-c', 'map(.a * 2) | add'] },
  {
    name: 'awk over 600 KB',
    file: '@rivet-dev/agent-os-gawk/wasm/awk',
    args: ['awk', '{ n[$1 % 97] += $2 } END { print n[3] }'],
  },
]

function inputOf(name: string): string {
  if (name.startsWith('jq')) return JSON.stringify(Array.from({ length: 20_000 }, (_, a) => ({ a })))
  if (name.startsWith('awk')) return Array.from({ length: 50_000 }, (_, at) => `${at} ${at * 7}\n`).join('')
  return 'x'.repeat(2_000_000)
}

/** The same program under node:wasi as it is, and metered: what fuel alone costs. */
function* meteringRows(directory: string): Generator<Measure> {
  for (const { name, file, args } of PROGRAMS) {
    const bytes = new Uint8Array(readFileSync(join(packages, file)))
    const input = join(directory, 'input')
    writeFileSync(input, inputOf(name))
    const run = (metering?: 'fast' | 'exact') => {
      const module = new WebAssembly.Module(
        metering ? rewriteModule(bytes, { fuel: true, trust: 'stranger', metering, maximumPages: 4_096 }).bytes : bytes,
      )
      return () => {
        const stdin = openSync(input, 'r')
        underNode(module, args, stdin)
        closeSync(stdin)
      }
    }
    for (const row of compare(7, { plain: run(), 'metered fast': run('fast'), 'metered exactly': run('exact') }))
      yield { ...row, name: `${name}, ${row.name}, to the same unmetered` }
  }
}

export async function* measures(): AsyncGenerator<Measure> {
  const failure = installPeers()
  if (failure) process.stdout.write(`  the peers cannot be installed: ${failure}\n`)
  const made = await createToka({ isolation: 'inline' })
  const directory = mkdtempSync(join(tmpdir(), 'toka-bench-'))
  try {
    yield* meteringRows(directory)
    yield* runnerRows([toka(made), nodeWasi, bjorn3, wasmerWasi, wasmerSdk])
    const module = new Uint8Array(readFileSync(join(packages, '@ruby/4.0-wasm-wasi/dist/ruby.wasm')))
    const open = () => made.open({ language: 'wasm', module, limits: { memoryBytes: 2 ** 28 } })
    const ruby = await open()
    await ruby.run({ source: 'puts 1' })
    yield await measure('Ruby: a cold start (image ready) to its first line', 'ms', 3, async () => {
      const cold = await open()
      await cold.run({ source: 'puts 1' })
      await cold.dispose()
    })
    yield await measure('Ruby: a fork', 'ms', 20, async () => (await ruby.fork()).dispose())
  } finally {
    rmSync(directory, { recursive: true, force: true })
    await made.dispose()
  }
}
