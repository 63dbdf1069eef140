/** Where sandboxes go: how many workers start and when, what each is sent, and what a runtime without shared memory answers. */
import { describe, expect, test } from 'vitest'
import { startThread } from '#worker'
import { createToka, TokaError } from '../../src/index.ts'
import { allowSuspension, canSuspend } from '../../src/loader/suspension.ts'
import { chooseIsolation, defaultWorkers } from '../../src/sandbox/isolation.ts'
import type { StartThread } from '../../src/sandbox/thread.ts'
import { makePool, poolRequest } from '../worker-threads.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Real threads, counted, with the kinds of the messages that each was sent. */
function countedThreads(): { start: StartThread; sent: string[][]; held: boolean[] } {
  const sent: string[][] = []
  const held: boolean[] = []
  const start: StartThread = (events) => {
    const kinds: string[] = []
    const index = sent.push(kinds) - 1
    const thread = startThread(events)
    return {
      ...thread,
      post: (message) => {
        kinds.push((message as { kind: string }).kind)
        thread.post(message)
      },
      hold: (hold) => {
        held[index] = hold
        thread.hold(hold)
      },
    }
  }
  return { start, sent, held }
}

describe('the pool', () => {
  test('starts workers as they are needed, up to its size, and sends an image once to each', async () => {
    const { start, sent } = countedThreads()
    const pool = await makePool(start, 2)
    expect(sent).toHaveLength(0)
    const request = await poolRequest()
    const first = await pool.open(request)
    expect(sent).toHaveLength(1)
    const more = await Promise.all([1, 2, 3, 4].map(() => pool.open(request)))
    expect(sent).toHaveLength(2)
    const results = await Promise.all([first, ...more].map((sandbox, n) => sandbox.run({ source: `${n} + 1` })))
    expect(results.map(({ value }) => value)).toEqual([1, 2, 3, 4, 5])
    expect(sent.map((kinds) => kinds.filter((kind) => kind === 'image').length)).toEqual([1, 1])
    await pool.dispose()
  })

  test('gives a worker that is empty to the next sandbox', async () => {
    const { start, sent } = countedThreads()
    const pool = await makePool(start, 4)
    for (let round = 0; round < 3; round++) {
      const sandbox = await pool.open(await poolRequest())
      await sandbox.run({ source: '1' })
      await sandbox.dispose()
    }
    expect(sent).toHaveLength(1)
    await pool.dispose()
  })

  test('puts a fork where its sandbox is, and other sandboxes where there are fewest', async () => {
    const { start, sent } = countedThreads()
    const pool = await makePool(start, 2)
    const [one] = await Promise.all([1, 2].map(async () => pool.open(await poolRequest())))
    await one?.fork()
    await one?.fork()
    await pool.open(await poolRequest())
    expect(sent.map((kinds) => kinds.filter((kind) => kind === 'open' || kind === 'fork'))).toEqual([
      ['open', 'fork', 'fork'],
      ['open', 'open'],
    ])
    await pool.dispose()
  })

  test('holds the program only while a worker has something to do', async () => {
    const { start, held } = countedThreads()
    const pool = await makePool(start, 1)
    pool.wake()
    expect(held).toEqual([false])
    const opening = pool.open(await poolRequest())
    expect(held).toEqual([true])
    const sandbox = await opening
    expect(held).toEqual([false])
    const running = sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 20))' })
    await sleep(5)
    expect(held).toEqual([true])
    await running
    await sleep(0)
    expect(held).toEqual([false])
    await pool.dispose()
  })

  test('lets many guests run in one worker where they can be suspended, one at a time where not', async () => {
    const source = 'const a = Date.now(); await new Promise((r) => setTimeout(r, 60)); [a, Date.now()]'
    for (const suspends of [true, false]) {
      if (suspends && !(await canSuspend())) continue
      allowSuspension(suspends)
      const pool = await makePool(startThread, 1)
      allowSuspension(true)
      const sandboxes = await Promise.all([1, 2, 3].map(async () => pool.open(await poolRequest())))
      // Waiting for a turn is not counted: a run that must wait has its own time whole.
      const results = await Promise.all(sandboxes.map((sandbox) => sandbox.run({ source, limits: { timeoutMs: 150 } })))
      const times = results.map(({ value }) => value as [number, number]).sort(([a], [b]) => a - b)
      const overlap = times.slice(1).map(([begin], n) => begin < (times[n]?.[1] ?? 0))
      expect(overlap).toEqual([suspends, suspends])
      const last = sandboxes.map((sandbox, n) =>
        sandbox.run({
          source: 'for (;;) {}',
          limits: { timeoutMs: 100 },
          ...(n === 2 ? { signal: AbortSignal.timeout(20) } : {}),
        }),
      )
      expect((await Promise.all(last)).map(({ status }) => status)).toEqual(['limit', 'limit', 'cancelled'])
      await pool.dispose()
    }
  })

  test('is disposed when every thread has ended, one that served no more already too', async () => {
    const ended: (() => void)[] = []
    let breakProtocol = (): void => {}
    const start: StartThread = ({ message, ended: end }) => {
      breakProtocol = () => message('nothing that a worker sends')
      return { post: () => {}, hold: () => {}, terminate: () => void ended.push(() => end('terminated')) }
    }
    const pool = await makePool(start, 1)
    pool.wake()
    breakProtocol()
    let disposed = false
    const disposal = pool.dispose().then(() => (disposed = true))
    await sleep(20)
    expect([ended.length, disposed]).toEqual([1, false])
    for (const end of ended) end()
    await disposal
  })

  test('takes nothing more when it is disposed, and interrupts what runs', async () => {
    const pool = await makePool(startThread, 1)
    const sandbox = await pool.open(await poolRequest())
    const running = sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 60_000))' })
    const opening = pool.open(await poolRequest()).catch((error: TokaError) => error.code)
    await sleep(20)
    await pool.dispose()
    expect((await running).status).toBe('interrupted')
    await opening
    await expect(pool.open(await poolRequest())).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
  })
})

