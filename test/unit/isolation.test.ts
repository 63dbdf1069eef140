/** The same requests on the caller's thread and in workers, with and without suspension: the same results. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput, type RunRequest, type RunResult, type TraceEvent } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS, type Way } from '../isolations.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const allow = (...names: string[]): GrantInput[] => [{ resource: 'tool', actions: ['call'], names }]
const any = z.object({}).loose()
const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  run: ({ a, b }) => ({ sum: a + b }),
})
const slow = defineTool({
  name: 'slow',
  description: 'Answers after 50 ms',
  input: z.object({ n: z.number() }),
  run: async ({ n }) => {
    await sleep(50)
    return n * 2
  },
})
const echo = defineTool({ name: 'echo', description: 'Answers what it gets', input: any, run: async (value) => value })
const liar = defineTool({ name: 'liar', description: '', input: any, output: z.string(), run: () => 1 as never })
const failing = defineTool({
  name: 'failing',
  description: '',
  input: any,
  run: () => {
    throw Object.assign(new Error("open '/home/host/x'"), { path: '/home/host/x' })
  },
})
const tools = {
  tools: [add, slow, echo, liar, failing],
  grants: allow('add', 'slow', 'echo', 'liar', 'failing', 'none'),
}
const caught = (call: string) => `let e; try { ${call} } catch (x) { e = x }; [e.code, e.message]`
const data = { at: '/data', from: { files: { '/a.txt': 'hello', '/b.txt': 'no' } }, mode: 'rw' as const }
const fs = (paths: string[], ...actions: ('read' | 'write')[]): GrantInput => ({ resource: 'fs', actions, paths })

async function runIn(way: Way, request: Omit<RunRequest, 'language'>): Promise<RunResult> {
  return (await tokaOf(way)).run({ language: 'javascript', ...request })
}

/** What does not depend on time. */
function steady({ usage, audit, ...result }: RunResult) {
  const { wallMs: _, cpuMs: __, fuel: ___, ...counts } = usage
  return { ...result, usage: counts, records: audit.records }
}

const REQUESTS: Record<string, Omit<RunRequest, 'language'>> = {
  'a value': {
    source: '({ a: [1, 2n, new Date(5), new Uint8Array([1, 2]), undefined], m: new Map([[1, new Set([2])]]) })',
  },
  'an input and a schema': { source: 'input.n + 1', input: { n: 41 }, output: z.number() },
  'a result that does not match its schema': { source: '"x"', output: z.number() },
  'a module': { source: 'export default ({ n }) => n * 2', input: { n: 4 } },
  'a file': {
    file: '/tool/x.mjs',
    files: { '/tool/x.mjs': 'import y from "./y.mjs"; export default y', '/tool/y.mjs': 'export default 7' },
  },
  'a file that is not there': { file: '/none.js' },
  'an error': { source: 'function f() { throw new TypeError("no") }\nf()' },
  'a syntax error': { source: 'let 1' },
  'an exit': { source: 'process.exit(3)' },
  'something that never settles': { source: 'await new Promise(() => {})' },
  'a value that cannot cross': { source: '(() => {})' },
  'output on both streams': { source: 'console.log("a"); console.error("b"); process.stdout.write("c")' },
  'more output than is kept': { source: 'console.log("x".repeat(5000))', limits: { outputBytes: 100 } },
  'arguments, environment and stdin': {
    source: '[process.argv.slice(2), process.env.A, require("fs").readFileSync(0, "utf8")]',
    args: ['x', 'y'],
    env: { A: '1' },
    stdin: 'typed',
  },
  'files handed back': {
    source: 'require("fs").writeFileSync("/out/a.txt", "A"); require("fs").writeFileSync("/tmp/b", "B")',
    collect: ['/out/**'],
  },
  'a mount': {
    source:
      '[require("fs").readFileSync("/data/a.txt", "utf8"), (() => { try { return require("fs").readFileSync("/data/b.txt") } catch (e) { return e.code } })()]',
    mounts: [data],
    grants: [fs(['/data/a.txt'], 'read')],
  },
  'a denied tool': { source: caught('await tools.add({ a: 1, b: 2 })'), tools: [add] },
  'a tool, awaited and blocking': {
    source: '[await tools.add({ a: 1, b: 2 }), tools.add.sync({ a: 2, b: 2 })]',
    ...tools,
  },
  'wrong arguments of a tool': { source: caught('await tools.add({ a: 1, b: "2" })'), ...tools },
  'a tool that breaks its promise': { source: caught('await tools.liar({})'), ...tools },
  'a tool that throws': { source: caught('await tools.failing({})'), ...tools },
  'large arguments and results': {
    source: 'const b = new Uint8Array(100_000).fill(7); (await tools.echo({ b })).b.length',
    ...tools,
  },
  'a result that is too large': {
    source: caught('await tools.echo({ b: new Uint8Array(3000) })'),
    ...tools,
    limits: { flatBytes: 1000, structuredBytes: 1000 },
  },
  'too many calls': {
    source: 'for (let i = 0; i < 50; i++) await tools.add({ a: 1, b: 1 })',
    ...tools,
    limits: { hostCalls: 10 },
  },
  'recursion without end': {
    source: 'function f() { return f() + 1 }; let e; try { f() } catch (x) { e = x.name }; e',
  },
  'a memory bomb': {
    source: 'const a = []; for (;;) a.push(new Array(1000).fill(1))',
    limits: { memoryBytes: 16 * 2 ** 20 },
  },
  'a file that is too large': {
    source: 'let e; try { require("fs").writeFileSync("/a", "x".repeat(5000)) } catch (x) { e = x.code }; e',
    limits: { fileBytes: 1000 },
  },
  'seeded randomness and a virtual clock': {
    source:
      '[Math.random(), crypto.randomUUID(), Date.now(), await new Promise((r) => setTimeout(() => r(Date.now()), 60_000))]',
    deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' },
  },
}

