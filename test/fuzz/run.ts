/** `npm run fuzz [-- TARGET…] [--seconds N] [--seed S] [--replay FILE]`: random inputs until time is over or something fails. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Job, Report } from './thread.ts'

const NAMES = ['rewriter', 'codec', 'syscalls', 'verifier', 'modules'] as const
const USAGE = `usage: npm run fuzz [-- ${NAMES.join('|')} …] [--seconds N] [--seed S] [--replay FILE]\n`
/** An execution takes milliseconds: one of this long hangs. */
const HANG_MS = 30_000
const PROGRESS_MS = 5_000

type Replay = { target: string; seed: number; input: string }
type End = { executions: number; milliseconds: number; outcomes: number; failed: boolean }

function readArguments() {
  const options = { seconds: { type: 'string' }, seed: { type: 'string' }, replay: { type: 'string' } } as const
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    const seconds = Number(values.seconds ?? 60)
    const seed = Number(values.seed ?? Date.now() % 2 ** 31)
    const isKnown = positionals.every((name) => NAMES.some((known) => known === name))
    if (!isKnown || !(seconds > 0) || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
      throw new Error('arguments')
    return { names: positionals.length > 0 ? positionals : [...NAMES], seconds, seed, replay: values.replay }
  } catch {
    process.stderr.write(USAGE)
    process.exit(64)
  }
}

/** Ends the target that is being fuzzed. */
let stopNow = (): void => {}

/** Where a failing input is kept. Answers how to run it again. */
function keep(target: string, { seed, input }: { seed: number; input?: Uint8Array }): string {
  if (input === undefined) return `npm run fuzz -- ${target} --seed ${seed} --seconds 1`
  const file = join(mkdtempSync(join(tmpdir(), 'toka-fuzz-')), `${target}-${seed}.json`)
  const replay: Replay = { target, seed, input: Buffer.from(input).toString('base64') }
  writeFileSync(file, JSON.stringify(replay))
  return `npm run fuzz -- --replay ${file}   (the whole input: ${target} --seed ${seed})`
}

const thousands = (count: number): string => Math.round(count).toLocaleString('en')

/** Fuzzes one target in a thread of its own. */
function fuzz(job: Omit<Job, 'now'>): Promise<End> {
  const now = new SharedArrayBuffer(4)
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: { ...job, now } })
  const started = performance.now()
  let last: Report = { executions: 0, tally: new Map(), residentBytes: 0, over: false }
  let heard = performance.now()
  let shown = performance.now()
  return new Promise((resolve) => {
    const finish = (failure?: { seed: number; input?: Uint8Array; message: string }): void => {
      clearInterval(watch)
      stopNow = () => {}
      void worker.terminate()
      const milliseconds = performance.now() - started
      line('over')
      if (failure)
        process.stdout.write(`FAILED ${job.target}: ${failure.message}\n  again: ${keep(job.target, failure)}\n`)
      resolve({ executions: last.executions, milliseconds, outcomes: last.tally.size, failed: failure !== undefined })
    }
    const line = (what: string): void => {
      const rate = last.executions / ((performance.now() - started) / 1_000)
      const memory = `${Math.round(last.residentBytes / 2 ** 20)} MiB`
      const figures = [
        `${thousands(last.executions)} executions`,
        `${thousands(rate)}/s`,
        `${last.tally.size} outcomes`,
        memory,
      ]
      process.stdout.write(`${job.target} ${what}: ${figures.join(', ')}\n`)
    }
    const watch = setInterval(() => {
      if (performance.now() - heard < HANG_MS) return
      finish({ seed: new Uint32Array(now)[0] ?? 0, message: `an execution has not ended after ${HANG_MS / 1_000} s` })
    }, 1_000)
    stopNow = finish
    worker.on('message', (report: Report) => {
      heard = performance.now()
      last = report
      if (report.over) finish(report.failure)
      else if (heard - shown >= PROGRESS_MS) {
        shown = heard
        line('…')
      }
    })
    worker.on('error', (error) => finish({ seed: new Uint32Array(now)[0] ?? 0, message: String(error) }))
  })
}

let stopped = false
// A terminal and with-node.mjs may both send it.
process.on('SIGINT', () => {
  stopped = true
  stopNow()
})
const { names, seconds, seed, replay } = readArguments()
const jobs: Omit<Job, 'now'>[] = replay ? [readReplay(replay)] : names.map((target) => ({ target, seed, seconds }))

function readReplay(file: string): Omit<Job, 'now'> {
  const { target, seed: replayed, input } = JSON.parse(readFileSync(file, 'utf8')) as Replay
  return { target, seed: replayed, seconds: 1, input: new Uint8Array(Buffer.from(input, 'base64')) }
}

process.stdout.write(`seed ${jobs[0]?.seed}, Node ${process.versions.node}\n`)
let failures = 0
for (const job of jobs) {
  if (stopped) break
  if ((await fuzz(job)).failed) failures++
}
process.exitCode = stopped ? 130 : failures > 0 ? 1 : 0
