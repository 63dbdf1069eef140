/** Whatever either end of a worker is sent: it never throws at its own side, and nobody waits for ever. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunResult, TokaError } from '../../src/index.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import type { FromWorker, ToWorker } from '../../src/sandbox/protocol.ts'
import { readFromWorker, readToWorker } from '../../src/sandbox/protocol.ts'
import type { ThreadEvents } from '../../src/sandbox/thread.ts'
import { WorkerServer } from '../../src/worker/server.ts'
import { makePool, poolRequest } from '../worker-threads.ts'

const SETTINGS = { seed: 20_261_123, numRuns: 150 }

const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['echo'] }]
let calls = 0
const echo = defineTool({
  name: 'echo',
  description: '',
  input: z.object({}),
  run: async () => {
    calls++
    return 1
  },
})

/** A whole conversation, recorded once: what each side sends for a sandbox, a run with a tool, output, stdin, a fork. */
async function record(): Promise<{ toWorker: ToWorker[]; fromWorker: FromWorker[] }> {
  const { server, events, sent, received } = localThread()
  const pool = await makePool((given) => {
    events.current = given
    return { post: server, terminate: () => given.ended('ended'), hold: () => {} }
  })
  const sandbox = await pool.open(
    await poolRequest({
      tools: [echo],
      grants,
      onTrace: () => {},
      files: { '/a': 'x' },
      mounts: [{ at: '/data', from: { files: {} }, mode: 'ro' }],
    }),
  )
  const stdin = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
  await sandbox.run({
    source: 'console.log(1); await tools.echo({}); for await (const c of process.stdin); 2',
    onOutput: () => {},
    stdin,
  })
  await sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 1_000))', signal: AbortSignal.timeout(10) })
  await sandbox.run({ source: '1', collect: ['/[bad/\0'] }).catch(() => {})
  const shown = `toka.progress(0.5, 'x'); toka.display({ 'text/plain': 'x' }); console.log(1); process.stdout.write('x')
    try { require('fs').readFileSync('/data/x') } catch {}`
  for await (const _ of sandbox.stream({ source: shown }));
  const snapshot = await sandbox.snapshot()
  const twin = await sandbox.fork()
  await twin.dispose()
  await pool
    .open({
      ...(await poolRequest()),
      options: { language: 'javascript', mounts: [{ at: '/x', from: 1 as never, mode: 'ro' }] },
    })
    .catch(() => {})
  const request = await poolRequest()
  await pool.open({ ...request, snapshot: await request.seal.open(snapshot) })
  await sandbox.dispose()
  await pool.dispose()
  return { toWorker: sent, fromWorker: received }
}

/** A worker's server on this very thread, behind what a real thread does to messages: they are cloned, and come later. */
function localThread() {
  const events: { current?: ThreadEvents } = {}
  const sent: ToWorker[] = []
  const received: FromWorker[] = []
  const worker = new WorkerServer({
    post: (message) => {
      received.push(message)
      const clone: unknown = structuredClone(message)
      queueMicrotask(() => events.current?.message(clone))
    },
    end: () => events.current?.ended('it ended itself'),
  })
  const server = (message: object): void => {
    sent.push(message as ToWorker)
    const clone: unknown = copyOf(message)
    queueMicrotask(() => worker.receive(clone))
  }
  return { server, events, sent, received }
}

/** Modules and shared memory stay as they are; everything else is cloned. */
function copyOf(message: object): unknown {
  return 'ledger' in message || 'content' in message || 'cell' in message ? { ...message } : structuredClone(message)
}

const conversation = record()
const junk = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
  fc.constantFrom(
    -1,
    1.5,
    Number.NaN,
    2 ** 53,
    '',
    '__proto__',
    'x'.repeat(10_000),
    new Uint8Array(3),
    null,
    undefined,
  ),
)

/** A path into a message, as numbers that pick a key at each level. */
const mutation = fc.record({
  pick: fc.nat(),
  path: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
  value: junk,
  how: fc.constantFrom('set', 'remove', 'add'),
})

function mutate(message: object, { path, value, how }: { path: number[]; value: unknown; how: string }): unknown {
  const copy = { ...message } as Record<string, unknown>
  let place = copy
  path.forEach((step, depth) => {
    const keys = Object.keys(place)
    const key = keys[step % Math.max(keys.length, 1)] ?? 'x'
    const inner = place[key]
    const isPlain = typeof inner === 'object' && inner !== null && Object.getPrototypeOf(inner) === Object.prototype
    if (depth < path.length - 1 && isPlain) {
      place = place[key] = { ...(inner as object) } as Record<string, unknown>
      return
    }
    if (depth < path.length - 1 && depth > 0) return
    if (how === 'remove') delete place[key]
    else if (how === 'add') place[`${key}s`] = value
    else place[key] = value
  })
  return copy
}

/** Fields of messages that may be absent. */
const OPTIONAL: ReadonlySet<string> = new Set(['chunk', 'mailbox', 'snapshot'])

