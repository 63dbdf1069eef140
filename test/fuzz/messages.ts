/** A conversation between the embedding thread and a worker, recorded once, and choices that change its messages. */
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import type { FromWorker, ToWorker } from '../../src/sandbox/protocol.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { allowSuspension } from '../../src/loader/suspension.ts'
import type { StartThread, ThreadEvents } from '../../src/sandbox/thread.ts'
import { WorkerServer } from '../../src/worker/server.ts'
import { makePool, poolRequest } from '../worker-threads.ts'
import { type Next, pick } from './numbers.ts'
import { makeValue } from './values.ts'

export const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['echo'] }]

/** A tool that counts its calls. */
export const calls = { echo: 0 }
export const echo = defineTool({
  name: 'echo',
  description: '',
  input: z.object({}),
  run: async () => {
    calls.echo++
    return 1
  },
})

type Conversation = { toWorker: ToWorker[]; fromWorker: FromWorker[] }

/** A whole conversation: what each side sends for a sandbox, a run with a tool, output, stdin, a fork. */
async function record(suspension: boolean): Promise<Conversation> {
  const { server, events, sent, received } = localThread()
  const start: StartThread = (given) => {
    events.current = given
    return { post: server, terminate: () => given.ended('ended'), hold: () => {} }
  }
  const pool = await makePool(start, 1, createLedger(), suspension)
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

/** With answers by messages, and with answers in mailboxes. */
async function recordBoth(): Promise<Conversation> {
  const told = await record(true)
  const mailed = await record(false)
  allowSuspension(true)
  return {
    toWorker: [...told.toWorker, ...mailed.toWorker],
    fromWorker: [...told.fromWorker, ...mailed.fromWorker],
  }
}

let recorded: Promise<Conversation> | undefined

/** The conversation, recorded at first use. */
export function conversation(): Promise<Conversation> {
  recorded ??= recordBoth()
  return recorded
}

/** A worker's server on this very thread, behind what a real thread does to messages: they are cloned, and come later. */
export function localThread() {
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

/** What no message has anywhere; beside these any value that may cross, and what may not. */
const JUNK = [
  0,
  1,
  2,
  7,
  true,
  false,
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
  Symbol.iterator,
  () => 1,
  Object.create(null),
  new ArrayBuffer(8),
]

export function makeJunk(next: Next): unknown {
  return next(2) ? pick(next, JUNK) : makeValue(next, 3)
}

/** A copy of a message with one thing set, removed or added, up to four levels deep. */
export function mutateMessage(message: object, next: Next): unknown {
  const copy = { ...message } as Record<string, unknown>
  const how = pick(next, ['set', 'remove', 'add'])
  const depth = next(4)
  let place = copy
  for (let level = 0; ; level++) {
    const keys = Object.keys(place)
    const key = keys[next(Math.max(keys.length, 1))] ?? 'x'
    const inner = place[key]
    const isPlain = typeof inner === 'object' && inner !== null && Object.getPrototypeOf(inner) === Object.prototype
    if (level < depth && isPlain) {
      place = place[key] = { ...(inner as object) } as Record<string, unknown>
      continue
    }
    if (how === 'remove') delete place[key]
    else place[how === 'add' ? `${key}s` : key] = makeJunk(next)
    return copy
  }
}
