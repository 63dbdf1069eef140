/** A worker that dies at any message: its runs are interrupted, its sandboxes closed, everything else goes on. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { startThread } from '#worker'
import {
  defineTool,
  type GrantInput,
  type RunEvent,
  type RunOptions,
  type RunResult,
  type Sandbox,
  type TokaError,
} from '../../src/index.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { type Death, makePool, type Moment, mortalThread, poolRequest } from '../worker-threads.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const grants: GrantInput[] = [{ resource: 'tool', actions: ['call'], names: ['slow'], quota: { calls: 1_000 } }]
let aborted = 0
let keys: string[] = []
const slow = defineTool({
  name: 'slow',
  description: '',
  input: z.object({}),
  run: async (_input, { signal, idempotencyKey }) => {
    keys.push(idempotencyKey)
    signal.addEventListener('abort', () => aborted++)
    await sleep(30)
    return 1
  },
})

const faults: unknown[] = []
const onFault = (event: { reason?: unknown } | unknown): void => void faults.push(event)
beforeEach(() => {
  aborted = 0
  keys = []
  faults.length = 0
  if (typeof process === 'object') process.on('unhandledRejection', onFault)
  else addEventListener('unhandledrejection', onFault)
})
afterEach(async () => {
  await sleep(5)
  if (typeof process === 'object') process.off('unhandledRejection', onFault)
  else removeEventListener('unhandledrejection', onFault)
  expect(faults).toEqual([])
})

/** What a stream ends with. */
async function lastOf(sandbox: Sandbox, options: RunOptions): Promise<RunResult | undefined> {
  let last: RunEvent | undefined
  for await (const event of sandbox.stream(options)) last = event
  return last?.type === 'result' ? last.result : undefined
}

/** Everything that a sandbox can do, one after the other, and what came of each. */
async function useAll(sandbox: Sandbox): Promise<(RunResult | Error | undefined)[]> {
  const stdin = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array([97]))
        controller.close()
      },
    })
  const steps = [
    () => sandbox.run({ source: 'console.log("x"); await tools.slow({}); tools.slow.sync({})', onOutput: () => {} }),
    () => sandbox.run({ source: 'for await (const c of process.stdin); 1', stdin: stdin() }),
    () => sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 5_000))', signal: AbortSignal.timeout(20) }),
    () => sandbox.run({ source: '1', collect: ['/[bad/\0'] }),
    () => lastOf(sandbox, { source: 'console.log(1); toka.progress(0.5)' }),
    async () => void (await sandbox.snapshot()),
    async () => (await sandbox.fork()).dispose(),
    () => sandbox.dispose(),
  ]
  const ends: (RunResult | Error | undefined)[] = []
  for (const step of steps) ends.push((await step().catch((error: Error) => error)) ?? undefined)
  return ends
}

const suspends = await canSuspend()
/** Messages that pass only where guests are suspended, and only where threads wait for what is put into mailboxes. */
const OF_SUSPENSION: readonly string[] = ['answer', 'input']
const OF_WAITING: readonly string[] = ['mail']
/** What is the same either way is not tried twice. */
const OF_BOTH: readonly string[] = ['run', 'cancel', 'call', 'pull', 'result']

const MOMENTS: Moment[] = [
  ...['init', 'image', 'open', 'run', 'cancel', ...OF_SUSPENSION, ...OF_WAITING, 'snapshot', 'fork', 'dispose'].map(
    (kind) => ({ kind, direction: 'to worker' as const }),
  ),
  ...[
    'ready',
    'opened',
    'disposed',
    'result',
    'failed',
    'call',
    'pull',
    'output',
    'events',
    'snapshotted',
    'trace',
  ].map((kind) => ({
    kind,
    direction: 'from worker' as const,
  })),
].flatMap((moment) => (['before', 'after'] as const).map((when) => ({ ...moment, when })))

