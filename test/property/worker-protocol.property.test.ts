/** Whatever either end of a worker is sent: it never throws at its own side, and nobody waits for ever. */
import { describe, expect, test } from 'vitest'
import { type RunResult, TokaError } from '../../src/index.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { readFromWorker, readToWorker } from '../../src/sandbox/protocol.ts'
import { WorkerServer } from '../../src/worker/server.ts'
import { calls, conversation, echo, grants, localThread, makeJunk, mutateMessage } from '../fuzz/messages.ts'
import { numbers, pick } from '../fuzz/numbers.ts'
import { makePool, poolRequest } from '../worker-threads.ts'

/** Fields of messages that may be absent. */
const OPTIONAL: ReadonlySet<string> = new Set(['chunk', 'mailbox', 'snapshot'])

describe('the check of messages', () => {
  test('lets every message of a whole conversation through, and each kind occurs', async () => {
    const { toWorker, fromWorker } = await conversation()
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
      'mail',
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
    const { toWorker, fromWorker } = await conversation()
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
    const next = numbers(1)
    for (let round = 0; round < 2_000; round++) {
      const value = makeJunk(next)
      for (const read of [readToWorker, readFromWorker]) expect(() => read(value)).not.toThrow()
    }
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
    const { fromWorker } = await conversation()
    // The first run has the same number in every conversation: these fit, but for what is changed in them.
    const ofFirstRun = fromWorker.filter((message) => 'run' in message && message.run === 2)
    for (let seed = 1; seed <= 250; seed++) {
      const next = numbers(seed)
      const at = 2 + next(5)
      const before = calls.echo
      const { server, events, received } = localThread()
      let count = 0
      const pool = await makePool((given) => {
        events.current = {
          ended: given.ended,
          message: (message) => {
            for (let left = count++ === at ? 1 + next(4) : 0; left > 0; left--)
              given.message(mutateMessage(pick(next, next(3) ? ofFirstRun : [...fromWorker, ...received]), next))
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
      expect(calls.echo - before).toBeLessThanOrEqual(4)
    }
  })
})

describe('a worker', () => {
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
