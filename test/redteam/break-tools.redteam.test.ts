/** Tools and callers that behave badly at every moment: each run settles, nothing is left unhandled in the host, the sandbox lives on. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type Sandbox } from '../../src/index.ts'
import { inEveryWay, toka } from '../run.ts'

/** A value whose every trap throws. */
const hostile = (): object =>
  new Proxy(
    {},
    {
      get() {
        throw new Error('get')
      },
      ownKeys() {
        throw new Error('ownKeys')
      },
      getPrototypeOf() {
        throw new Error('getPrototypeOf')
      },
    },
  )

const circle = (): object => {
  const value: { self?: object } = {}
  value.self = value
  return value
}

const BEHAVIOURS: Record<string, (signal: AbortSignal, sandbox: Sandbox) => unknown> = {
  throwsProxy: () => {
    throw hostile()
  },
  rejectsProxy: () => Promise.reject(hostile()),
  rejectsLate: () => new Promise((_, reject) => setTimeout(reject, 40, new Error('late'))),
  rejectsOnAbort: (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
  answersProxy: hostile,
  answersGetter: () => ({
    get then() {
      throw new Error('then')
    },
  }),
  answersEndless: () => new Proxy([], { get: (_, key) => (key === 'length' ? 2 ** 32 - 1 : 1) }),
  answersCircle: circle,
  answersLongText: () => 'x'.repeat(2 ** 28),
  answersTwice: () => ({
    // A thenable that breaks its contract is the attack.
    then(resolve: (value: number) => void, reject: (error: Error) => void) {
      resolve(1)
      reject(new Error('after all'))
      resolve(2)
    },
  }),
  hangs: () => new Promise(() => {}),
  runsItsOwnSandbox: async (_, sandbox) => (await sandbox.run({ source: '1' })).value,
  forksItsOwnSandbox: async (_, sandbox) => void (await sandbox.fork()),
}

const FORMS = ['await tools.bad({})', 'tools.bad.sync({})', 'tools.bad({}); 1']

async function openWith(act: (signal: AbortSignal, sandbox: Sandbox) => unknown): Promise<Sandbox> {
  const box: { sandbox?: Sandbox } = {}
  const run = (_: unknown, { signal }: { signal: AbortSignal }) => act(signal, box.sandbox as Sandbox)
  const bad = defineTool({ name: 'bad', description: 'Behaves badly', input: z.object({}), run })
  box.sandbox = await (await toka()).open({
    language: 'javascript',
    tools: [bad],
    grants: [{ resource: 'tool', actions: ['call'], names: ['bad'] }],
    limits: { timeoutMs: 100 },
  })
  return box.sandbox
}

inEveryWay(() => {
  describe('a tool that behaves badly', () => {
    for (const [name, act] of Object.entries(BEHAVIOURS)) {
      test(`${name}: the run settles and the sandbox goes on`, async () => {
        const sandbox = await openWith(act)
        for (const source of FORMS) {
          const result = await sandbox.run({ source })
          expect(['completed', 'failed', 'limit']).toContain(result.status)
          expect(result.error?.code).not.toBe('TOKA_INTERNAL')
          expect((await sandbox.run({ source: '1 + 1' })).value).toBe(2)
        }
        await sandbox.dispose()
      })
    }

    test('a call that is never answered is pending in its own run alone', async () => {
      const sandbox = await openWith(() => new Promise(() => {}))
      expect((await sandbox.run({ source: 'await tools.bad({})' })).pending).toMatchObject([{ tool: 'bad' }])
      expect((await sandbox.run({ source: '1' })).pending).toEqual([])
      await sandbox.dispose()
    })

    test('disposing its own sandbox from within ends the run, and does not wait for itself', async () => {
      for (const wait of [true, false]) {
        const sandbox = await openWith(async (_, own) => {
          const closing = own.dispose()
          if (wait) await closing
          return 1
        })
        expect(['cancelled', 'completed']).toContain((await sandbox.run({ source: 'await tools.bad({})' })).status)
        await sandbox.dispose()
      }
    })
  })

  describe('a caller that ends runs at any moment', () => {
    const BUSY = [
      'for (;;) try { tools.bad.sync({}) } catch {}',
      'for (;;) await Promise.all([tools.bad({}), new Promise((done) => setTimeout(done))]).catch(() => {})',
      'for (;;) await import("/nothing.mjs").catch(() => {})',
      'setInterval(() => {}, 0); await new Promise(() => {})',
    ]
    const answer = () =>
      new Promise((resolve, reject) =>
        setTimeout(Math.random() < 0.5 ? resolve : reject, Math.random() * 3, new Error('no')),
      )

    test('by its signal: the run is over, the next one is not', async () => {
      const sandbox = await openWith(answer)
      for (let round = 0; round < 24; round++) {
        const stop = new AbortController()
        const running = sandbox.run({ source: BUSY[round % BUSY.length] as string, signal: stop.signal })
        if (round < 4) stop.abort()
        else setTimeout(() => stop.abort(), round % 8)
        // Where a guest cannot be suspended its deadline may come first.
        expect(['cancelled', 'limit']).toContain((await running).status)
        expect((await sandbox.run({ source: '1 + 1' })).value).toBe(2)
      }
      await sandbox.dispose()
    })

    test('by dispose, with a fork and a second run waiting: all three settle', async () => {
      for (let round = 0; round < 12; round++) {
        const sandbox = await openWith(answer)
        const running = sandbox.run({ source: BUSY[round % BUSY.length] as string })
        const waiting = Promise.allSettled([sandbox.fork(), sandbox.run({ source: '1' })])
        await new Promise((resolve) => setTimeout(resolve, round % 6))
        await sandbox.dispose()
        expect(['cancelled', 'limit']).toContain((await running).status)
        for (const ending of await waiting)
          if (ending.status === 'rejected') expect(ending.reason).toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
      }
    })
  })
})
