/** JavaScript tools as their authors expect them: values, modules, files, errors, exit codes. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, TokaError } from '../../src/index.ts'
import { run, toka, valueOf } from '../run.ts'

describe('a script', () => {
  test('hands back its completion value', async () => {
    expect(await valueOf('1 + 1')).toBe(2)
  })

  test('may await at top level', async () => {
    expect(await valueOf('const x = await Promise.resolve(20); x + 1')).toBe(21)
  })

  test('reads its input as a global', async () => {
    expect(await valueOf('input.a + input.b', { input: { a: 1, b: 2 } })).toBe(3)
  })

  test('finds no input where none was given', async () => {
    expect(await valueOf('typeof input')).toBe('undefined')
  })

  test('runs until its timers have run, as in Node', async () => {
    const result = await run('setTimeout(() => console.log("later"), 20); console.log("first"); 7')
    expect(result).toMatchObject({ status: 'completed', value: 7, stdout: 'first\nlater\n' })
  })

  test('keeps the order of microtasks, ticks, timers and immediates', async () => {
    const result = await run(`
      setTimeout(() => console.log('timeout 0'), 0)
      setTimeout(() => console.log('timeout 5'), 5)
      Promise.resolve().then(() => console.log('microtask'))
      process.nextTick(() => console.log('tick'))
      console.log('sync')`)
    expect(result.stdout.split('\n').slice(0, 3).sort()).toEqual(['microtask', 'sync', 'tick'])
    expect(result.stdout).toContain('timeout 0\ntimeout 5\n')
  })
})

describe('a module', () => {
  test('hands back its default export', async () => {
    expect(await valueOf('export default { a: 1 }')).toEqual({ a: 1 })
  })

  test('whose default export is a function is called with the input and awaited', async () => {
    const source = 'export default async ({ n }) => { await null; return n * 2 }'
    expect(await valueOf(source, { input: { n: 21 } })).toBe(42)
  })

  test('imports other modules and JSON from the files of the sandbox', async () => {
    const value = await valueOf(
      "import { twice } from './lib/twice.mjs'\nimport data from '/data.json'\nexport default twice(data.n)",
      {
        file: '/app/main.mjs',
        files: { '/app/lib/twice.mjs': 'export const twice = (n) => n * 2', '/data.json': '{"n": 4}' },
      },
    )
    expect(value).toBe(8)
  })

  test('imports TypeScript modules, also by their JavaScript name', async () => {
    const value = await valueOf("import { f } from './f.js'\nexport default f(1)", {
      file: '/app/main.mjs',
      files: { '/app/f.ts': 'export function f(n: number): string { return `n=${n}` }' },
    })
    expect(value).toBe('n=1')
  })

  test('with a bare import is told how to bundle', async () => {
    const result = await run("import lodash from 'lodash'\nexport default 1")
    expect(result.status).toBe('failed')
    expect(result.error?.message).toMatch(/lodash/)
    expect(result.error?.message).toMatch(/bundle/)
  })
})

describe('TypeScript', () => {
  test('runs, and its errors name the lines of the source', async () => {
    const result = await run(
      'type A = {\n  a: number\n}\nconst a: A = { a: 1 }\nfunction boom(): never {\n  throw new TypeError("here")\n}\nboom()\n',
      {
        language: 'typescript',
        file: '/tool/a.ts',
      },
    )
    expect(result).toMatchObject({
      status: 'failed',
      exitCode: 1,
      error: { code: 'TOKA_GUEST_ERROR', message: 'TypeError: here' },
    })
    expect(result.error?.guestStack).toMatch(/\/tool\/a\.ts:6/)
  })

  test('that does not parse is a syntax error that names the place', async () => {
    const result = await run('const a: = 1', { language: 'typescript' })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_GUEST_SYNTAX' } })
  })
})

describe('values across the border', () => {
  const values: [string, unknown][] = [
    ['null', null],
    ['undefined', undefined],
    ['[true, false]', [true, false]],
    [
      '[0, -0, 1.5, NaN, Infinity, -Infinity, 2 ** 53 - 1, 2 ** 60]',
      [0, -0, 1.5, NaN, Infinity, -Infinity, 2 ** 53 - 1, 2 ** 60],
    ],
    ['[10n, -(2n ** 80n)]', [10n, -(2n ** 80n)]],
    ['"a\\u0000ä€😀"', 'a\u0000ä€😀'],
    ['new Uint8Array([1, 2, 255])', new Uint8Array([1, 2, 255])],
    [
      'new Map([["a", 1], [{ k: 1 }, new Set([1, "x"])]])',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Set([1, 'x'])],
      ]),
    ],
    ['new Date(1700000000123)', new Date(1700000000123)],
    ['new Date(8.64e15 - 1)', new Date(8.64e15 - 1)],
    ['({ z: 1, a: { nested: [undefined, null] } })', { z: 1, a: { nested: [undefined, null] } }],
  ]
  test.each(values)('%s comes out as it was', async (source, expected) => {
    expect(await valueOf(`(${source})`)).toEqual(expected)
  })
  test.each(values)('%s goes in and out unharmed', async (_source, value) => {
    expect(await valueOf('input', { input: value })).toEqual(value)
  })

  test('keep the order of keys', async () => {
    expect(Object.keys((await valueOf('({ z: 1, a: 2, m: 3 })')) as object)).toEqual(['z', 'a', 'm'])
  })

  test.each([
    ['a function', '({ orders: [1, { f() {} }] })', /orders\[1\]\.f/],
    ['a cycle', 'const a = { b: {} }; a.b.c = a; a', /b\.c/],
    ['a symbol', '[Symbol("x")]', /\[0\]/],
  ])('that cannot cross (%s) are refused with their path', async (_name, source, path) => {
    const result = await run(source)
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_VALUE_UNSUPPORTED' } })
    expect(result.error?.message).toMatch(path)
  })

  test('are validated and typed by `output`', async () => {
    const instance = await toka()
    const good = await instance.run({
      language: 'javascript',
      source: '({ n: 1 })',
      output: z.object({ n: z.number() }),
    })
    expect(good.value?.n).toBe(1)
    const bad = await instance.run({
      language: 'javascript',
      source: '({ n: "1" })',
      output: z.object({ n: z.number() }),
    })
    expect(bad).toMatchObject({ status: 'failed', error: { code: 'TOKA_OUTPUT_INVALID' } })
  })
})

describe('failures', () => {
  test("an uncaught error is a result with the guest's own line", async () => {
    const result = await run('const a = 1\nfunction f() {\n  null.x\n}\nf()', { file: '/tool/t.js' })
    expect(result).toMatchObject({ status: 'failed', exitCode: 1, error: { code: 'TOKA_GUEST_ERROR' } })
    expect(result.error?.message).toMatch(/^TypeError: /)
    expect(result.error?.guestStack).toMatch(/at f \(\/tool\/t\.js:3/)
    expect(result.error?.guestStack).not.toMatch(/native|prelude/)
  })

  test('source that does not parse is a syntax error with its place', async () => {
    const result = await run('let a = 1\nlet b = = 2', { file: '/tool/t.js' })
    expect(result).toMatchObject({ status: 'failed', exitCode: 1, error: { code: 'TOKA_GUEST_SYNTAX' } })
    expect(`${result.error?.message}${result.error?.guestStack}`).toMatch(/t\.js:2/)
  })

  test('an unhandled rejection fails the run, a handled one does not', async () => {
    expect(await run('Promise.reject(new Error("lost")); 1')).toMatchObject({
      status: 'failed',
      error: { message: 'Error: lost' },
    })
    expect(await run('Promise.reject(new Error("kept")).catch(() => {}); 1')).toMatchObject({ status: 'completed' })
  })

  test('what a callback of queueMicrotask throws is uncaught, and can be observed', async () => {
    const thrown = 'queueMicrotask(() => { throw new Error("lost") })'
    expect(await run(`${thrown}; 1`)).toMatchObject({ status: 'failed', error: { message: 'Error: lost' } })
    const observed = `process.on('uncaughtException', (error) => console.log('seen', error.message)); ${thrown}; 1`
    expect(await run(observed)).toMatchObject({ status: 'completed', value: 1, stdout: 'seen lost\n' })
    const order =
      'const seen = []; Promise.resolve().then(() => seen.push(1)); queueMicrotask(() => seen.push(2)); await null; seen'
    expect((await run(order)).value).toEqual([1, 2])
    expect((await run('try { queueMicrotask(1) } catch (error) { error.code }')).value).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('process.exit ends the run at once with its code', async () => {
    const result = await run(
      'try { process.exit(3) } catch { console.log("caught") } finally { console.log("finally") }',
    )
    expect(result).toMatchObject({ status: 'completed', exitCode: 3, stdout: '' })
  })

  test('a promise that nothing can settle ends the run with the reason', async () => {
    expect(await run('await new Promise(() => {})')).toMatchObject({
      status: 'failed',
      error: { code: 'TOKA_GUEST_UNSETTLED' },
    })
  })
})

describe("the sandbox's files", () => {
  test('are read, written and handed back', async () => {
    const result = await run(
      `import fs from 'node:fs'
       const data = JSON.parse(fs.readFileSync('/in/a.json', 'utf8'))
       fs.mkdirSync('/out/deep', { recursive: true })
       fs.writeFileSync('/out/deep/b.txt', String(data.n * 2))`,
      { files: { '/in/a.json': '{"n": 21}' }, collect: ['/out/**'] },
    )
    expect(result.status).toBe('completed')
    expect(Object.keys(result.files)).toEqual(['/out/deep/b.txt'])
    expect(new TextDecoder().decode(result.files['/out/deep/b.txt'])).toBe('42')
  })

  test('report errors as Node does', async () => {
    const value = await valueOf(
      "import { readFileSync } from 'fs'; let e; try { readFileSync('/no') } catch (x) { e = x }; export default [e.code, e.syscall, e.path, e.message]",
    )
    expect(value).toEqual(['ENOENT', 'open', '/no', "ENOENT: no such file or directory, open '/no'"])
  })

  test('hold a file of several megabytes', async () => {
    const bytes = new Uint8Array(3 * 2 ** 20).map((_, index) => index % 251)
    const value = await valueOf(
      "import { readFile } from 'node:fs/promises'\nexport default async () => { const b = await readFile('/big'); let s = 0; for (const x of b) s += x; return [b.length, s] }",
      { files: { '/big': bytes } },
    )
    expect(value).toEqual([bytes.length, bytes.reduce((sum, byte) => sum + byte, 0)])
  })
})

describe('the process', () => {
  test('has arguments, environment, stdin and streams', async () => {
    const result = await run(
      `import fs from 'node:fs'
       console.log(process.argv.slice(2).join(' '), process.env.GREETING)
       console.error('to stderr')
       console.log(fs.readFileSync(0, 'utf8').toUpperCase())`,
      { args: ['a', 'b c'], env: { GREETING: 'hello' }, stdin: 'from stdin' },
    )
    expect(result).toMatchObject({ status: 'completed', stdout: 'a b c hello\nFROM STDIN\n', stderr: 'to stderr\n' })
  })
})

describe('bad requests are refused with a typed error', () => {
  const refuse = async (request: unknown) => {
    const instance = await toka()
    return instance.run(request as never).then(
      () => 'no error',
      (error) => (error instanceof TokaError ? error.code : error),
    )
  }
  test.each([
    ['an unknown language', { language: 'cobol', source: '1' }, 'TOKA_REQUEST_LANGUAGE'],
    ['no source', { language: 'javascript' }, 'TOKA_REQUEST_INVALID'],
    ['an unknown field', { language: 'javascript', source: '1', sauce: 1 }, 'TOKA_REQUEST_INVALID'],
    [
      'a limit that is not a number',
      { language: 'javascript', source: '1', limits: { timeoutMs: '1' } },
      'TOKA_REQUEST_INVALID',
    ],
    [
      'a grant with an unknown field',
      { language: 'javascript', source: '1', grants: [{ resource: 'fs', actions: ['read'], path: ['/'] }] },
      'TOKA_GRANT_INVALID',
    ],
    [
      'a tool that defineTool did not make',
      { language: 'javascript', source: '1', tools: [{ name: 'x' }] },
      'TOKA_TOOL_INVALID',
    ],
    ['a relative file name', { language: 'javascript', source: '1', files: { 'a.txt': '' } }, 'TOKA_REQUEST_INVALID'],
  ])('%s', async (_name, request, code) => {
    expect(await refuse(request)).toBe(code)
  })

  test('a closed Toka', async () => {
    const closed = await createToka()
    await closed.dispose()
    await expect(closed.run({ language: 'javascript', source: '1' })).rejects.toMatchObject({
      code: 'TOKA_SANDBOX_CLOSED',
    })
  })
})