describe.each(['worker', 'worker that cannot suspend'] as const)(
  'a %s gives the result of the same thread for',
  (way) => {
    test.each(Object.keys(REQUESTS))('%s', async (name) => {
      const request = REQUESTS[name] as Omit<RunRequest, 'language'>
      expect(steady(await runIn(way, request))).toEqual(steady(await runIn('inline', request)))
    })

    test.each([
      ['a pattern that cannot be', { source: '1', collect: ['/[z-a]/\0'] }],
      ['a mount of nothing', { source: '1', mounts: [{ at: '/x', from: 42 as never, mode: 'ro' as const }] }],
      [
        'a mount that cannot be sent',
        { source: '1', mounts: [{ at: '/x', from: (() => 1) as never, mode: 'ro' as const }] },
      ],
      ['a grant of nothing', { source: '1', grants: [{}] as never }],
      ['a file whose path cannot be', { source: '1', files: { '/a\0b': 'x' } }],
    ])('%s, which is refused', async (_name, request) => {
      const refusal = (from: Way) =>
        runIn(from, request).then(
          () => 'not refused',
          (error) => error.code,
        )
      const code = await refusal('inline')
      expect(code).toMatch(/^TOKA_/)
      expect(await refusal(way)).toBe(code)
    })
  },
)

