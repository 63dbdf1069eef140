/** Sources that would keep the host's own thread busy, where no fuel stops anything. */
import { describe, expect, test } from 'vitest'
import { run, toka, valueOf } from '../run.ts'

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

/** Sources that the transformer of TypeScript is never done with: it tries each level twice, or tries all numbers. */
const ENDLESS: Record<string, string> = {
  'arrow functions in arrow functions': `${'(a='.repeat(60)}0${')=>0'.repeat(60)}`,
  'classes in fields of classes': `${'class A{x='.repeat(60)}0${'}'.repeat(60)}`,
  'a class of many fields': `class A{${'x=1;'.repeat(200_000)}}`,
  'comparisons that may be type arguments': `${`${'a<'.repeat(900)}0;`.repeat(500)}`,
}

describe('a TypeScript source that is never done', () => {
  for (const [name, source] of Object.entries(ENDLESS)) {
    test(`${name}: as a program and as a module that a program wrote`, async () => {
      const limits = { timeoutMs: 200 }
      const program = await run(source, { language: 'typescript', limits })
      expect(program).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
      expect(program.usage.wallMs).toBeLessThan(1_000)
      const writes =
        'require("fs").writeFileSync("/tmp/m.ts", input); try { await import("/tmp/m.ts") } catch {} for (;;) {}'
      const module = await run(writes, { input: source, limits })
      expect(module).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
      expect(module.usage.wallMs).toBeLessThan(1_000)
    })
  }

  test('has three seconds of the host at most, and the sandbox goes on', async () => {
    const sandbox = await (await toka()).open({ language: 'typescript' })
    const result = await sandbox.run({ source: ENDLESS['classes in fields of classes'] as string })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_GUEST_SYNTAX' } })
    expect(result.usage.wallMs).toBeLessThan(4_500)
    expect((await sandbox.run({ source: 'const one: number = 1; one' })).value).toBe(1)
    await sandbox.dispose()
  })
})