const isOf = (kind: string, suspension: boolean): boolean => {
  if (suspension) return !OF_WAITING.includes(kind)
  return !OF_SUSPENSION.includes(kind) && (!suspends || OF_WAITING.includes(kind) || OF_BOTH.includes(kind))
}
const LIVES = (['is terminated', 'ends itself'] as Death[]).flatMap((death) =>
  [true, false].filter((suspension) => suspends || !suspension).map((suspension) => ({ death, suspension })),
)

describe.each(LIVES)('a worker that $death, suspending its guests: $suspension,', ({ death, suspension }) => {
  // One that ends by itself does so when it reads what comes next: before a message or after it is the same.
  const moments = MOMENTS.filter(
    ({ kind, when }) => isOf(kind, suspension) && (death === 'is terminated' || when === 'after'),
  )
  test.each(moments)('$when "$kind" $direction', async (moment) => {
    const start = mortalThread(moment, death)
    const ledger = createLedger()
    const before = freeCells(ledger)
    const pool = await makePool(start, 1, ledger, suspension)
    // The second sandbox waits for whatever becomes of the worker of the first.
    const request = async () => pool.open(await poolRequest({ tools: [slow], grants, onTrace: () => {} }))
    const opening = [request(), request()].map((promise) => promise.catch((error: Error) => error))
    const opened = await Promise.all(opening)
    const ends = await Promise.all(opened.map((sandbox) => (sandbox instanceof Error ? [sandbox] : useAll(sandbox))))
    expect(start.died).toBe(true)
    for (const end of ends.flat()) {
      if (!end) continue
      if (end instanceof Error) expect((end as TokaError).code).toMatch(/^TOKA_(SANDBOX_CLOSED|REQUEST_INVALID)$/)
      else if (end.status === 'interrupted') {
        expect(end).toMatchObject({ exitCode: 1, error: { code: 'TOKA_INTERRUPTED' }, engine: { name: 'quickjs' } })
        for (const { idempotencyKey } of end.pending) expect(keys).toContain(idempotencyKey)
      } else expect(end.status).toMatch(/completed|cancelled/)
    }
    const again = await pool.open(await poolRequest())
    expect((await again.run({ source: '1 + 1' })).value).toBe(2)
    await again.dispose()
    await pool.dispose()
    expect(freeCells(ledger)).toBe(before)
  })
})

/** How many cells a ledger has left, up to a few: what is lost with a worker must come back. */
function freeCells({ functions }: ReturnType<typeof createLedger>): number {
  const taken: number[] = []
  for (let cell = functions.allocate(); cell !== 0; cell = functions.allocate()) taken.push(cell)
  for (const cell of taken) functions.free(cell)
  return taken.length
}