describe.each(WAYS)('%s:', (way) => {
  test('awaited calls of tools overlap', async () => {
    const result = await runIn(way, {
      source: 'await Promise.all([1, 2, 3, 4, 5, 6].map((n) => tools.slow({ n })))',
      ...tools,
    })
    expect(result.value).toEqual([2, 4, 6, 8, 10, 12])
    expect(result.usage.wallMs).toBeLessThan(250)
  })

  test('a blocking call of a tool that answers later waits for it, where the guest or its thread can', async () => {
    const result = await runIn(way, {
      source: 'let r; try { r = [tools.slow.sync({ n: 4 }), tools.slow.sync({ n: 5 })] } catch (e) { r = e.code }; r',
      ...tools,
    })
    expect(result.value).toEqual(way !== 'inline' || (await canSuspend()) ? [8, 10] : 'TOKA_CALL_BLOCKING')
  })

  test('a large answer reaches a blocking call', async () => {
    const source =
      'const b = new Uint8Array(100_000).fill(9); const r = tools.echo.sync({ b }).b; [r.length, r[99_999]]'
    const result = await runIn(way, { source, ...tools })
    if (way === 'inline' && !(await canSuspend())) expect(result.error?.message).toMatch(/isolation: 'worker'/)
    else expect(result.value).toEqual([100_000, 9])
  })

  test('stdin may be a stream that is read as the guest asks', async () => {
    let pulled = 0
    let cancelled = false
    const stdin = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++
          controller.enqueue(new TextEncoder().encode(`line ${pulled}\n`))
        },
        cancel() {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    const source =
      'let seen = ""; for await (const chunk of process.stdin) { seen += new TextDecoder().decode(chunk); if (seen.length > 10) break }; seen'
    const result = await runIn(way, { source, stdin })
    expect(result.value).toMatch(/^line 1\nline 2\n/)
    expect(pulled).toBeLessThan(10)
    await sleep(10)
    expect(cancelled).toBe(true)
  })

  test('a blocking read of a stream waits for it, where the guest or its thread can', async () => {
    const stdin = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const text of ['ab', 'cd']) {
          await sleep(10)
          controller.enqueue(new TextEncoder().encode(text))
        }
        controller.close()
      },
    })
    const result = await runIn(way, { source: 'require("fs").readFileSync(0, "utf8")', stdin })
    if (way !== 'inline' || (await canSuspend())) expect(result.value).toBe('abcd')
    else expect(result.status).toBe('failed')
  })

  test('output is told while the guest runs, before the tools that it calls, in order', async () => {
    const seen: string[] = []
    const note = defineTool({ name: 'note', description: '', input: any, run: () => void seen.push('note') })
    const result = await runIn(way, {
      source:
        'console.log("a"); console.error("b"); tools.note.sync({}); console.log("c"); await tools.note({}); console.log("d")',
      tools: [note],
      grants: allow('note'),
      onOutput: (stream, bytes) => seen.push(`${stream} ${new TextDecoder().decode(bytes).trim()}`),
    })
    expect(result.status).toBe('completed')
    expect(seen).toEqual(['stdout a', 'stderr b', 'note', 'stdout c', 'note', 'stdout d'])
  })

  test('a callback of the caller that throws ends the run, which rejects with what it threw; the next run is unharmed', async () => {
    const mistake = new TypeError('the caller is wrong')
    let told = 0
    const wrong = (): never => {
      told++
      throw mistake
    }
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript', ...tools, onTrace: () => wrong() })
    const loop = { limits: { timeoutMs: 10_000 } }
    const started = performance.now()
    try {
      const both = [
        sandbox.run({ source: 'console.log(1); console.log(2); for (;;) {}', onOutput: wrong, ...loop }),
        sandbox.run({ source: 'await tools.add({ a: 1, b: 2 }); for (;;) {}', ...loop }),
      ]
      for (const run of both) await expect(run).rejects.toBe(mistake)
      expect(told).toBe(2)
      await expect(sandbox.run({ source: 'await tools.add({ a: 1, b: 2 })', ...loop })).rejects.toBe(mistake)
      expect((await sandbox.run({ source: 'console.log(1); 2' })).value).toBe(2)
      const twin = await sandbox.fork()
      await expect(twin.run({ source: 'await tools.add({ a: 1, b: 2 })' })).rejects.toBe(mistake)
      await twin.dispose()
    } finally {
      await sandbox.dispose()
    }
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('a callback that throws does not cost the caller its own signal', async () => {
    const stop = new AbortController()
    const run = runIn(way, { source: 'console.log(1); for (;;) {}', onOutput: () => stop.abort(), signal: stop.signal })
    expect((await run).status).toBe('cancelled')
    const late = runIn(way, { source: 'console.log(1)', onOutput: () => {}, signal: AbortSignal.abort() })
    expect((await late).status).toBe('cancelled')
  })

  test('every gated call is traced, those of forks too', async () => {
    const events: TraceEvent[] = []
    const sandbox = await (await tokaOf(way)).open({
      language: 'javascript',
      ...tools,
      onTrace: (event) => events.push(event),
    })
    const twin = await sandbox.fork()
    await sandbox.dispose()
    await twin.run({ source: 'await tools.add({ a: 1, b: 2 })' })
    await twin.dispose()
    expect(events).toMatchObject([{ operation: 'tool.call', resource: 'add', verdict: 'allowed' }])
  })

  test('the time limit holds, whatever the guest does', async () => {
    for (const source of [
      'for (;;) {}',
      '/^(a+)+$/.test("a".repeat(40) + "b")',
      'await new Promise((r) => setTimeout(r, 60_000))',
      'for (;;) await tools.echo({})',
      'for (;;) { try { tools.echo.sync({}) } catch {} }',
    ]) {
      const result = await runIn(way, { source, ...tools, limits: { timeoutMs: 100, hostCalls: 1e9 } })
      expect(result).toMatchObject({ status: 'limit', exitCode: 1, error: { code: 'TOKA_LIMIT_TIME' } })
      expect(result.usage.wallMs).toBeLessThan(300)
    }
  })

  test('the fuel limit holds, and what is burned is reported', async () => {
    const result = await runIn(way, { source: 'for (;;) {}', limits: { fuel: 1_000_000 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_FUEL' } })
    expect(result.usage.fuel).toBeGreaterThan(999_000)
    expect(result.usage.fuel).toBeLessThan(1_200_000)
  })

  test('a run that is cancelled stops at once, whatever it does', async () => {
    const hang = defineTool({ name: 'hang', description: '', input: any, run: () => new Promise(() => {}) })
    const busy = ['await new Promise((r) => setTimeout(r, 60_000))', 'await tools.hang({})']
    // On the caller's own thread a guest that cannot be suspended lets no signal fire.
    if (way !== 'inline' || (await canSuspend())) busy.push('for (;;) {}', 'tools.hang.sync({})')
    for (const source of busy) {
      const started = performance.now()
      const signal = AbortSignal.timeout(50)
      const result = await runIn(way, { source, tools: [hang], grants: allow('hang'), signal })
      expect(result).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_CANCELLED' } })
      expect(performance.now() - started).toBeLessThan(1_000)
    }
    expect((await runIn(way, { source: 'for (;;) {}', signal: AbortSignal.abort() })).status).toBe('cancelled')
  })

  test('a call under way when the run stops is aborted, pending with its key, and its late result nobody’s', async () => {
    let key = ''
    let aborted = false
    const hang = defineTool({
      name: 'hang',
      description: '',
      input: any,
      run: (_input, { signal, idempotencyKey }) => {
        key = idempotencyKey
        signal.addEventListener('abort', () => (aborted = true))
        return sleep(150)
      },
    })
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript', tools: [hang], grants: allow('hang') })
    const forms = [
      'await tools.hang({})',
      ...(way === 'inline' && !(await canSuspend()) ? [] : ['tools.hang.sync({})']),
    ]
    for (const source of forms) {
      aborted = false
      const result = await sandbox.run({ source, limits: { timeoutMs: 40 } })
      expect(result).toMatchObject({ status: 'limit', pending: [{ tool: 'hang', idempotencyKey: key }] })
      expect(aborted).toBe(true)
      await sleep(130)
      expect(await sandbox.run({ source: '1 + 1' })).toMatchObject({ value: 2, pending: [] })
    }
    await sandbox.dispose()
  })

  test('a sandbox keeps its state, its forks go their own way, and disposal ends what runs', async () => {
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript' })
    await sandbox.run({ source: 'globalThis.n = 1; require("fs").writeFileSync("/tmp/a", "x")' })
    const twin = await sandbox.fork()
    const source = 'n++; require("fs").appendFileSync("/tmp/a", "y"); [n, require("fs").readFileSync("/tmp/a", "utf8")]'
    expect((await twin.run({ source })).value).toEqual([2, 'xy'])
    expect((await twin.run({ source })).value).toEqual([3, 'xyy'])
    expect((await sandbox.run({ source })).value).toEqual([2, 'xy'])
    const running = twin.run({ source: 'await new Promise((r) => setTimeout(r, 60_000))' })
    await expect(twin.fork({ wait: false })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
    await sleep(10)
    await twin.dispose()
    expect((await running).status).toBe('cancelled')
    await expect(twin.run({ source: '1' })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
    await expect(twin.fork()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
    await sandbox.dispose()
  })

  test('sandboxes share a quota with their forks to the last call', async () => {
    let calls = 0
    const count = defineTool({ name: 'count', description: '', input: any, run: () => ++calls })
    const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['count'], quota: { calls: 10 } }]
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript', tools: [count], grants })
    const forks = await Promise.all(Array.from({ length: 5 }, () => sandbox.fork()))
    const source = 'for (let i = 0; i < 5; i++) try { await tools.count({}) } catch {}'
    await Promise.all(forks.map((fork) => fork.run({ source })))
    expect(calls).toBe(10)
    await Promise.all([sandbox, ...forks].map((each) => each.dispose()))
  })
})
