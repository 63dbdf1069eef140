/** Guests driven into each limit: the code of the result, the overshoot, and the next run unharmed. */
import { describe, expect, test } from 'vitest'
import { run, toka, valueOf } from '../run.ts'

const LOOPS: [string, string][] = [
  ['an empty loop', 'for (;;) {}'],
  ['a loop that swallows every error', 'for (;;) { try { for (;;) {} } catch {} finally { continue } }'],
  [
    'promise jobs without end',
    'const again = () => Promise.resolve().then(again); again(); await new Promise(() => {})',
  ],
  ['a regular expression', '/^(a+)+$/.test("a".repeat(40) + "b")'],
  ['indexOf over a huge length', 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)'],
  [
    'a sort with a slow comparator',
    'Array.from({ length: 1e6 }, (_, i) => (i * 7919) % 1e6).sort((a, b) => { for (let i = 0; i < 100; i++); return a - b })',
  ],
  ['BigInt', 'let a = 3n; for (;;) a = a * a'],
  ['a long string search', 'const s = "a".repeat(1e6); for (;;) s.indexOf("ab")'],
  ['a getter while the result crosses', '({ get a() { for (;;) {} } })'],
  ['a toString in an error', 'throw { get message() { for (;;) {} } }'],
  ['copies of many bytes', 'const a = new Uint8Array(2e7), b = new Uint8Array(2e7); for (;;) a.set(b)'],
  ['a buffer that is filled', 'const a = new Uint8Array(4e7); for (;;) a.fill(1)'],
  [
    'a file that is cut and grown',
    'const fs = require("fs"); fs.writeFileSync("/a", ""); const fd = fs.openSync("/a", "r+"); for (;;) { fs.ftruncateSync(fd, 6e7); fs.ftruncateSync(fd, 6e7 - 1) }',
  ],
  ['a timer that never ends', 'setInterval(() => {}, 1)'],
  ['a sleep past the deadline', 'await new Promise((resolve) => setTimeout(resolve, 60_000))'],
  ['an exit handler that loops', 'process.stdout.write = () => { for (;;) {} }; console.log("x"); for (;;) {}'],
]

describe('the time limit', () => {
  test.each(LOOPS)('stops %s', async (_name, source) => {
    // The best of three: a machine that does other things makes one late, a guest that is not stopped makes all late.
    let least = Infinity
    for (let i = 0; i < 3 && least >= 400; i++) {
      const result = await run(source, { limits: { timeoutMs: 100 } })
      expect(result).toMatchObject({ status: 'limit', exitCode: 1, error: { code: 'TOKA_LIMIT_TIME' } })
      least = Math.min(least, result.usage.wallMs)
    }
    expect(least).toBeLessThan(400)
    expect(await valueOf('1 + 1')).toBe(2)
  })
})

