/** `process`, the console and the order of callbacks in a JavaScript guest. */
import { describe, expect, test } from 'vitest'
import { run, toka, valueOf } from '../run.ts'

describe('process', () => {
  test('has the arguments after program and file, and its own environment', async () => {
    const value = await valueOf(
      `const all = [process.argv, process.env.LANG, process.env.NOPE, 'LANG' in process.env, Object.keys(process.env), { ...process.env }]
      process.env.NEW = 1
      delete process.env.LANG
      all.concat([[process.env.NEW, process.env.LANG, Object.keys(process.env)]])`,
      { args: ['x', 'y z'], env: { LANG: 'C' }, file: '/app/a.js' },
    )
    expect(value).toEqual([
      ['/usr/bin/node', '/app/a.js', 'x', 'y z'],
      'C',
      undefined,
      true,
      ['LANG'],
      { LANG: 'C' },
      ['1', undefined, ['NEW']],
    ])
  })

  test('reads standard input as an async iterable, as events and at once', async () => {
    const stdin = 'line 1\nline é\n'
    const iterated = await valueOf(
      "process.stdin.setEncoding('utf8'); let text = ''; for await (const chunk of process.stdin) text += chunk; text",
      { stdin },
    )
    const events = await valueOf(
      "await new Promise((resolve) => { let n = 0; process.stdin.on('data', (chunk) => { n += chunk.length }); process.stdin.on('end', () => resolve(n)) })",
      { stdin },
    )
    const atOnce = await valueOf("require('fs').readFileSync(0, 'utf8')", { stdin })
    expect([iterated, events, atOnce]).toEqual([stdin, 15, stdin])
  })

  test('a listener on standard input keeps the run alive until the end', async () => {
    const result = await run("process.stdin.on('end', () => console.log('over')).on('data', () => {})", { stdin: 'x' })
    expect(result).toMatchObject({ status: 'completed', stdout: 'over\n' })
  })

  test('exit code and exit listeners are as in Node', async () => {
    const result = await run("process.on('exit', (code) => console.log('bye', code)); process.exitCode = 3")
    expect(result).toMatchObject({ exitCode: 3, stdout: 'bye 3\n' })
    const early = await run(
      "process.on('exit', (code) => console.log('bye', code)); setTimeout(() => {}, 60_000); process.exit(4); console.log('never')",
    )
    expect(early).toMatchObject({ exitCode: 4, stdout: 'bye 4\n' })
  })

  test('beforeExit may begin more', async () => {
    const result = await run(
      "let n = 0; process.on('beforeExit', () => { if (n++ < 2) setTimeout(() => console.log(n), 1) })",
    )
    expect(result).toMatchObject({ status: 'completed', stdout: '1\n2\n' })
  })

  test('uncaught errors and rejections end the run unless somebody listens', async () => {
    const thrown = await run(
      "setTimeout(() => { throw new TypeError('late') }, 1); setTimeout(() => console.log('never'), 50); 1",
    )
    expect(thrown).toMatchObject({ status: 'failed', stdout: '', error: { message: 'TypeError: late' } })
    const rejected = await run("Promise.reject(new Error('nobody')); 1")
    expect(rejected).toMatchObject({ status: 'failed', error: { message: 'Error: nobody' } })
    const plain = await run('Promise.reject(5); 1')
    expect(plain.error?.message).toContain('rejected with 5')
    const late = await run("const p = Promise.reject(new Error('x')); await null; p.catch(() => {}); 1")
    expect(late).toMatchObject({ status: 'completed', value: 1 })
    const heard = await run(
      "process.on('uncaughtException', (e) => console.log('heard', e.message)); process.on('unhandledRejection', (e) => console.log('also', e)); Promise.reject(1); setTimeout(() => { throw new Error('x') }, 1); 1",
    )
    expect(heard).toMatchObject({ status: 'completed', stdout: 'also 1\nheard x\n' })
  })

  test('members that a sandbox has no use for say so', async () => {
    const value = await valueOf(
      '[process.platform, process.browser, (() => { try { process.memoryUsage() } catch (error) { return error.message } })()]',
    )
    expect(value).toEqual(['linux', undefined, expect.stringContaining('process.memoryUsage is not available')])
  })
})

