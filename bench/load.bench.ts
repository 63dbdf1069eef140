/** The rows of load: many sandboxes, most of them hostile, on one thread; how late the host is, what each costs, what grows. */
import { createToka, type Toka } from '../src/index.ts'
import { type Measure, summary } from './measure.ts'

const MiB = 2 ** 20
const OPTIONS = { language: 'javascript' as const, isolation: 'inline' as const }
const HOSTILE = [
  'for (;;) {}',
  '/^(a+)+$/.test("a".repeat(40) + "b")',
  'let a = 3n; for (;;) a = a * a',
  'const x = []; for (;;) x.push({})',
  'for (;;) { await null }',
  'for (;;) { try { (function f() { f() })() } catch {} }',
  'JSON.stringify({ toJSON() { for (;;) {} } })',
  'let s = "x"; for (;;) { s = (s + s).slice(0, 1e6) }',
]
const source = (at: number): string => HOSTILE[at % HOSTILE.length] as string

/** How late a timer of one millisecond is, all the while. */
async function lagDuring(act: () => Promise<unknown>): Promise<number[]> {
  const lags: number[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    lags.push(Math.max(0, now - last - 1))
    last = now
  }, 1)
  try {
    await act()
  } finally {
    clearInterval(timer)
  }
  return lags
}

const worst = (lags: number[]): number => lags.reduce((most, lag) => Math.max(most, lag), 0)

async function repeated(
  name: string,
  unit: Measure['unit'],
  times: number,
  one: () => Promise<number>,
): Promise<Measure> {
  const taken: number[] = []
  for (let i = 0; i < times; i++) taken.push(await one())
  return summary(name, unit, taken)
}

async function* lagRows(toka: Toka): AsyncGenerator<Measure> {
  const idle = () => new Promise((resolve) => setTimeout(resolve, 1_000))
  yield await repeated('worst lag of the host in a second: nothing runs', 'ms', 5, async () =>
    worst(await lagDuring(idle)),
  )
  for (const count of [20, 200, 1_000]) {
    const limits = { timeoutMs: 60_000, memoryBytes: 16 * MiB }
    const cancel = new AbortController()
    const boxes = await Promise.all(Array.from({ length: count }, () => toka.open({ ...OPTIONS, limits })))
    const runs = boxes.map((box, at) => box.run({ source: source(at), signal: cancel.signal }))
    await idle()
    const lags: number[] = []
    yield await repeated(`worst lag in a second: ${count} hostile guests`, 'ms', 5, async () => {
      const seen = await lagDuring(idle)
      lags.push(...seen)
      return worst(seen)
    })
    yield summary(`lag: ${count} hostile guests`, 'ms', lags)
    cancel.abort()
    await Promise.all(runs)
    await Promise.all(boxes.map((box) => box.dispose()))
  }
}

async function* overshootRows(toka: Toka): AsyncGenerator<Measure> {
  const timeoutMs = 50
  const box = await toka.open({ ...OPTIONS, limits: { memoryBytes: 64 * MiB } })
  for (const text of HOSTILE.filter((_, at) => at !== 3)) {
    yield await repeated(`overshoot of ${timeoutMs} ms: ${text}`, 'ms', 15, async () => {
      const started = performance.now()
      const result = await box.run({ source: text, limits: { timeoutMs } })
      if (result.error?.code !== 'TOKA_LIMIT_TIME') throw new Error(`${text}: ${result.error?.code}`)
      return performance.now() - started - timeoutMs
    })
  }
  const fill = 'globalThis.kept = new Uint8Array(64e6).fill(1).length'
  yield await repeated('next run after one that used 64 MB and was stopped', 'ms', 9, async () => {
    const large = await toka.open({ ...OPTIONS, limits: { memoryBytes: 96 * MiB, timeoutMs: 2_000 } })
    await large.run({ source: `${fill}; for (;;) {}`, limits: { fuel: 2_000_000 } })
    const started = performance.now()
    await large.run({ source: '1' })
    const took = performance.now() - started
    await large.dispose()
    return took
  })
  await box.dispose()
}

/** Resident memory, in KiB: of this process, so that the garbage of earlier rows has to be gone. */
function resident(): number {
  ;(globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().rss / 1_024
}

async function* growthRows(toka: Toka): AsyncGenerator<Measure> {
  for (const count of [1_000, 100, 10, 1]) {
    const before = resident()
    const started = performance.now()
    const boxes = []
    for (let i = 0; i < count; i++) boxes.push(await toka.open(OPTIONS))
    yield summary(`opening ${count} sandboxes, each`, 'ms', [(performance.now() - started) / count])
    // The first ones: later ones find memory that these have freed.
    if (count === 1_000)
      yield summary(`memory of ${count} live sandboxes, each`, 'KiB', [(resident() - before) / count])
    const ran = performance.now()
    await Promise.all(boxes.map((box) => box.run({ source: '1+1' })))
    yield summary(`1+1 in ${count} open sandboxes at once, each`, 'us', [((performance.now() - ran) * 1_000) / count])
    await Promise.all(boxes.map((box) => box.dispose()))
  }
  const box = await toka.open({ ...OPTIONS, limits: { hostCalls: 100_000 } })
  for (const calls of [1, 10, 100, 1_000, 10_000]) {
    const text = `{ const fs = require('fs'); for (let i = 0; i < ${calls}; i++) fs.existsSync('/tmp') }`
    yield await repeated(`${calls} host calls in a run, each`, 'us', 9, async () => {
      const started = performance.now()
      const { status, error } = await box.run({ source: text })
      if (status !== 'completed') throw new Error(error?.message)
      return ((performance.now() - started) * 1_000) / calls
    })
  }
  await box.dispose()
}

async function* bombRow(toka: Toka): AsyncGenerator<Measure> {
  const limit = 64 * MiB
  yield await repeated('memory bomb: linear memory at the end, of the limit', 'x', 5, async () => {
    const text = 'const a = []; for (;;) a.push(new Uint8Array(65_536).fill(1))'
    const { usage, error } = await toka.run({ ...OPTIONS, source: text, limits: { memoryBytes: limit } })
    if (error?.code !== 'TOKA_LIMIT_MEMORY') throw new Error(error?.code)
    return usage.memoryBytes / limit
  })
}

export async function* measures(): AsyncGenerator<Measure> {
  const toka = await createToka()
  try {
    yield* growthRows(toka)
    yield* lagRows(toka)
    yield* overshootRows(toka)
    yield* bombRow(toka)
  } finally {
    await toka.dispose()
  }
}
