/** One quota, spent by guests in many workers and by their forks at once: together they never get more than it holds. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startThread } from '#worker'
import type { GrantInput } from '../../src/index.ts'
import { createLedger, type Ledger } from '../../src/gate/ledger.ts'
import { openPolicy, type Policy } from '../../src/gate/policy.ts'
import { decodeValue } from '../../src/kernel/values.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { plainOptions, plainPolicy } from '../../src/sandbox/plain-options.ts'
import { shareImage } from '../../src/sandbox/share-image.ts'
import { WorkerHost } from '../../src/sandbox/worker-host.ts'
import { skipReasons } from '../skip-reasons.ts'
import { poolRequest } from '../worker-threads.ts'

const SETTINGS = { seed: 20_261_126, numRuns: 25 }
const THREADS = 4
const resident = { onTrace: undefined, onLost: () => {} }

let ledger: Ledger
let hosts: WorkerHost[] = []

beforeAll(async () => {
  ledger = createLedger()
  if (!ledger.shared) return
  const suspension = await canSuspend()
  const { image } = await poolRequest()
  hosts = Array.from(
    { length: THREADS },
    () => new WorkerHost(startThread, { ledger: ledger.memory, suspension }, () => {}),
  )
  for (const host of hosts) host.sendImage({ image: 1, content: shareImage(image) })
})
afterAll(async () => {
  for (const host of hosts) host.end('the tests are over')
  await Promise.all(hosts.map(({ gone }) => gone))
})

const sandboxes = (host: WorkerHost, forks: number, policy: Policy): Promise<number[]> =>
  poolRequest({ mounts: [{ at: '/data', from: { files: { a: 'x'.repeat(1_000) } }, mode: 'ro' }] }).then(
    async ({ options, limits }) => {
      const opening = { image: 1, options: plainOptions(options), limits, tools: [], policy: plainPolicy(policy) }
      const first = await host.open(opening, resident)
      const twins = await Promise.all(Array.from({ length: forks }, () => host.fork(first, resident)))
      return [first, ...twins]
    },
  )

async function runIn(host: WorkerHost, sandbox: number, source: string): Promise<number> {
  const { limits, toolbox, engine } = await poolRequest()
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const { outcome } = host.run({ sandbox, order: { source }, hooks: {}, toolbox, limits, engine, cell })
  const { value, error } = await outcome
  if (error || !value) throw new Error(error?.message)
  return decodeValue(value) as number
}

/** What all guests together got of a grant. */
async function spend(grant: GrantInput, source: string, { threads, forks }: { threads: number; forks: number }) {
  const policy = openPolicy([grant], ledger)
  try {
    const homes = hosts.slice(0, threads)
    const guests = await Promise.all(homes.map((host) => sandboxes(host, forks, policy)))
    const runs = guests.flatMap((numbers, at) =>
      numbers.map((number) => runIn(homes[at] as WorkerHost, number, source)),
    )
    const got = (await Promise.all(runs)).reduce((sum, amount) => sum + amount, 0)
    const left = policy.account.cells.map((cell) => Number(ledger.functions.left(cell)))
    await Promise.all(guests.flatMap((numbers, at) => numbers.map((number) => homes[at]?.dispose(number))))
    return { got, left }
  } finally {
    ledger.release(policy.account)
  }
}

const crowd = { threads: fc.integer({ min: 1, max: THREADS }), forks: fc.integer({ min: 0, max: 2 }) }

test('of calls they get exactly what there is, or all that they ask for', async (context) => {
  context.skip(!ledger.shared, skipReasons.noSharedMemory)
  const amounts = { calls: fc.integer({ min: 1, max: 1_500 }), tries: fc.integer({ min: 0, max: 600 }), ...crowd }
  await fc.assert(
    fc.asyncProperty(fc.record(amounts), async ({ calls, tries, ...size }) => {
      const source = `let got = 0; for (let i = 0; i < ${tries}; i++) try { require('fs').statSync('/data/a'); got++ } catch {}; got`
      const grant: GrantInput = { resource: 'fs', actions: ['read'], paths: ['/data/**'], quota: { calls } }
      const { got, left } = await spend(grant, source, size)
      const asked = tries * size.threads * (size.forks + 1)
      expect(got).toBe(Math.min(calls, asked))
      expect(left).toEqual([calls - got])
    }),
    SETTINGS,
  )
})

test('of bytes they get no more than there are, and what a read did not use is given back', async (context) => {
  context.skip(!ledger.shared, skipReasons.noSharedMemory)
  const amounts = { bytes: fc.integer({ min: 1, max: 100_000 }), length: fc.integer({ min: 1, max: 1_400 }), ...crowd }
  await fc.assert(
    fc.asyncProperty(fc.record(amounts), async ({ bytes, length, ...size }) => {
      const source = `
        const fs = require('fs')
        const fd = fs.openSync('/data/a', 'r')
        const buffer = new Uint8Array(${length})
        let got = 0
        for (let i = 0; i < 200; i++) {
          try { got += fs.readSync(fd, buffer, 0, ${length}, (i * 37) % 1_000) } catch { }
        }
        got`
      const grant: GrantInput = { resource: 'fs', actions: ['read'], paths: ['/data/**'], quota: { bytes } }
      const { got, left } = await spend(grant, source, size)
      expect(got).toBeLessThanOrEqual(bytes)
      expect(left).toEqual([bytes - got])
    }),
    SETTINGS,
  )
})

test('of a rate they get its burst together, whoever of them asks', async (context) => {
  context.skip(!ledger.shared, skipReasons.noSharedMemory)
  const amounts = { burst: fc.integer({ min: 1, max: 200 }), tries: fc.integer({ min: 0, max: 100 }), ...crowd }
  await fc.assert(
    fc.asyncProperty(fc.record(amounts), async ({ burst, tries, ...size }) => {
      const source = `let got = 0; for (let i = 0; i < ${tries}; i++) try { require('fs').statSync('/data/a'); got++ } catch {}; got`
      // A day's share of the largest burst is seven minutes: none comes back while the guests run.
      const rate = { per: '24h', burst }
      const grant: GrantInput = { resource: 'fs', actions: ['read'], paths: ['/data/**'], rate }
      const { got } = await spend(grant, source, size)
      expect(got).toBe(Math.min(burst, tries * size.threads * (size.forks + 1)))
    }),
    SETTINGS,
  )
})