describe('callbacks', () => {
  test('run in the order of Node', async () => {
    const result = await run(`
      const log = (text) => console.log(text)
      setTimeout(() => { log('t1'); process.nextTick(log, 'tick in t1'); Promise.resolve().then(() => log('micro in t1')) }, 1)
      setTimeout(log, 1, 't2')
      setTimeout(log, 250, 't3')
      setTimeout(() => setImmediate(log, 'immediate in timer'), 8)
      Promise.resolve().then(() => { log('micro'); process.nextTick(log, 'tick in micro') }).then(() => log('micro 2'))
      process.nextTick(log, 'tick')
      queueMicrotask(() => log('queued'))
      log('sync')`)
    expect(result.stdout.trim().split('\n')).toEqual([
      'sync',
      'tick',
      'micro',
      'queued',
      'micro 2',
      'tick in micro',
      't1',
      'tick in t1',
      'micro in t1',
      't2',
      'immediate in timer',
      't3',
    ])
  })

  test('immediates of one turn run before those they make, and timers come between', async () => {
    const result = await run(`
      setImmediate(() => { console.log('a'); setImmediate(() => console.log('c')) })
      setImmediate(() => console.log('b'))`)
    expect(result.stdout).toBe('a\nb\nc\n')
  })

  test('are cleared, refreshed, unreferenced and repeated', async () => {
    const value = await valueOf(`
      const seen = []
      const cleared = setTimeout(() => seen.push('cleared'), 1)
      clearTimeout(+cleared)
      clearTimeout(undefined); clearTimeout('nonsense'); clearImmediate(setImmediate(() => seen.push('immediate')))
      let count = 0
      await new Promise((resolve) => { const every = setInterval(() => { if (++count === 3) { clearInterval(every); resolve() } }, 1) })
      const quiet = setTimeout(() => seen.push('quiet'), 60_000).unref()
      await new Promise((resolve) => { const t = setTimeout(resolve, 3); t.refresh() })
      ;[seen, count, quiet.hasRef(), quiet.ref().unref() === quiet, typeof +quiet, (() => { try { setTimeout('code') } catch (error) { return error.code } })()]`)
    expect(value).toEqual([[], 3, false, true, 'number', 'ERR_INVALID_ARG_TYPE'])
  })

  test('thousands of timers fire in the order of their deadlines, and cleared ones not at all', async () => {
    const value = (await valueOf(
      `const fired = []
      const timers = Array.from({ length: 3000 }, (_, n) => setTimeout(() => fired.push(n), 1 + (n % 7) * 1000))
      for (const timer of timers.filter((_, n) => n % 3 === 0)) clearTimeout(timer)
      await new Promise((resolve) => setTimeout(resolve, 8000))
      fired`,
      { deterministic: { seed: 'timers', start: '2026-01-01T00:00:00Z' } },
    )) as number[]
    const kept = Array.from({ length: 3_000 }, (_, n) => n).filter((n) => n % 3 !== 0)
    expect(value).toEqual(kept.sort((a, b) => (a % 7) - (b % 7) || a - b))
  })

  test('nothing of an earlier run in the sandbox goes on in the next', async () => {
    const sandbox = await (await toka()).open({ language: 'javascript' })
    try {
      await sandbox.run({
        source:
          "setTimeout(() => console.log('old'), 30).unref(); process.on('exit', () => console.log('old')); process.exitCode = undefined; globalThis.kept = 1; console.group(); 1",
      })
      const next = await sandbox.run({ source: "setTimeout(() => console.log('new', kept), 60); 2" })
      expect(next).toMatchObject({ status: 'completed', value: 2, stdout: 'new 1\n' })
    } finally {
      await sandbox.dispose()
    }
  })
})

