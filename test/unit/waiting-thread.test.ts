/** A guest that cannot be suspended keeps its worker's thread: what it began goes on meanwhile, and is told while it waits. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunRequest, type RunResult } from '../../src/index.ts'
import { tokaOf } from '../isolations.ts'
import { preparePython, runPython, valueIn } from '../python.ts'
import { pollModule } from '../wasm-guests.ts'

preparePython()

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const WAY = 'worker that cannot suspend'

let underWay = 0
let most = 0
const slow = defineTool({
  name: 'slow',
  description: 'Answers after 100 ms',
  input: z.object({ n: z.number() }),
  run: async ({ n }) => {
    most = Math.max(most, ++underWay)
    await sleep(100)
    underWay--
    return n * 2
  },
})
const hang = defineTool({
  name: 'hang',
  description: 'Never answers',
  input: z.object({}),
  run: () => new Promise(() => {}),
})
const large = defineTool({
  name: 'large',
  description: 'Answers many bytes',
  input: z.object({ n: z.number() }),
  run: async ({ n }) => {
    await sleep(5)
    return new Uint8Array(2 ** 20).fill(n)
  },
})
const broken = defineTool({
  name: 'broken',
  description: 'Fails later',
  input: z.object({}),
  run: async () => {
    await sleep(5)
    throw new Error('no such customer')
  },
})
const tools = {
  tools: [slow, hang, large, broken],
  grants: [{ resource: 'tool' as const, actions: ['call' as const], names: ['slow', 'hang', 'large', 'broken'] }],
}
const PRELUDE = 'import asyncio, time\nfrom toka import tools\n'

const run = (source: string, more: Partial<Omit<RunRequest, 'language'>> = {}): Promise<RunResult> =>
  runPython(WAY, { source: PRELUDE + source, ...tools, ...more })
const valueOf = async (source: string, more?: Partial<Omit<RunRequest, 'language'>>): Promise<unknown> =>
  valueIn(await run(source, more))

describe('calls that were begun', () => {
  test('overlap: ten of 100 ms take less than 500 ms', async () => {
    most = 0
    const times: number[] = []
    for (let round = 0; round < 3; round++) {
      const result = await run('await asyncio.gather(*(tools.slow.aio(n=n) for n in range(10)))')
      expect(valueIn(result)).toEqual(Array.from({ length: 10 }, (_, n) => n * 2))
      times.push(result.usage.wallMs)
    }
    expect(most).toBe(10)
    expect(Math.min(...times)).toBeLessThan(500)
  })

  test('go on while the program makes a blocking call, or sleeps', async () => {
    const source = (wait: string) => `task = asyncio.create_task(tools.slow.aio(n=1))
await asyncio.sleep(0)
${wait}
before = time.monotonic()
[await task, time.monotonic() - before < 0.05]`
    most = 0
    expect(await valueOf(source('tools.slow(n=2)\ntime.sleep(0.05)'))).toEqual([2, true])
    expect(most).toBe(2)
    expect(await valueOf(source('time.sleep(0.25)'))).toEqual([2, true])
  })

  test('are heard of by a program that never waits', async () => {
    const source = `task = asyncio.create_task(tools.slow.aio(n=1))
while not task.done():
    await asyncio.sleep(0)
task.result()`
    expect(await valueOf(source)).toBe(2)
  })

  test('are told in the order in which they are answered, with their failures', async () => {
    const source = `async def one(call):
    try:
        return await call
    except Exception as e:
        return type(e).__name__
[await each for each in asyncio.as_completed([one(tools.slow.aio(n=1)), one(tools.broken.aio())])]`
    expect(await valueOf(source)).toEqual(['ToolError', 2])
  })

  test('may answer much at once', async () => {
    const source = `answers = await asyncio.gather(*(tools.large.aio(n=n) for n in range(20)))
[len(answers), all(len(a) == 2**20 and a[0] == a[-1] == n for n, a in enumerate(answers))]`
    expect(await valueOf(source)).toEqual([20, true])
  })

  test('are given up at a time limit of the program', async () => {
    const source = `try:
    async with asyncio.timeout(0.05):
        await tools.hang.aio()
except TimeoutError:
    told = "late"
told`
    const result = await run(source)
    expect(valueIn(result)).toBe('late')
    expect(result.usage.wallMs).toBeLessThan(2_000)
  })

  test('take no time of a virtual clock: one that is under way is answered before a sleep jumps', async () => {
    const deterministic = { seed: '1', start: '2026-01-01T00:00:00Z' }
    const source = `async with asyncio.timeout(3_600):
    done = await asyncio.gather(tools.slow.aio(n=1), asyncio.sleep(60, "slept"))
done`
    expect(await valueOf(source, { deterministic })).toEqual([2, 'slept'])
  })

  test('more than may be under way are refused, as everywhere', async () => {
    const source = `async def one(n):
    try:
        return await tools.slow.aio(n=n)
    except Exception as e:
        return getattr(e, "code", type(e).__name__)
answers = await asyncio.gather(*(one(n) for n in range(6)))
[answers.count(code) for code in ("EAGAIN", 0, 2, 4, 6, 8, 10)]`
    const request = { source: PRELUDE + source, ...tools, limits: { concurrentCalls: 4 } }
    const told = valueIn(await runPython(WAY, request))
    expect(told).toEqual(valueIn(await runPython('worker', request)))
  })
})

describe('a thread that waits', () => {
  const WAITS = ['await tools.hang.aio()', 'tools.hang()', 'time.sleep(60)', 'await asyncio.sleep(60)']

  test.each(WAITS)('in %s ends at the deadline', async (source) => {
    const result = await run(source, { limits: { timeoutMs: 600 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
    expect(result.usage.wallMs).toBeLessThan(1_200)
    expect(result.usage.cpuMs).toBeLessThan(500)
  })

  test.each(WAITS)('in %s ends when the run is cancelled', async (source) => {
    const stop = new AbortController()
    const ended = run(`print("here")\n${source}`, { signal: stop.signal, onOutput: () => stop.abort() })
    const result = await Promise.race([ended, sleep(5_000)])
    expect(result).toMatchObject({ status: 'cancelled', error: { code: 'TOKA_CANCELLED' } })
  })

  test('is told nothing of a run before: late answers are nobody’s', async () => {
    let settle: (() => void)[] = []
    const late = defineTool({
      name: 'late',
      description: 'Answers when the test says so',
      input: z.object({ n: z.number() }),
      run: ({ n }) => new Promise((resolve) => settle.push(() => resolve(n))),
    })
    const sandbox = await (await tokaOf(WAY)).open({
      language: 'python',
      tools: [late, slow],
      grants: [{ resource: 'tool', actions: ['call'], names: ['late', 'slow'] }],
    })
    try {
      const begun = `${PRELUDE}tasks = [asyncio.create_task(tools.late.aio(n=n)) for n in range(8)]\nawait asyncio.sleep(0.02)`
      const first = await sandbox.run({ source: begun })
      expect(first).toMatchObject({ status: 'completed', pending: Array(8).fill({ tool: 'late' }) })
      const second = sandbox.run({ source: `${PRELUDE}await asyncio.gather(*(tools.slow.aio(n=n) for n in range(8)))` })
      await sleep(20)
      for (const each of settle) each()
      settle = []
      expect((await second).value).toEqual([0, 2, 4, 6, 8, 10, 12, 14])
    } finally {
      await sandbox.dispose()
    }
  })

  test('gets stdin as it comes', async () => {
    const stdin = new ReadableStream<Uint8Array>({
      async start(controller) {
        for (const text of ['ab', '', 'cd\n']) {
          await sleep(10)
          controller.enqueue(new TextEncoder().encode(text))
        }
        controller.close()
      },
    })
    expect(await valueOf('import sys\nsys.stdin.read()', { stdin })).toBe('abcd\n')
  })

  test.each([
    ['stdin', 20, 60_000, 1],
    ['a time', 60_000, 20, 2],
  ])('in a poll of stdin and a time is told of what comes first: %s', async (_first, comes, milliseconds, exitCode) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stdin = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setTimeout(() => controller.enqueue(new Uint8Array(1)), comes)
      },
      cancel: () => clearTimeout(timer),
    })
    const request = { language: 'wasm' as const, module: pollModule(milliseconds), stdin }
    const result = await (await tokaOf(WAY)).run({ ...request, limits: { timeoutMs: 10_000 } })
    clearTimeout(timer)
    expect(result).toMatchObject({ status: 'completed', exitCode })
  })
})
