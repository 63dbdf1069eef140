/** A signal that is aborted at every moment of a run's life: the run is cancelled at once, and the next one is unharmed. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type RunRequest, type RunResult } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { unlessAborted } from '../../src/sandbox/unless-aborted.ts'
import { openWay, tokaOf, type Way, WAYS } from '../isolations.ts'
import { skipReasons } from '../skip-reasons.ts'

/** Milliseconds from the signal to the result, on a loaded machine. */
const PROMPT_MS = 1_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const cancelled = { status: 'cancelled', exitCode: 1, error: { code: 'TOKA_CANCELLED' } }

/** Never done by the transformer: it tries each level twice. */
const ENDLESS_TYPESCRIPT = `${'class A{x='.repeat(60)}0${'}'.repeat(60)}`

type Request = Omit<RunRequest, 'signal'>
type Moment = {
  request: (reached: () => void) => Request
  /** The guest has its thread all the while: on the caller's own, where it cannot be suspended, nobody hears a signal. */
  holdsThread?: true
}

const never = (): Promise<never> => new Promise(() => {})
/** Tells that it is there, and stays. */
const stay = (reached: () => void): Promise<never> => {
  reached()
  return never()
}
const tool = (reached: () => void, run: () => unknown = never): Pick<Request, 'tools' | 'grants'> => {
  const act = (): unknown => {
    reached()
    return run()
  }
  return {
    tools: [defineTool({ name: 'tell', description: 'Tells', input: z.looseObject({}), run: act })],
    grants: [{ resource: 'tool', actions: ['call'], names: ['tell'] }],
  }
}
const javascript = (source: string, more: Partial<Request> = {}): Request => ({
  language: 'javascript',
  source,
  ...more,
})
/** A guest that tells when it is there, and then does what its source says. */
const there = (source: string) => (reached: () => void) =>
  javascript(
    `await tools.tell({}); ${source}`,
    tool(reached, () => 0),
  )

const MOMENTS: Record<string, Moment> = {
  'a loop': { request: there('for (;;) {}'), holdsThread: true },
  'a builtin': { request: there('Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)'), holdsThread: true },
  'promise jobs': {
    request: there('const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})'),
    holdsThread: true,
  },
  'a getter of its result': { request: there('({ get a() { for (;;) {} } })'), holdsThread: true },
  'the message of its error': { request: there('throw { get message() { for (;;) {} } }'), holdsThread: true },
  'a sleep': { request: there('await new Promise((done) => setTimeout(done, 60_000))') },
  'timers without end': { request: there('setInterval(() => {}, 0); await new Promise(() => {})') },
  'an awaited tool': { request: (reached) => javascript('await tools.tell({})', tool(reached)) },
  'a tool that nobody awaits': { request: (reached) => javascript('tools.tell({}); 1', tool(reached)) },
  'a blocking tool': {
    request: (reached) => javascript('tools.tell.sync({})', tool(reached)),
    holdsThread: true,
  },
  'an approval': {
    request: (reached) =>
      javascript('await tools.tell({})', {
        ...tool(reached),
        grants: [{ resource: 'tool', actions: ['call'], names: ['tell'], approval: 'required' }],
        onApproval: () => stay(reached),
      }),
  },
  'a read of stdin': {
    request: (reached) =>
      javascript('for await (const piece of process.stdin) piece', {
        stdin: new ReadableStream({ pull: () => stay(reached) }, { highWaterMark: 0 }),
      }),
  },
  'output that its caller is told': {
    request: (reached) => javascript('for (;;) console.log("x".repeat(99))', { onOutput: reached }),
    holdsThread: true,
  },
  'TypeScript that is transformed': {
    request: (reached) => {
      setTimeout(reached, 100)
      return { language: 'typescript', source: ENDLESS_TYPESCRIPT }
    },
    holdsThread: true,
  },
}

async function cancelAt(way: Way, { request }: Moment): Promise<{ result: RunResult; tookMs: number }> {
  const toka = await tokaOf(way)
  const stop = new AbortController()
  const moment = Promise.withResolvers<void>()
  const running = toka.run({ limits: { timeoutMs: 10_000 }, ...request(moment.resolve), signal: stop.signal })
  await moment.promise
  await sleep(20)
  const aborted = performance.now()
  stop.abort()
  return { result: await running, tookMs: performance.now() - aborted }
}

