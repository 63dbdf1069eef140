/** Builtins of Python's C modules that would run for hours: each is stopped by its deadline, and the next run is right. */
import { describe, expect, test } from 'vitest'
import { ENDLESS_PYTHON } from '../endless-python.ts'
import { inEveryWay, toka } from '../run.ts'

/** Milliseconds that a stopped run may have lasted on a machine that does other things too; `npm run bench` measures. */
const MOST_MS = 1_500

test('at least 40 expressions of at least 15 C modules are tried', () => {
  expect(ENDLESS_PYTHON.length).toBeGreaterThanOrEqual(40)
  expect(new Set(ENDLESS_PYTHON.map(({ module }) => module)).size).toBeGreaterThanOrEqual(15)
})

inEveryWay(() => {
  describe('a deadline stops', () => {
    test.each(ENDLESS_PYTHON)('$module: $source', async ({ source }) => {
      const result = await (await toka()).run({ language: 'python', source, limits: { timeoutMs: 300 } })
      expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
      expect(result.usage.wallMs).toBeLessThan(MOST_MS)
    })

    test('and the next run on the same pool is right', async () => {
      const result = await (await toka()).run({ language: 'python', source: 'sum(range(10))' })
      expect(result).toMatchObject({ status: 'completed', value: 45 })
    })
  })
})
