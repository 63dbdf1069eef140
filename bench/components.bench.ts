/** Components in sandboxes, beside the same components transpiled by jco with preview2-shim, which isolates nothing; in the same run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createToka, type Sandbox } from '../src/index.ts'
import { assembled } from '../test/component-bench.ts'
import { installLocked } from '../test/runtimes/install-locked.ts'
import { type Measure, measure } from './measure.ts'

const folder = fileURLToPath(new URL('peers/components/', import.meta.url))

type Files = Record<string, Uint8Array>
type Transpile = (component: Uint8Array, options: object) => Promise<{ files: Files }>
type Exports = Record<string, (...args: unknown[]) => unknown>
type Instantiate = (getCoreModule: (path: string) => Promise<WebAssembly.Module>, imports: object) => Promise<Exports>

const PAIR = [1, -2]
const TEXT = 'é'.repeat(512)
const LIST = Array.from({ length: 100 }, (_, at) => BigInt(at))

/** Calls of one kind, by the names that both sides have. */
const CALLS: readonly (readonly [name: string, camel: string, arg: unknown])[] = [
  ['echo-u32', 'echoU32', 7],
  ['echo-tuple', 'echoTuple', PAIR],
  ['echo-string', 'echoString', TEXT],
  ['echo-list', 'echoList', LIST],
]
const BATCH = 200

async function loadJco(): Promise<{ transpile: Transpile; instantiate: () => Promise<Exports> }> {
  const entry = join(folder, 'node_modules/@bytecodealliance/jco-transpile/dist/index.js')
  const { transpileBytes } = (await import(pathToFileURL(entry).href)) as { transpileBytes: Transpile }
  const { files } = await transpileBytes(assembled('calls'), { name: 'calls', instantiation: 'async' })
  const out = mkdtempSync(join(folder, 'out-'))
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(out, name)), { recursive: true })
    writeFileSync(join(out, name), bytes)
  }
  const { instantiate } = (await import(pathToFileURL(join(out, 'calls.js')).href)) as { instantiate: Instantiate }
  rmSync(out, { recursive: true })
  const modules = new Map<string, WebAssembly.Module>()
  const core = async (path: string): Promise<WebAssembly.Module> => {
    const known = modules.get(path) ?? (await WebAssembly.compile(files[path] as Uint8Array<ArrayBuffer>))
    modules.set(path, known)
    return known
  }
  return { transpile: transpileBytes, instantiate: () => instantiate(core, {}) }
}

async function* callsOf(sandbox: Sandbox, jco: Exports | undefined): AsyncGenerator<Measure> {
  for (const [name, camel, arg] of CALLS) {
    const ours = async () => {
      for (let call = 0; call < BATCH; call++) await sandbox.call(name, arg)
    }
    yield await measure(`${name}, a run of its own: toka`, 'us', 15, ours, BATCH)
    const theirs = jco?.[camel]
    if (!theirs) continue
    const peer = async () => {
      for (let call = 0; call < BATCH; call++) theirs(arg)
    }
    yield await measure(`${name}, in the host's realm: jco`, 'us', 15, peer, BATCH)
  }
}

export async function* measures(): AsyncGenerator<Measure> {
  const failed = installLocked(folder, 'jco in bench/peers/components')
  if (failed) process.stderr.write(`jco cannot be installed: ${failed}\n`)
  const jco = failed ? undefined : await loadJco()
  const module = assembled('calls')
  yield await measure('component made ready: toka, nothing cached', 'ms', 10, async () => {
    const fresh = await createToka({ cache: false, isolation: 'inline' })
    await fresh.open({ language: 'wasm', module })
    await fresh.dispose()
  })
  if (jco)
    yield await measure('component made ready: jco transpile', 'ms', 10, () =>
      jco.transpile(module, { name: 'calls', instantiation: 'async' }),
    )
  const toka = await createToka({ isolation: 'inline' })
  yield await measure('new sandbox and first call: toka', 'us', 40, async () => {
    const sandbox = await toka.open({ language: 'wasm', module })
    await sandbox.call('echo-u32', 1)
    await sandbox.dispose()
  })
  if (jco)
    yield await measure('new instance and first call: jco', 'us', 40, async () => {
      ;(await jco.instantiate())['echoU32']?.(1)
    })
  const sandbox = await toka.open({ language: 'wasm', module })
  yield* callsOf(sandbox, await jco?.instantiate())
  yield await measure('fork: toka', 'us', 40, async () => (await sandbox.fork()).dispose())
  await toka.dispose()
}
