/** Sources that would keep the host's own thread busy, where no fuel stops anything. */
import { describe, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { run, toka, valueOf } from '../run.ts'
import { skipReasons } from '../skip-reasons.ts'

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
  'comparisons that may be type arguments': `${`${'a<'.repeat(400)}0;`.repeat(1_300)}`,
}

/** Elsewhere the guest's own thread transforms, and stands still as in all that the guest does. */
const canWait = await canSuspend()

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

  test('holds up nobody on its thread: neither the host nor the sources of others', async (context) => {
    context.skip(!canWait, skipReasons.noJspi)
    const owner = await toka()
    const [hostile, honest] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => owner.open({ language: 'typescript', isolation: 'inline' }))),
      owner.open({ language: 'typescript', isolation: 'inline' }),
    ])
    const source = ENDLESS['classes in fields of classes'] as string
    const endless = hostile.map((sandbox) => sandbox.run({ source, limits: { timeoutMs: 1_500 } }))
    const lags: number[] = []
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      lags.push(now - last)
      last = now
    }, 1)
    const answer = await honest.run({ source: 'const one: number = 1; one' })
    expect(answer).toMatchObject({ status: 'completed', value: 1 })
    for (const result of await Promise.all(endless)) expect(result.status).not.toBe('completed')
    clearInterval(timer)
    // On the host's thread the first of them would hold it until its deadline; 50 ms is one try of a source.
    expect(Math.max(...lags)).toBeLessThan(500)
    expect(lags.filter((lag) => lag > 45).length).toBeLessThan(8)
    expect(answer.usage.wallMs).toBeLessThan(1_400)
    await Promise.all([...hostile, honest].map((sandbox) => sandbox.dispose()))
  })

  test('has three seconds of the host at most, and the sandbox goes on', async () => {
    const sandbox = await (await toka()).open({ language: 'typescript' })
    const result = await sandbox.run({ source: ENDLESS['classes in fields of classes'] as string })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_GUEST_SYNTAX' } })
    expect(result.usage.wallMs).toBeLessThan(4_500)
    expect((await sandbox.run({ source: 'const one: number = 1; one' })).value).toBe(1)
    await sandbox.dispose()
  })
})