describe('the fuel limit', () => {
  test('stops a guest and reports what it burned', async () => {
    const result = await run('for (;;) {}', { limits: { fuel: 1_000_000 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_FUEL' } })
    expect(result.usage.fuel).toBeGreaterThan(999_000)
    expect(result.usage.fuel).toBeLessThan(1_000_100)
  })
})

describe('the memory limit', () => {
  const bombs: [string, string][] = [
    ['arrays', 'const a = []; for (;;) a.push(new Array(1000).fill(1))'],
    ['strings', 'let s = "x"; for (;;) { s += s + "y"; s.charCodeAt(1) }'],
    ['typed arrays', 'const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))'],
    ['closures', 'const a = []; for (let i = 0; ; i++) a.push(() => i)'],
    [
      'regular expressions',
      `const a = []; for (let i = 0; ; i++) { const r = new RegExp('(?:a|b)+?'.repeat(500) + i); r.test('a'); a.push(r) }`,
    ],
    ['a huge array at once', 'new Array(3e7) + ""'],
    // Blocks that move while they grow are there twice; the interpreter counts them once.
    ['one array that grows', 'const a = []; for (;;) a.push(1)'],
    ['an array that is filled', 'Array(1e7).fill({})'],
    [
      'a buffer that is resized',
      'const b = new ArrayBuffer(8, { maxByteLength: 2 ** 28 }); for (let i = 16; ; i *= 1.3) b.resize(Math.floor(i))',
    ],
    ['a buffer that is handed on', 'let b = new ArrayBuffer(1e6); for (;;) b = b.transfer(b.byteLength + 1e5)'],
  ]
  test.each(bombs)('stops %s within the limit', async (_name, source) => {
    const memoryBytes = 16 * 2 ** 20
    const result = await run(source, { limits: { memoryBytes, timeoutMs: 50_000 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_MEMORY' } })
    expect(result.usage.memoryBytes).toBeLessThanOrEqual(memoryBytes)
    expect(await valueOf('1 + 1')).toBe(2)
  })

  test('holds what is lost between blocks, too', async () => {
    const full = (bytes: number) => `try { for (;;) a.push(new Uint8Array(${bytes})) } catch {}`
    const source = `const a = []; ${full(60_000)}; for (let i = 0; i < a.length; i += 2) a[i] = null; ${full(70_000)}; 1`
    const memoryBytes = 32 * 2 ** 20
    const result = await run(source, { limits: { memoryBytes } })
    expect(result.usage.memoryBytes).toBeLessThanOrEqual(memoryBytes)
    expect(await valueOf('1 + 1')).toBe(2)
  })
})

describe('recursion', () => {
  test('without end is an error that the guest can catch, or a limit', async () => {
    const result = await run('function f() { return f() + 1 }; let e; try { f() } catch (x) { e = x.name }; e')
    expect(result).toMatchObject({ status: 'completed', value: 'RangeError' })
  })

  test.each([
    ['JSON', 'JSON.parse("[".repeat(100000))'],
    ['JSON.stringify', 'let a = []; for (let i = 0; i < 100000; i++) a = [a]; JSON.stringify(a)'],
    ['a regular expression', 'new RegExp("(".repeat(50000) + ")".repeat(50000))'],
    ['the parser', 'eval("(".repeat(50000) + "1" + ")".repeat(50000))'],
    ['toString', 'const o = { toString() { return "" + o } }; "" + o'],
    ['proxies', 'let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x'],
  ])('in %s ends in an error or a limit and harms nobody', async (_name, source) => {
    const result = await run(source, { limits: { timeoutMs: 5_000 } })
    expect(['failed', 'limit']).toContain(result.status)
    expect(await valueOf('1 + 1')).toBe(2)
  })
})

describe('output', () => {
  test('beyond the limit is dropped and said so, on each stream', async () => {
    const result = await run(
      'for (let i = 0; i < 1000; i++) { console.log("x".repeat(99)); console.error("y".repeat(99)) }',
      { limits: { outputBytes: 10_000 } },
    )
    expect(result.status).toBe('completed')
    expect(result.stdout.length).toBe(10_000)
    expect(result.stderr.length).toBe(10_000)
    expect(result.truncated).toEqual({ stdout: true, stderr: true })
    expect(result.usage.outputBytes).toBe(200_000)
  })
})

describe('the private files', () => {
  test('are bounded in bytes', async () => {
    const source =
      'import fs from "fs"; let e; try { for (let i = 0; ; i++) fs.writeFileSync("/f" + i, new Uint8Array(1e5)) } catch (x) { e = x.code }; export default e'
    expect(await valueOf(source, { limits: { fileBytes: 1_000_000 } })).toBe('ENOSPC')
  })

  test('are bounded in number', async () => {
    const source =
      'import fs from "fs"; let e; try { for (let i = 0; ; i++) fs.mkdirSync("/d" + i) } catch (x) { e = x.code }; export default e'
    expect(await valueOf(source, { limits: { fileNodes: 100 } })).toBe('ENOSPC')
  })

  test('are bounded in open descriptors', async () => {
    const source =
      'import fs from "fs"; fs.writeFileSync("/a", ""); let e; try { for (;;) fs.openSync("/a") } catch (x) { e = x.code }; export default e'
    expect(await valueOf(source)).toBe('EMFILE')
  })
})

describe('cancellation', () => {
  test('before the start runs nothing', async () => {
    expect(await run('console.log(1)', { signal: AbortSignal.abort() })).toMatchObject({
      status: 'cancelled',
      stdout: '',
      error: { code: 'TOKA_CANCELLED' },
    })
  })

  test('while the guest waits ends the run at once', async () => {
    const started = performance.now()
    const result = await run('await new Promise((r) => setTimeout(r, 10_000))', { signal: AbortSignal.timeout(50) })
    expect(result.status).toBe('cancelled')
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test('two hundred killed runs leave the next one unharmed', async () => {
    const instance = await toka()
    for (let i = 0; i < 200; i++) {
      const result = await instance.run({ language: 'javascript', source: 'for (;;) {}', limits: { fuel: 50_000 } })
      expect(result.status).toBe('limit')
    }
    expect(await valueOf('1 + 1')).toBe(2)
  })
})
