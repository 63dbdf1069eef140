/** Runs told event by event: what is told and in which order, and what ends them. */
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineTool,
  type GrantInput,
  type RunEvent,
  type RunOptions,
  type Sandbox,
  type SandboxOptions,
} from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS } from '../isolations.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const text = new TextDecoder()
const echo = defineTool({
  name: 'echo',
  description: '',
  input: z.object({ n: z.number() }),
  run: async ({ n }) => {
    await sleep(5)
    if (n < 0) throw new Error('negative')
    return n
  },
})
const grants: GrantInput[] = [{ resource: 'tool', actions: ['call'], names: ['echo'] }]

async function all(sandbox: Sandbox, options: RunOptions): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of sandbox.stream(options)) events.push(event)
  return events
}

/** An event in one word or two. */
function told(event: RunEvent): string {
  switch (event.type) {
    case 'stdout':
    case 'stderr':
      return `${event.type} ${text.decode(event.bytes)}`
    case 'console':
      return `${event.level} ${event.text}`
    case 'progress':
      return `progress ${event.fraction} ${event.message}`
    case 'display':
      return `display ${Object.entries(event.data)
        .map(([type, data]) => `${type}=${data}`)
        .join()}`
    case 'denial':
      return `denial ${event.denial.operation} ${event.denial.resource}`
    case 'call':
      return `call ${event.tool}`
    case 'return':
      return `return ${event.tool} ${event.ok} ${event.code}`
    case 'skipped':
      return `skipped ${event.count}`
    case 'result':
      return `result ${event.result.status}`
  }
}