describe('the check of messages', () => {
  test('lets every message of a whole conversation through, and each kind occurs', async () => {
    const { toWorker, fromWorker } = await conversation
    for (const message of toWorker) expect(readToWorker(message)).toBe(message)
    for (const message of fromWorker) expect(readFromWorker(message)).toBe(message)
    const kinds = (messages: { kind: string }[]) => [...new Set(messages.map(({ kind }) => kind))].sort()
    expect(kinds(toWorker)).toEqual([
      'answer',
      'cancel',
      'dispose',
      'fork',
      'image',
      'init',
      'input',
      'open',
      'run',
      'snapshot',
    ])
    expect(kinds(fromWorker)).toEqual([
      'call',
      'disposed',
      'events',
      'failed',
      'opened',
      'output',
      'pull',
      'ready',
      'refused',
      'result',
      'snapshotted',
      'trace',
    ])
  })

  test('refuses a message with a field too many, too few, or of another type', async () => {
    const { toWorker, fromWorker } = await conversation
    const sides = [
      [toWorker, readToWorker],
      [fromWorker, readFromWorker],
    ] as const
    for (const [messages, read] of sides) {
      for (const message of messages) {
        expect(read({ ...message, more: 1 })).toBeUndefined()
        expect(read(Object.assign(Object.create({ inherited: 1 }), message))).toBeUndefined()
        for (const key of Object.keys(message)) {
          const { [key]: _, ...less } = message as Record<string, unknown>
          // Only what may be absent may be left out.
          if (!OPTIONAL.has(key)) expect(read(less)).toBeUndefined()
          expect(read({ ...message, [key]: Symbol.iterator })).toBeUndefined()
        }
      }
    }
  })

  test('reads anything without throwing', () => {
    fc.assert(
      fc.property(junk, (value) => {
        for (const read of [readToWorker, readFromWorker]) expect(() => read(value)).not.toThrow()
      }),
      SETTINGS,
    )
  })
})

/** A result that a program can use as it is declared. */
function checkResult({ status, exitCode, stdout, stderr, usage, denials, pending, audit, files }: RunResult): unknown {
  if (!/^(completed|failed|limit|interrupted)$/.test(status)) throw new TypeError(`status ${status}`)
  const numbers = Object.values(usage).filter((amount) => typeof amount === 'number')
  return [
    exitCode.toFixed(),
    stdout.length + stderr.length,
    numbers.map((amount) => amount.toFixed()),
    denials.map(({ allow, link }) => allow.length + link.toFixed()),
    pending.map(({ idempotencyKey }) => idempotencyKey.length),
    audit.head.length + audit.records.toFixed(),
    Object.values(files).map((bytes) => bytes.subarray(1)),
  ]
}

describe('the embedding thread', () => {
  test('settles everything and throws nothing, whatever a worker sends', async () => {
    const { fromWorker } = await conversation
    // The first run has the same number in every conversation: these fit, but for what is changed in them.
    const ofFirstRun = fromWorker.filter((message) => 'run' in message && message.run === 2)
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 2, max: 6 }),
        async (mutations, at) => {
          const before = calls
          const { server, events, received } = localThread()
          let count = 0
          const pool = await makePool((given) => {
            events.current = {
              ended: given.ended,
              message: (message) => {
                if (count++ === at) {
                  for (const mutation of mutations) {
                    const choice = mutation.pick % 3 ? ofFirstRun : [...fromWorker, ...received]
                    const of = choice[mutation.pick % choice.length] as object
                    given.message(mutate(of, mutation))
                  }
                }
                given.message(message)
              },
            }
            return { post: server, terminate: () => given.ended('ended'), hold: () => {} }
          })
          const sandbox = await pool.open(await poolRequest({ tools: [echo], grants })).catch((error: Error) => error)
          if (!(sandbox instanceof Error)) {
            const run = sandbox.run({ source: 'console.log(1); await tools.echo({})', limits: { timeoutMs: 300 } })
            const fork = sandbox.fork().catch((error: Error) => error)
            for (const end of await Promise.all([run.catch((error: Error) => error), fork])) {
              if (end instanceof Error) expect(end).toBeInstanceOf(TokaError)
              else if ('status' in end) expect(() => JSON.stringify(checkResult(end))).not.toThrow()
            }
            await sandbox.dispose()
          } else expect(sandbox).toBeInstanceOf(TokaError)
          await pool.dispose()
          expect(calls - before).toBeLessThanOrEqual(4)
        },
      ),
      { ...SETTINGS, numRuns: 250 },
    )
  })
})

describe('a worker', () => {
  test('ends itself or goes on, and throws nothing, whatever it is sent', async () => {
    const { toWorker } = await conversation
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 6 }),
        async (mutations, at) => {
          let ended = false
          const server = new WorkerServer({ post: () => {}, end: () => (ended = true) })
          for (const message of toWorker.slice(0, at)) server.receive(message)
          for (const each of mutations) {
            server.receive(mutate(toWorker[each.pick % toWorker.length] as object, each))
            if (ended) break
            await Promise.resolve()
          }
          expect(typeof ended).toBe('boolean')
        },
      ),
      SETTINGS,
    )
  })

  test('ends itself when it is sent what the embedding thread never sends', () => {
    const ledger = createLedger().memory
    const init = { kind: 'init', ledger, suspension: true }
    for (const messages of [
      [undefined],
      [{ kind: 'nonsense' }],
      [{ kind: 'dispose', sandbox: 1 }],
      [init, init],
      [init, { kind: 'dispose', sandbox: 1 }],
      [init, { kind: 'fork', sandbox: 1, twin: 2 }],
      [init, { kind: 'answer', call: 1, failed: false, payload: new Uint8Array(1) }],
    ]) {
      let ended = 0
      const server = new WorkerServer({ post: () => {}, end: () => ended++ })
      for (const message of messages) server.receive(message)
      expect(ended).toBe(1)
    }
  })
})