describe('where a sandbox runs', () => {
  test('is what was asked for; else here where guests can be suspended, in a worker where threads share memory', () => {
    for (const suspend of [true, false]) {
      for (const share of [true, false]) {
        expect(chooseIsolation('inline', { suspend, share })).toBe('inline')
        if (share) expect(chooseIsolation('worker', { suspend, share })).toBe('worker')
        else expect(() => chooseIsolation('worker', { suspend, share })).toThrow(/Cross-Origin-Opener-Policy/)
        expect(chooseIsolation(undefined, { suspend, share })).toBe(!suspend && share ? 'worker' : 'inline')
      }
    }
  })

  test('is said for all sandboxes of a Toka, or for one', async () => {
    const source = 'tools.later.sync({})'
    const { z } = await import('zod')
    const { defineTool } = await import('../../src/index.ts')
    const later = defineTool({
      name: 'later',
      description: '',
      input: z.object({}),
      run: async () => sleep(1).then(() => 5),
    })
    const request = {
      language: 'javascript' as const,
      source,
      tools: [later],
      grants: [{ resource: 'tool' as const, actions: ['call' as const], names: ['later'] }],
    }
    // Without suspension only a worker can wait for this call.
    allowSuspension(false)
    try {
      const toka = await createToka({ workers: 1 })
      expect((await toka.run(request)).value).toBe(5)
      expect((await toka.run({ ...request, isolation: 'inline' })).error?.message).toMatch(/isolation: 'worker'/)
      await toka.dispose()
      const inline = await createToka({ isolation: 'inline', workers: 1 })
      expect((await inline.run(request)).status).toBe('failed')
      expect((await inline.run({ ...request, isolation: 'worker' })).value).toBe(5)
      await inline.dispose()
    } finally {
      allowSuspension(true)
    }
  })

  test('must be one of two words, in at least one worker', async () => {
    for (const options of [{ isolation: 'moon' }, { workers: 0 }, { workers: 1.5 }, { workers: 65 }]) {
      await expect(createToka(options as never)).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    }
    const toka = await createToka()
    await expect(toka.run({ language: 'javascript', source: '1', isolation: 'x' as never })).rejects.toBeInstanceOf(
      TokaError,
    )
    await toka.dispose()
    expect(defaultWorkers()).toBeGreaterThanOrEqual(1)
    expect(defaultWorkers()).toBeLessThanOrEqual(8)
  })

  test('makes no difference to a Toka that is disposed while sandboxes open: none is left', async () => {
    const toka = await createToka({ isolation: 'worker', workers: 2 })
    const opening = [1, 2, 3].map(() => toka.open({ language: 'javascript' }).catch((error: TokaError) => error.code))
    await sleep(5)
    await toka.dispose()
    for (const end of await Promise.all(opening)) expect(end).toBe('TOKA_SANDBOX_CLOSED')
  })
})