describe.each(WAYS)('%s', (way) => {
  test.for(Object.entries(MOMENTS))('in %s', async ([, moment], { skip }) => {
    skip(way === 'inline' && moment.holdsThread === true && !(await canSuspend()), skipReasons.noJspi)
    const { result, tookMs } = await cancelAt(way, moment)
    expect(result).toMatchObject(cancelled)
    expect(tookMs).toBeLessThan(PROMPT_MS)
    const { value } = await (await tokaOf(way)).run({ language: 'javascript', source: '1 + 1' })
    expect(value).toBe(2)
  })

  test('at every step of the first milliseconds', async () => {
    const toka = await tokaOf(way)
    for (let round = 0; round < 40; round++) {
      const stop = new AbortController()
      const running = toka.run({
        language: 'javascript',
        source: 'await new Promise((done) => setTimeout(done, 60_000))',
        signal: stop.signal,
      })
      if (round < 20) for (let step = 0; step < round; step++) await undefined
      else await sleep((round - 20) / 4)
      stop.abort()
      expect(await running).toMatchObject(cancelled)
    }
    expect((await toka.run({ language: 'javascript', source: '1 + 1' })).value).toBe(2)
  })

  test('while its sandbox waits for a thread that another guest has', async ({ skip }) => {
    skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
    const toka = await openWay(way, { workers: 1 })
    const hostile = await toka.open({ language: 'javascript' })
    const snapshot = await hostile.snapshot()
    const endless = hostile.run({ source: 'for (;;) {}', limits: { timeoutMs: 3_000 } })
    await sleep(50)
    const asked = performance.now()
    const request = { language: 'javascript' as const, source: 'for (;;) {}' }
    const signal = AbortSignal.timeout(50)
    const ends = await Promise.allSettled([
      toka.run({ ...request, signal }),
      hostile.run({ source: '1', signal }),
      // Where guests share their thread these are open before.
      toka.open({ language: 'javascript', signal }),
      toka.restore(snapshot, { signal }),
    ])
    expect(performance.now() - asked).toBeLessThan(PROMPT_MS)
    expect(ends.slice(0, 2)).toMatchObject([{ value: cancelled }, { value: cancelled }])
    for (const end of ends.slice(2))
      if (end.status === 'rejected' || way === 'worker that cannot suspend')
        expect(end).toMatchObject({ reason: { code: 'TOKA_CANCELLED' } })
    expect((await endless).status).toBe('limit')
    await toka.dispose()
  })

  test('before anything was begun: nothing is, and a sandbox that is not there is refused', async () => {
    const toka = await tokaOf(way)
    const signal = AbortSignal.abort()
    const never = await toka.run({ language: 'javascript', source: 'console.log(1)', signal })
    expect(never).toMatchObject({ ...cancelled, stdout: '', usage: { wallMs: 0, hostCalls: 0 } })
    await expect(toka.open({ language: 'javascript', signal })).rejects.toMatchObject({ code: 'TOKA_CANCELLED' })
  })
})

test('a request that is cancelled while its image is prepared ends at once, and the next one has the image', async () => {
  const toka = await createToka({ cache: false, isolation: 'inline' })
  const stop = new AbortController()
  const running = toka.run({ language: 'javascript', source: '1', signal: stop.signal })
  stop.abort()
  expect(await running).toMatchObject({ ...cancelled, engine: { name: '', image: '' } })
  expect((await toka.run({ language: 'javascript', source: '1 + 1' })).value).toBe(2)
  await toka.dispose()
})

describe('work that nobody waits for any more', () => {
  test('is tidied up after when it is done, and its failure is nobody’s', async () => {
    const stop = new AbortController()
    const work = Promise.withResolvers<string>()
    const late: string[] = []
    const tidy = async (value: string): Promise<void> => void late.push(value)
    const waiting = unlessAborted(stop.signal, () => work.promise, tidy)
    const failing = Promise.withResolvers<string>()
    const failed = unlessAborted(stop.signal, () => failing.promise, tidy)
    stop.abort()
    expect([await waiting, await failed]).toEqual([undefined, undefined])
    expect(late).toEqual([])
    work.resolve('a sandbox')
    failing.reject(new Error('no room'))
    await sleep(5)
    expect(late).toEqual(['a sandbox'])
  })

  test('is handed over as it is, value and failure, when the signal is not aborted', async () => {
    const { signal } = new AbortController()
    const tidy = (): Promise<void> => Promise.reject(new Error('not late'))
    expect(await unlessAborted(signal, async () => 1, tidy)).toBe(1)
    await expect(unlessAborted(signal, () => Promise.reject(new Error('mine')), tidy)).rejects.toThrow('mine')
  })
})
