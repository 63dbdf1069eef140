/** Sources that would keep the host's own thread busy, where no fuel stops anything. */
import { describe, expect, test } from 'vitest'
import { run, valueOf } from '../run.ts'

describe('a source that costs its reader more than its length', () => {
  test('a hundred thousand empty lines are read once', async () => {
    for (const blank of ['\n', ' \r', '\u2028', ' ']) {
      const result = await run(`${blank.repeat(100_000)}1`)
      expect(result).toMatchObject({ status: 'completed', value: 1 })
      expect(result.usage.wallMs).toBeLessThan(1_000)
    }
  })

  test('a module is still known by its first statement, wherever that stands', async () => {
    for (const before of ['', '\n\n', '\t ', '// a\r', '1;\u2028 '])
      expect(await valueOf(`${before}export default 2`)).toBe(2)
  })
})
