/** The thread that executes: an endless loop in it stops neither the clock nor Ctrl-C, and the seed at fault is in shared memory. */
import { parentPort, workerData } from 'node:worker_threads'
import { attempt, type Failure, messageOf, shrink, type Tally } from './session.ts'
import { targets } from './targets.ts'

/** What the thread is told. With an input only that one is executed. */
export type Job = {
  target: string
  seed: number
  seconds: number
  input?: Uint8Array<ArrayBuffer>
  now: SharedArrayBuffer
}

/** What it tells: how far it is, or how it failed; the last report says that it is over. */
export type Report = {
  executions: number
  tally: Tally
  residentBytes: number
  over: boolean
  failure?: Failure
}

const REPORT_MS = 500
/** More than any target needs: an input that makes the process this large made something of ours allocate by its own count. */
const MOST_BYTES = 3 * 2 ** 30

const { target: name, seed: first, seconds, input: given, now } = workerData as Job
const seeds = new Uint32Array(now)
const target = targets.find((one) => one.name === name)
if (!target) throw new Error(`no target ${name}`)
const session = await target.open()
const tally: Tally = new Map()
let executions = 0

function report(over: boolean, failure?: Failure): void {
  const residentBytes = process.memoryUsage.rss()
  parentPort?.postMessage({ executions, tally, residentBytes, over, ...(failure ? { failure } : {}) } satisfies Report)
}

async function execute(seed: number, input: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const error = await attempt(session, input, tally)
  executions++
  if (error === undefined) return true
  const small = given ? input : await shrink(session, input, error)
  const stack = error instanceof Error ? `\n${error.stack}` : ''
  report(true, { seed, input: small, message: messageOf(error) + stack })
  return false
}

async function run(): Promise<void> {
  if (given) {
    if (await execute(first, given)) report(true)
    return
  }
  const end = performance.now() + seconds * 1_000
  let next = performance.now() + REPORT_MS
  for (let seed = first; ; seed = (seed + 1) >>> 0) {
    seeds[0] = seed
    const input = session.make(seed)
    if (!(await execute(seed, input))) return
    if (performance.now() < next) continue
    next = performance.now() + REPORT_MS
    if (process.memoryUsage.rss() > MOST_BYTES)
      return report(true, { seed, input, message: 'the process holds too much memory' })
    if (performance.now() >= end) return report(true)
    report(false)
    // Timers of what was executed get their turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

await run()
