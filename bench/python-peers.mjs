/** Another Python in a process of its own: the argument says which; its figures are printed as JSON, times in milliseconds. */
import { readFileSync, writeFileSync } from 'node:fs'

const [, , peer, file] = process.argv
const CALLS = 2_000
const SOURCES = /** @type {Record<string, string>} */ (JSON.parse(process.env.TOKA_BENCH_SOURCES ?? '{}'))

/** @param {() => unknown} work */
async function timed(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Pyodide as its users load it, or from a snapshot of its own memory. */
async function pyodide() {
  const { loadPyodide } = await import('pyodide')
  const options = peer === 'pyodide-snapshot' ? { _loadSnapshot: readFileSync(file) } : {}
  let python
  const fresh = await timed(async () => {
    python = await loadPyodide(options)
    python.runPython('1 + 1')
  })
  const again = await timed(async () => (await loadPyodide(options)).runPython('1 + 1'))
  python.globals.set('host', () => 1)
  python.globals.set('later', async () => 1)
  const sync = await timed(() => python.runPython(`for _ in range(${CALLS}): host(b'x')`))
  const awaited = await timed(() => python.runPythonAsync(`for _ in range(${CALLS}): await later(b'x')`))
  const run = await timed(() => {
    for (let i = 0; i < 200; i++) python.runPython('1 + 1')
  })
  const cpu = {}
  for (const [name, source] of Object.entries(SOURCES)) cpu[name] = await timed(() => python.runPython(source))
  return { fresh, again, run: run / 200, sync: sync / CALLS, awaited: awaited / CALLS, cpu }
}

async function makeSnapshot() {
  const { loadPyodide } = await import('pyodide')
  const python = await loadPyodide({ _makeSnapshot: true })
  python.runPython('import json, re, asyncio, dataclasses, typing, datetime')
  writeFileSync(file, python.makeMemorySnapshot())
  return {}
}

/** A subset of Python, in Rust. */
async function monty() {
  let Monty
  const fresh = await timed(async () => {
    Monty = (await import('./peers/node_modules/@pydantic/monty/wrapper.js')).Monty
    new Monty('1 + 1').run()
  })
  const again = await timed(() => new Monty('1 + 1').run())
  const calls = new Monty(`for _ in range(${CALLS}):\n    host(1)\n1`)
  const sync = await timed(() => calls.run({ externalFunctions: { host: () => 1 } }))
  const cpu = {}
  for (const [name, source] of Object.entries(SOURCES)) {
    try {
      cpu[name] = await timed(() => new Monty(source).run())
    } catch {
      // What its subset lacks has no figure.
    }
  }
  const run = await timed(() => {
    for (let i = 0; i < 200; i++) new Monty('1 + 1').run()
  })
  return { fresh, again, run: run / 200, sync: sync / CALLS, cpu }
}

const result = await (peer === 'monty' ? monty() : peer === 'snapshot' ? makeSnapshot() : pyodide())
process.stdout.write(JSON.stringify(result))
process.exit(0)