describe('runs of a lost worker', () => {
  test('are interrupted with the keys of what is under way, whose signals fire, and their sandboxes are closed', async () => {
    // However long a busy machine takes to tell of a thread's end, the call is under way until then.
    const lasting = defineTool({
      ...slow,
      input: z.object({}),
      run: async (_input, { signal, idempotencyKey }) => {
        keys.push(idempotencyKey)
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => {
            aborted++
            resolve()
          }),
        )
      },
    })
    const start = mortalThread({ kind: 'call', direction: 'from worker', when: 'after' }, 'is terminated')
    const pool = await makePool(start, 1)
    const sandbox = await pool.open(await poolRequest({ tools: [lasting], grants }))
    const twin = await sandbox.fork()
    const running = sandbox.run({ source: 'await tools.slow({})' })
    const waiting = sandbox.run({ source: '1' })
    const elsewhere = twin.run({ source: 'await new Promise((r) => setTimeout(r, 5_000))' })
    expect(await running).toMatchObject({
      status: 'interrupted',
      pending: [{ tool: 'slow', idempotencyKey: keys[0] }],
    })
    expect(aborted).toBe(1)
    expect(await elsewhere).toMatchObject({ status: 'interrupted', pending: [] })
    await expect(waiting).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED', message: expect.stringMatching(/lost/) })
    for (const lost of [sandbox, twin]) {
      await expect(lost.run({ source: '1' })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
      await expect(lost.fork()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
      await lost.dispose()
    }
    await pool.dispose()
  })

  test('are interrupted while their thread waits for a call that will never be answered', async () => {
    const hanging = defineTool({ ...slow, input: z.object({}), run: () => new Promise(() => {}) })
    for (const source of ['tools.slow.sync({})', 'tools.slow({}); tools.slow({}); tools.slow.sync({})']) {
      const start = mortalThread({ kind: 'call', direction: 'from worker', when: 'after' }, 'is terminated')
      const pool = await makePool(start, 1, createLedger(), false)
      const sandbox = await pool.open(await poolRequest({ tools: [hanging], grants }))
      const result = await sandbox.run({ source })
      expect(result).toMatchObject({ status: 'interrupted', error: { code: 'TOKA_INTERRUPTED' } })
      expect(result.pending.length).toBeGreaterThan(0)
      const again = await pool.open(await poolRequest())
      expect((await again.run({ source: '1 + 1' })).value).toBe(2)
      await pool.dispose()
    }
  })

  test('leave the runs of other workers alone', async () => {
    const start = mortalThread({ kind: 'call', direction: 'from worker', when: 'after' }, 'is terminated')
    const pool = await makePool(start, 2)
    const doomed = await pool.open(await poolRequest({ tools: [slow], grants }))
    const other = await pool.open(await poolRequest())
    const fine = other.run({ source: 'await new Promise((r) => setTimeout(r, 60)); 7' })
    expect((await doomed.run({ source: 'await tools.slow({})' })).status).toBe('interrupted')
    expect((await fine).value).toBe(7)
    await pool.dispose()
  })
})

describe('a worker that does not answer any more', () => {
  test('is ended: the run whose deadline is over is a limit, a cancelled one cancelled, the others interrupted', async () => {
    let deaf = false
    const pool = await makePool((events) => {
      const thread = startThread({ ...events, message: (data) => (deaf ? undefined : events.message(data)) })
      return { ...thread, post: (message) => (deaf ? undefined : thread.post(message)) }
    })
    const sandboxes = await Promise.all([1, 2, 3].map(async () => pool.open(await poolRequest())))
    const source = 'await new Promise((r) => setTimeout(r, 60_000))'
    const [late, other, third] = sandboxes.map((sandbox, index) =>
      sandbox.run({ source, limits: { timeoutMs: index === 0 ? 100 : 25_000 } }),
    )
    await sleep(50)
    deaf = true
    expect((await late)?.status).toBe('limit')
    expect((await other)?.status).toBe('interrupted')
    expect((await third)?.status).toBe('interrupted')
    deaf = false
    const again = await pool.open(await poolRequest())
    const stop = new AbortController()
    const cancelled = again.run({ source, signal: stop.signal })
    await sleep(50)
    deaf = true
    stop.abort()
    expect((await cancelled).status).toBe('cancelled')
    await pool.dispose()
  })

  test('may not even be made: the request says so', async () => {
    const pool = await makePool(() => {
      throw new Error('forbidden by a policy')
    })
    await expect(pool.open(await poolRequest())).rejects.toMatchObject({
      code: 'TOKA_RUNTIME_UNSUPPORTED',
      message: 'a worker could not be started: forbidden by a policy',
    })
    await pool.dispose()
  })

  test('cannot be started: the request says so, and the next one tries again', async () => {
    let starts = 0
    const pool = await makePool((events) => {
      starts++
      setTimeout(() => events.ended('its script is missing'), 1)
      return { post: () => {}, terminate: () => {}, hold: () => {} }
    })
    for (let attempt = 1; attempt <= 2; attempt++) {
      await expect(pool.open(await poolRequest())).rejects.toMatchObject({
        code: 'TOKA_RUNTIME_UNSUPPORTED',
        message: 'a worker could not be started: its script is missing',
      })
      expect(starts).toBe(attempt * 3)
    }
    await pool.dispose()
  })
})
