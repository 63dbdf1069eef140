/** Another Python in a process of its own: the arguments say which, and where its snapshot is; its figures are printed as JSON, times in milliseconds. */
import { readFileSync, writeFileSync } from 'node:fs'

const [, , peer = '', file = ''] = process.argv
const CALLS = 2_000
const RUNS = 200
const SOURCES = JSON.parse(process.env['TOKA_BENCH_SOURCES'] ?? '{}') as Record<string, string>

type Figures = {
  fresh: number
  again: number
  run: number
  sync: number
  awaited?: number
  cpu: Record<string, number>
}

/** What is used of Pyodide. */
type Pyodide = {
  runPython(source: string): unknown
  runPythonAsync(source: string): Promise<unknown>
  globals: { set(name: string, value: unknown): void }
  makeMemorySnapshot(): Uint8Array
}
type LoadPyodide = (options: Record<string, unknown>) => Promise<Pyodide>
/** What is used of Monty. */
type MontyClass = new (
  source: string,
) => { run(options?: { externalFunctions: Record<string, () => unknown> }): unknown }

async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Each source that the peer can run. */
async function cpuOf(run: (source: string) => unknown): Promise<Record<string, number>> {
  const cpu: Record<string, number> = {}
  for (const [name, source] of Object.entries(SOURCES)) {
    try {
      cpu[name] = await timed(() => run(source))
    } catch {
      // What a subset of Python lacks has no figure.
    }
  }
  return cpu
}

async function pyodideLoader(): Promise<LoadPyodide> {
  const { loadPyodide } = await import('pyodide')
  return loadPyodide as unknown as LoadPyodide
}

/** Pyodide as its users load it, or from a snapshot of its own memory. */
async function pyodide(options: Record<string, unknown>): Promise<Figures> {
  const started = performance.now()
  const load = await pyodideLoader()
  const python = await load(options)
  python.runPython('1 + 1')
  const fresh = performance.now() - started
  const again = await timed(async () => (await load(options)).runPython('1 + 1'))
  python.globals.set('host', () => 1)
  python.globals.set('later', async () => 1)
  const sync = await timed(() => python.runPython(`for _ in range(${CALLS}): host(b'x')`))
  const awaited = await timed(() => python.runPythonAsync(`for _ in range(${CALLS}): await later(b'x')`))
  const run = await timed(() => {
    for (let i = 0; i < RUNS; i++) python.runPython('1 + 1')
  })
  const cpu = await cpuOf((source) => python.runPython(source))
  return { fresh, again, run: run / RUNS, sync: sync / CALLS, awaited: awaited / CALLS, cpu }
}

async function makeSnapshot(): Promise<void> {
  const python = await (await pyodideLoader())({ _makeSnapshot: true })
  python.runPython('import json, re, asyncio, dataclasses, typing, datetime')
  writeFileSync(file, python.makeMemorySnapshot())
}

/** A subset of Python, in Rust. */
async function monty(): Promise<Figures> {
  const started = performance.now()
  const where = new URL('peers/node_modules/@pydantic/monty/wrapper.js', import.meta.url).href
  const { Monty } = (await import(where)) as { Monty: MontyClass }
  new Monty('1 + 1').run()
  const fresh = performance.now() - started
  const again = await timed(() => new Monty('1 + 1').run())
  const calls = new Monty(`for _ in range(${CALLS}):\n    host(1)\n1`)
  const sync = await timed(() => calls.run({ externalFunctions: { host: () => 1 } }))
  const run = await timed(() => {
    for (let i = 0; i < RUNS; i++) new Monty('1 + 1').run()
  })
  return { fresh, again, run: run / RUNS, sync: sync / CALLS, cpu: await cpuOf((source) => new Monty(source).run()) }
}

if (peer === 'snapshot') await makeSnapshot()
else {
  const options = peer === 'pyodide-snapshot' ? { _loadSnapshot: readFileSync(file) } : {}
  process.stdout.write(JSON.stringify(await (peer === 'monty' ? monty() : pyodide(options))))
}
process.exit(0)
