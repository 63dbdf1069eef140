/** The Python rows beside Pyodide (plain, and from a snapshot of its own), Monty and the machine's own Python, in the same run. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { createToka, defineTool, type Toka } from '../src/index.ts'
import { type Measure, measure, summary } from './measure.ts'
import { installPeers } from './peers/install.ts'

const CALLS = 2_000
const ROUNDS = 3

/** What a processor is busy with: loops, calls, text, patterns, sorting, big integers, JSON. */
const CPU: Readonly<Record<string, string>> = {
  loop: 's = 0\nfor i in range(2000000): s += i\ns',
  fib: 'def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(24)',
  text: "len(' '.join(str(i) for i in range(200000)).split())",
  patterns: "import re\nfor i in range(30): re.findall(r'(\\w+)@(\\w+)\\.com', 'foo@bar.com ' * 500)",
  sort: 'a = [(i * 7919) % 100003 for i in range(100000)]\nfor i in range(3): sorted(a)',
  integers: 'a = 3 ** 20000\nfor i in range(200): b = a * a',
  json: 'import json\nfor i in range(20): json.loads(json.dumps(list(range(5000))))',
}

/** The built package is measured, as a program loads it. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']

type Figures = {
  fresh: number
  again: number
  run: number
  sync: number
  awaited?: number
  cpu: Record<string, number>
}

function inProcess(program: string, args: readonly string[]): string {
  const file = fileURLToPath(new URL(program, import.meta.url))
  const env = { ...process.env, TOKA_BENCH_SOURCES: JSON.stringify(CPU) }
  const { stdout, stderr, status } = spawnSync(process.execPath, [...NODE_FLAGS, file, ...args], {
    encoding: 'utf8',
    env,
  })
  if (status !== 0) throw new Error(stderr.slice(0, 2_000))
  return stdout
}

/** Milliseconds of each source in the Python that the machine has. */
function native(): { version: string; cpu: Record<string, number> } | undefined {
  const program = `import json, sys, time\nout = {}\nfor name, source in json.load(sys.stdin).items():\n    code = compile(source, name, 'exec')\n    started = time.perf_counter()\n    exec(code, {})\n    out[name] = (time.perf_counter() - started) * 1000\nprint(json.dumps({'version': sys.version.split()[0], 'cpu': out}))`
  const { stdout, status } = spawnSync('python3', ['-c', program], { encoding: 'utf8', input: JSON.stringify(CPU) })
  return status === 0 ? JSON.parse(stdout) : undefined
}

const input = z.object({ x: z.string() })
const host = defineTool({ name: 'host', description: '', input, run: () => 1 })
const later = defineTool({ name: 'later', description: '', input, run: async () => 1 })

async function* freshRows(cache: string): AsyncGenerator<Measure> {
  const cold: number[] = [Number(inProcess('fresh-process.mjs', [cache, 'python']))]
  const warm: number[] = []
  for (let round = 0; round < 5; round++) warm.push(Number(inProcess('fresh-process.mjs', [cache, 'python'])))
  yield summary('a fresh process, import to first result: no cache', 'ms', cold)
  yield summary('a fresh process, import to first result: image cached', 'ms', warm)
}

async function* ownRows(toka: Toka): AsyncGenerator<Measure> {
  const sandbox = await toka.open({
    language: 'python',
    tools: [host, later],
    grants: [{ resource: 'tool', actions: ['call'], names: ['host', 'later'] }],
  })
  const runs = (source: string) => async () => {
    const result = await sandbox.run({ source })
    if (result.status !== 'completed') throw new Error(`${result.status}: ${result.error?.message}\n${result.stderr}`)
  }
  yield await measure('1+1 in a sandbox of its own (fork, run, dispose)', 'ms', 20, () =>
    toka.run({ language: 'python', source: '1+1' }),
  )
  yield await measure('fork and dispose of a sandbox', 'ms', 20, async () => (await sandbox.fork()).dispose())
  yield await measure('1+1 in a sandbox that is open', 'us', 200, runs('1+1'))
  const calls = (call: string) => runs(`from toka import tools\nfor _ in range(${CALLS}): ${call}`)
  yield await measure('blocking call of a tool', 'us', 7, calls("tools.host(x='a')"), CALLS)
  yield await measure('blocking call of an asynchronous tool', 'us', 7, calls("tools.later(x='a')"), CALLS)
  yield await measure(
    'clock read by way of the border, no gate',
    'us',
    7,
    runs(`import time\nfor _ in range(${CALLS}): time.time()`),
    CALLS,
  )
  for (const [name, source] of Object.entries(CPU)) yield await measure(`CPU, ${name}`, 'ms', 5, runs(source))
}

async function* peerRows(name: string, argument: string): AsyncGenerator<Measure> {
  const rounds: Figures[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(JSON.parse(inProcess('python-peers.ts', [name, argument])))
  const row = (what: string, unit: 'ms' | 'us', of: (figures: Figures) => number | undefined) => {
    const taken = rounds.flatMap((figures) => of(figures) ?? [])
    return summary(`${name}: ${what}`, unit, unit === 'us' ? taken.map((ms) => ms * 1_000) : taken)
  }
  yield row('a fresh process, import to first result', 'ms', ({ fresh }) => fresh)
  yield row('another interpreter in that process', 'ms', ({ again }) => again)
  yield row('1+1 in an interpreter that is there', 'us', ({ run }) => run)
  yield row('blocking call of the host', 'us', ({ sync }) => sync)
  if (rounds[0]?.awaited !== undefined) yield row('awaited call of the host', 'us', ({ awaited }) => awaited)
  for (const what of Object.keys(CPU))
    if (rounds[0]?.cpu[what] !== undefined) yield row(`CPU, ${what}`, 'ms', ({ cpu }) => cpu[what])
}

/** @throws Error when a package of the peers cannot be installed */
export async function* measures(): AsyncGenerator<Measure> {
  const failed = await installPeers()
  if (failed) throw new Error(`the peers cannot be installed: ${failed}`)
  const folder = await mkdtemp(join(tmpdir(), 'toka-bench-'))
  const toka = await createToka()
  try {
    yield* freshRows(join(folder, 'cache'))
    yield* ownRows(toka)
    const snapshot = join(folder, 'snapshot')
    inProcess('python-peers.ts', ['snapshot', snapshot])
    yield* peerRows('pyodide', '')
    yield* peerRows('pyodide-snapshot', snapshot)
    yield* peerRows('monty', '')
    const there = native()
    if (there)
      for (const [name, ms] of Object.entries(there.cpu))
        yield summary(`native Python ${there.version}: CPU, ${name}`, 'ms', [ms])
  } finally {
    await toka.dispose()
    await rm(folder, { recursive: true })
  }
}
