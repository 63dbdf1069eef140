/** The threat: a guest that sits in C code, where no bytecode is counted. Fuel stops it there, in every way to run it. */
import { expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'
import { preparePython } from '../python.ts'
import { ENDLESS, ENDLESS_IMPORTS } from '../python-builtins.ts'

/** A deadline, and what a loaded machine may add to it: unstopped, each runs for more than five seconds. */
const TIMEOUT_MS = 80
const MARGIN_MS = 1_500

preparePython()

test('the table has at least forty expressions of at least fifteen C modules', () => {
  expect(ENDLESS.length).toBeGreaterThanOrEqual(40)
  expect(new Set(ENDLESS.map(({ module }) => module)).size).toBeGreaterThanOrEqual(15)
})

test.each(WAYS)(
  '%s: a deadline ends each of them, and the next run in the same sandbox is right',
  async (way) => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'python' })
    const wrong: string[] = []
    for (const { module, expression } of ENDLESS) {
      await sandbox.run({ source: ENDLESS_IMPORTS })
      const { error, usage } = await sandbox.run({ source: expression, limits: { timeoutMs: TIMEOUT_MS } })
      const next = await sandbox.run({ source: '6 * 7' })
      const isStopped = error?.code === 'TOKA_LIMIT_TIME' && usage.wallMs < TIMEOUT_MS + MARGIN_MS
      if (!isStopped || next.value !== 42)
        wrong.push(
          `${module}: ${expression}: ${error?.code} after ${usage.wallMs} ms, then ${next.error?.message ?? next.value}`,
        )
    }
    await sandbox.dispose()
    expect(wrong).toEqual([])
  },
  120_000,
)