describe.each(WAYS)('a stream: %s', (way) => {
  const opened: Sandbox[] = []
  const open = async (options: Partial<SandboxOptions> = {}): Promise<Sandbox> => {
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript', ...options })
    opened.push(sandbox)
    return sandbox
  }
  afterAll(() => Promise.all(opened.map((sandbox) => sandbox.dispose())))

  test('tells everything in the order in which it happened, the result last', async () => {
    const sandbox = await open({ tools: [echo], grants })
    const events = await all(sandbox, {
      source: `
        process.stdout.write('raw')
        console.log('a', 1)
        console.warn('b')
        console.error('é')
        process.stderr.write('err')
        toka.progress(0.5, 'half')
        toka.display({ 'text/plain': 'x', 'image/png': new Uint8Array([1, 2]) })
        await tools.echo({ n: 1 })
        await tools.echo({ n: -1 }).catch(() => {})
        await tools.echo({}).catch(() => {})
        toka.progress('nearly')
        try { require('fs').readFileSync('/data/x') } catch {}
        export default 7`,
      file: '/tool/main.mjs',
    })
    expect(events.map(told)).toEqual([
      'stdout raw',
      'log a 1\n',
      'warn b\n',
      'error é\n',
      'stderr err',
      'progress 0.5 half',
      'display text/plain=x,image/png=1,2',
      'call echo',
      'return echo true undefined',
      'call echo',
      'return echo false TOKA_TOOL_FAILED',
      'call echo',
      'return echo false TOKA_TOOL_INPUT',
      'progress undefined nearly',
      'result completed',
    ])
    const [call, ended] = events.filter((event) => event.type === 'call' || event.type === 'return')
    expect(call).toMatchObject({ idempotencyKey: (ended as { idempotencyKey: string }).idempotencyKey })
    const last = events.at(-1)
    expect(last).toMatchObject({ result: { value: 7, stdout: 'rawa 1\n', stderr: 'b\né\nerr' } })
  })

  test('tells denials, as the result has them', async () => {
    const sandbox = await open({ tools: [echo], mounts: [{ at: '/data', from: { files: { x: '' } }, mode: 'ro' }] })
    const source = `
      try { require('fs').readFileSync('/data/x') } catch {}
      await tools.echo({ n: 1 }).catch(() => {})`
    const events = await all(sandbox, { source })
    expect(events.map(told)).toEqual(['denial fs.read /data/x', 'denial tool.call echo', 'result completed'])
    const denials = events.flatMap((event) => (event.type === 'denial' ? [event.denial] : []))
    expect(events.at(-1)).toMatchObject({ result: { denials } })
  })

  test('tells while the guest runs, not afterwards', async () => {
    const sandbox = await open({ tools: [echo], grants })
    const seen: string[] = []
    const source = `console.log('first'); await tools.echo({ n: 1 }); await new Promise((r) => setTimeout(r, 200)); 1`
    const started = performance.now()
    let first = Infinity
    for await (const event of sandbox.stream({ source })) {
      if (seen.length === 0) first = performance.now() - started
      seen.push(event.type)
    }
    expect(seen).toEqual(['console', 'call', 'return', 'result'])
    expect(first).toBeLessThan(performance.now() - started - 150)
  })

  test('begins with the first event that is asked for', async () => {
    const sandbox = await open()
    const stream = sandbox.stream({ source: 'globalThis.ran = true' })
    await sleep(20)
    expect((await sandbox.run({ source: 'typeof ran' })).value).toBe('undefined')
    expect((await stream.next()).value).toMatchObject({ type: 'result', result: { value: true } })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  test('is cancelled when its taker leaves, and the sandbox is free then', async () => {
    const sandbox = await open()
    const source = 'globalThis.n ??= 0; for (;;) { console.log(n++); await new Promise((r) => setTimeout(r, 1)) }'
    const started = performance.now()
    for await (const event of sandbox.stream({ source })) if (told(event).includes('3\n')) break
    expect((await sandbox.run({ source: '6 * 7' })).value).toBe(42)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('is cancelled by return while the next event is waited for, also of a guest in a loop', async () => {
    const sandbox = await open()
    const waits = 'await new Promise(() => setTimeout(() => {}, 20_000))'
    // One that cannot be suspended holds its caller's thread: nobody can leave before its deadline.
    const holds = way === 'inline' && !(await canSuspend())
    for (const source of holds ? [waits] : [waits, 'console.log(1); for (;;) {}']) {
      const stream = sandbox.stream({ source, limits: { timeoutMs: 3_000 } })
      if (source.startsWith('console')) await stream.next()
      const next = stream.next()
      await sleep(20)
      const left = performance.now()
      await stream.return?.()
      expect(performance.now() - left).toBeLessThan(1_500)
      expect(await next).toEqual({ done: true, value: undefined })
      expect((await sandbox.run({ source: '1' })).status).toBe('completed')
    }
  })

  test('ends with a cancelled result when the signal of its caller is aborted', async () => {
    const sandbox = await open()
    const stop = new AbortController()
    const events: string[] = []
    const source = 'console.log(1); await new Promise((r) => setTimeout(r, 20_000))'
    for await (const event of sandbox.stream({ source, signal: stop.signal })) {
      events.push(told(event))
      stop.abort()
    }
    expect(events).toEqual(['log 1\n', 'result cancelled'])
  })

  test('throws what run throws, and tells a failure as a result', async () => {
    const sandbox = await open()
    await expect(sandbox.stream({ source: 1 as never }).next()).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    await expect(sandbox.stream(undefined as never).next()).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    const ofSignal = sandbox.stream({ source: '1', signal: 'stop' as never })
    await expect(ofSignal.next()).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    await expect(all(sandbox, { source: '1', collect: ['['] })).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    expect((await all(sandbox, { source: 'throw new Error("no")' })).at(-1)).toMatchObject({
      result: { status: 'failed', error: { code: 'TOKA_GUEST_ERROR' } },
    })
    const ofSchema = sandbox.stream({ source: '"text"', output: z.number() })
    expect((await ofSchema.next()).value).toMatchObject({ result: { error: { code: 'TOKA_OUTPUT_INVALID' } } })
    await sandbox.dispose()
    await expect(sandbox.stream({ source: '1' }).next()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
  })

  test('waits its turn like a run, and tells nothing of others', async () => {
    const sandbox = await open()
    const [first, second, third] = await Promise.all([
      all(sandbox, { source: 'console.log("one"); await new Promise((r) => setTimeout(r, 30)); console.log("uno")' }),
      sandbox.run({ source: 'console.log("two")' }),
      all(sandbox, { source: 'console.log("three")' }),
    ])
    expect(first.map(told).join('')).toBe('log one\nlog uno\nresult completed')
    expect(second.stdout).toBe('two\n')
    expect(third.map(told)).toEqual(['log three\n', 'result completed'])
  })

  test('leaves onOutput as it is', async () => {
    const sandbox = await open()
    const pieces: unknown[][] = []
    const onOutput = (...args: [string, Uint8Array]): void =>
      void pieces.push([args.length, args[0], text.decode(args[1])])
    await all(sandbox, { source: 'console.log("x")', onOutput })
    expect(pieces).toEqual([[2, 'stdout', 'x\n']])
    const fault = () => {
      throw new Error('of the caller')
    }
    await expect(all(sandbox, { source: 'console.log(1); for (;;) {}', onOutput: fault })).rejects.toThrow(
      'of the caller',
    )
  })
})

describe.each(WAYS)('what a guest shows: %s', (way) => {
  test('is checked, streamed or not', async () => {
    const sandbox = await (await tokaOf(way)).open({ language: 'javascript' })
    const source = `;(() => {
      const codes = []
      const attempt = (act) => { try { act(); codes.push('ok') } catch (error) { codes.push(error.code ?? error.name) } }
      attempt(() => toka.progress(0))
      attempt(() => toka.progress(1.5))
      attempt(() => toka.progress(NaN))
      attempt(() => toka.progress('x'.repeat(1_001)))
      attempt(() => toka.display({}))
      attempt(() => toka.display('text'))
      attempt(() => toka.display({ 'text html': 'x' }))
      attempt(() => toka.display({ 'text/html; charset=utf-8': 'x' }))
      attempt(() => toka.display({ 'application/json': { a: 1 } }))
      attempt(() => toka.display({ ['__proto__']: 'x' }))
      attempt(() => toka.display(Object.fromEntries(Array.from({ length: 17 }, (_, i) => ['text/x' + i, '']))))
      attempt(() => toka.display({ 'text/plain': 'x'.repeat(2_000_000) }))
      attempt(() => toka.display({ 'text/plain': 'x'.repeat(1_000_000) }))
      attempt(() => toka.display({ 'text/plain': 'x'.repeat(100_000) }))
      return codes.join(' ') })()`
    const bad = 'TOKA_VALUE_UNSUPPORTED'
    const many = 'TOKA_LIMIT_OUTPUT'
    const expected = ['ok', bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, many, 'ok', many].join(' ')
    expect((await sandbox.run({ source })).value).toBe(expected)
    const events = await all(sandbox, { source })
    expect(events.at(-1)).toMatchObject({ result: { value: expected } })
    expect(events.map(({ type }) => type)).toEqual(['progress', 'display', 'result'])
    await sandbox.dispose()
  })
})
