/** Script or module: the parser decides, whatever the words `import` and `export` stand in. */
import { describe, expect, test } from 'vitest'
import { run, toka, valueOf } from '../run.ts'

const input = { n: 21 }

describe('a module', () => {
  test.each([
    ['var a=({n})=>n*2;export{a as default};', 42],
    ['/* licence */ export default 5', 5],
    ['"use strict";export default 5', 5],
    ['let x = 1; export default x', 1],
    ['async function f() {} await f(); export default 1', 1],
    ['const s = "x"; import { join } from "path"; export default join("a", s)', 'a/x'],
    ['var a=1;import*as p from"path";export default typeof p.join', 'function'],
    ['let a; a = import.meta.filename; export default a', '/tool/a.js'],
    ['let a = 1\n\texport\n default a', 1],
    ['export default 1', 1],
  ])('is one wherever its first import or export stands: %s', async (source, value) => {
    expect(await valueOf(source, { input, file: '/tool/a.js' })).toEqual(value)
  })

  test('in TypeScript too', async () => {
    expect(await valueOf('let x: number = 1; export default x', { language: 'typescript' })).toBe(1)
    expect(
      await valueOf('type A = 1; /* x */ export default (n: { n: number }): number => n.n', {
        language: 'typescript',
        input,
      }),
    ).toBe(21)
  })
})

describe('a script', () => {
  test.each([
    ['// export default 1\n7', 7],
    ['`\nexport default 1\n`.length', 18],
    ['const o = { import: 1, export: 2 }; o.import + o.export', 3],
    ['/export default/.source.length', 14],
    ['with ({ a: 1 }) { a } // import x', 1],
    ['const { join } = await import("path"); join("a", "b")', 'a/b'],
    ['const { join } = await import /* x */ ("path"); join("a", "b")', 'a/b'],
  ])('stays one: %s', async (source, value) => {
    expect(await valueOf(source)).toEqual(value)
  })

  test('that declares a name again is not run as a module instead', async () => {
    const sandbox = await (await toka()).open({ language: 'javascript' })
    try {
      const source = '/* export */ let twice = 1; twice'
      expect((await sandbox.run({ source })).value).toBe(1)
      expect(await sandbox.run({ source })).toMatchObject({
        status: 'failed',
        error: { message: expect.stringMatching(/twice/) },
      })
    } finally {
      await sandbox.dispose()
    }
  })
})

describe('a source that is neither', () => {
  const failure = async (source: string) => (await run(source, { file: '/tool/a.js' })).error

  test('has the error of a module when it is one but for a slip', async () => {
    expect(await failure('export const a = 1\nexport default a\nconst b = ;')).toMatchObject({
      code: 'TOKA_GUEST_SYNTAX',
      message: expect.stringMatching(/unexpected token in expression: ';'/),
      guestStack: expect.stringMatching(/a\.js:3:/),
    })
  })

  test('has the error of a script when it is one but for a slip', async () => {
    expect(await failure('// no export here\nwith ({}) {}\nconst b = ;')).toMatchObject({
      code: 'TOKA_GUEST_SYNTAX',
      message: expect.stringMatching(/unexpected token in expression: ';'/),
      guestStack: expect.stringMatching(/a\.js:3:/),
    })
  })

  test('with an endless line of words is refused at once', async () => {
    const started = performance.now()
    expect((await failure(`${'import '.repeat(200_000)}`))?.code).toBe('TOKA_GUEST_SYNTAX')
    expect((await failure(`import${' '.repeat(2_000_000)}`))?.code).toBe('TOKA_GUEST_SYNTAX')
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