describe('the console', () => {
  const prints: [string, string, string][] = [
    [
      "console.log('%s is %d years and %i, %f, %j %o %% %c.', 'Bob', 42.5, 42.9, 1.5, { a: 1 }, [1], 'css')",
      'Bob is 42.5 years and 42, 1.5, {"a":1} [ 1, [length]: 1 ] % .\n',
      '',
    ],
    [
      "console.log({ a: { b: { c: { d: 1 } } }, list: [1, , 'x'], f() {}, s: Symbol('q'), m: new Map([[1, { x: 1 }]]), b: 5n, u: undefined })",
      `{
  a: { b: { c: [Object] } },
  list: [ 1, <1 empty item>, 'x' ],
  f: [Function: f],
  s: Symbol(q),
  m: Map(1) { 1 => { x: 1 } },
  b: 5n,
  u: undefined
}\n`,
      '',
    ],
    ["console.error('e'); console.warn('w'); console.info('i'); console.debug('d')", 'i\nd\n', 'e\nw\n'],
    [
      "console.group('G'); console.log('a\\nb'); console.group(); console.log('c'); console.groupEnd(); console.groupEnd(); console.log('d')",
      'G\n  a\n  b\n    c\nd\n',
      '',
    ],
    [
      "console.count(); console.count('x'); console.count(); console.countReset(); console.count()",
      'default: 1\nx: 1\ndefault: 2\ndefault: 1\n',
      '',
    ],
    [
      "console.assert(1, 'no'); console.assert(0, 'said %s', 'x'); console.assert(false)",
      '',
      'Assertion failed: said x\nAssertion failed\n',
    ],
    [
      "console.table([{ a: 1, b: 'x' }, { a: 2, c: true }])",
      `┌─────────┬───┬─────┬──────┐
│ (index) │ a │ b   │ c    │
├─────────┼───┼─────┼──────┤
│ 0       │ 1 │ 'x' │      │
│ 1       │ 2 │     │ true │
└─────────┴───┴─────┴──────┘\n`,
      '',
    ],
    ['console.dir({ a: { b: { c: {} } } }, { depth: 0 })', '{ a: [Object] }\n', ''],
    ['const o = { n: 1 }; o.self = o; console.log(o)', '<ref *1> { n: 1, self: [Circular *1] }\n', ''],
    [
      "class A { #p = 1; x = 1; get y() { return 2 } }; console.log(new A(), A, new Error('boom').message, [new Date(0)])",
      'A { x: 1 } [class A] boom [ 1970-01-01T00:00:00.000Z ]\n',
      '',
    ],
    [
      "console.log('x'.repeat(3), new Uint8Array(3), new Set('ab'), Object.create(null), -0, [undefined, null])",
      "xxx Uint8Array(3) [ 0, 0, 0 ] Set(2) { 'a', 'b' } [Object: null prototype] {} -0 [ undefined, null ]\n",
      '',
    ],
  ]
  test.each(prints)('%s', async (source, stdout, stderr) => {
    expect(await run(source)).toMatchObject({ status: 'completed', stdout, stderr })
  })

  test('times, traces and survives huge and hostile values', async () => {
    const result = await run(`
      console.time('t'); console.timeEnd('t'); console.timeEnd('t')
      console.trace('here')
      console.log(Array.from({ length: 5000 }, (_, i) => i))
      console.log({ get bad() { throw new Error('x') } }, new Proxy({}, { get() { throw 1 } }))
      1`)
    expect(result).toMatchObject({ status: 'completed', value: 1 })
    expect(result.stdout).toMatch(/^t: [\d.]+ms\n/)
    expect(result.stdout).toContain('... 4900 more items')
    expect(result.stdout.length).toBeLessThan(5_000)
    expect(result.stderr).toMatch(/Trace: here\n {4}at /)
    expect(result.stderr).toContain("No such label 't'")
  })
})

describe('waiting', () => {
  test('calls that are answered at once keep no timer and no immediate from running', async () => {
    const value = await valueOf(
      `
      const fs = require('fs/promises')
      let over = 0
      setTimeout(() => { over++ }, 500)
      setImmediate(() => { over++ })
      let calls = 0
      while (over < 2) { await fs.stat('/tmp'); calls++ }
      calls > 2`,
      { limits: { timeoutMs: 10_000, hostCalls: 100_000 } },
    )
    expect(value).toBe(true)
  })
})
