/** Twenty hostile guests on one thread: the host goes on, each guest has its share, and each ends at its limit. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToka, type RunResult, type Toka } from '../../src/index.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { skipReasons } from '../skip-reasons.ts'

const HOSTILE = [
  'for (;;) {}',
  '/^(a+)+$/.test("a".repeat(40) + "b")',
  'let a = 3n; for (;;) a = a * a',
  'for (;;) { await null }',
  'for (;;) { try { (function f() { f() })() } catch {} }',
  'JSON.stringify({ toJSON() { for (;;) {} } })',
  'let s = "x"; for (;;) { s = (s + s).slice(0, 1e5) }',
  'function* g() { for (;;) yield 1 } for (const _ of g()) {}',
  'Promise.resolve().then(function again() { return Promise.resolve().then(again) }); await new Promise(() => {})',
  'new Array(1e4).fill(1).sort(() => { for (;;) {} })',
]
const OPTIONS = { language: 'javascript' as const, isolation: 'inline' as const }
const COUNT = 20
const TIMEOUT_MS = 1_500

let toka: Toka
beforeAll(async () => {
  toka = await createToka()
  await toka.run({ ...OPTIONS, source: '1' })
})
afterAll(() => toka.dispose())

test('the host has its turn all the while, and no guest is starved', async ({ skip }) => {
  skip(!(await findSuspension()), skipReasons.noJspi)
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  let runs: RunResult[]
  try {
    runs = await Promise.all(
      Array.from({ length: COUNT }, (_, at) =>
        toka.run({ ...OPTIONS, source: HOSTILE[at % HOSTILE.length] as string, limits: { timeoutMs: TIMEOUT_MS } }),
      ),
    )
  } finally {
    clearInterval(timer)
  }
  // Were each guest's turn its own, the host would have one turn in forty milliseconds: 38 ticks.
  expect(ticks).toBeGreaterThan(100)
  expect(runs.map(({ error }) => error?.code)).toEqual(runs.map(() => 'TOKA_LIMIT_TIME'))
  const had = runs.map(({ usage }) => usage.cpuMs).sort((one, other) => one - other)
  expect(had[0]).toBeGreaterThan((had[COUNT / 2] as number) / 4)
})

test('a guest of high priority has more of the thread, and a short run does not wait for the others to end', async ({
  skip,
}) => {
  skip(!(await findSuspension()), skipReasons.noJspi)
  const cancel = new AbortController()
  const hog = async (priority: 'low' | 'normal' | 'high') => {
    const box = await toka.open({ ...OPTIONS, priority })
    const { usage } = await box.run({ source: 'for (;;) {}', signal: cancel.signal })
    await box.dispose()
    return usage.cpuMs
  }
  const hogs = [hog('low'), hog('normal'), hog('high'), ...Array.from({ length: 7 }, () => hog('normal'))]
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await toka.run({ ...OPTIONS, source: '6 * 7' })).value).toBe(42)
  await new Promise((resolve) => setTimeout(resolve, 700))
  cancel.abort()
  const [low, normal, high] = (await Promise.all(hogs)) as [number, number, number]
  expect(high).toBeGreaterThan(normal * 2)
  expect(normal).toBeGreaterThan(low * 2)
})
