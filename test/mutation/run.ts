/** `npm run mutate`: changes the sources of capabilities/ one place at a time, and counts the changes that no test notices. */
import { globSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { installLocked } from '../runtimes/install-locked.ts'
import { root } from '../runtimes/setup.mjs'
import type { Mutant } from './instrument.ts'
import type { TrialData, TrialMessage } from './trial.ts'

/** The tests that no mutant of capabilities/ should survive; what is quick comes first, because the first failure ends a mutant. */
const TESTS = [
  'test/unit/{capabilities,cvm,token}-*.test.ts',
  'test/unit/net-request.test.ts',
  'test/unit/security-callers.test.ts',
  'test/redteam/tokens.redteam.test.ts',
  'test/property/capabilities-*.test.ts',
]
/** A quarter of a million programs, each decided twice: for the parts that they are about. */
const MACHINE_TESTS = ['test/differential/cvm-model.test.ts']
const MACHINE = /\/(?:model|verify|isa|assembler)\.ts$/
/** Milliseconds of processor time that a mutant may take: all of the tests together take a fraction. */
const PATIENCE_MS = 30_000
/** Killed of a hundred, of each run. */
const LEAST_SCORE = 90

type Outcome = 'killed' | 'timed out' | 'survived' | 'uncovered'

const here = fileURLToPath(new URL('./', import.meta.url))
const failed = installLocked(here, 'Stryker in test/mutation')
if (failed) {
  process.stderr.write(`Stryker cannot be installed: ${failed}\n`)
  process.exit(70)
}
const { instrument } = await import('./instrument.ts')

const given = process.argv.slice(2)
const files = globSync(given.length > 0 ? given : 'capabilities/**/*.ts', { cwd: root }).map((file) =>
  resolve(root, file),
)
const outcomes = new Map<Mutant, Outcome>()
const [machine, others] = [files.filter((file) => MACHINE.test(file)), files.filter((file) => !MACHINE.test(file))]
if (others.length > 0) await tryAll(others, TESTS)
if (machine.length > 0) await tryAll(machine, [...TESTS, ...MACHINE_TESTS])
await report()

async function tryAll(some: readonly string[], patterns: readonly string[]): Promise<void> {
  const { sources, mutants } = await instrument(some)
  const byId = new Map(mutants.map((mutant) => [mutant.id, mutant]))
  const tests = patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .map((test) => pathToFileURL(join(root, test)).href)
  const aliases = {
    vitest: new URL('vitest.ts', import.meta.url).href,
    'fast-check': new URL('fast-check.ts', import.meta.url).href,
  }
  while (byId.size > 0) await tryInThread({ sources, tests, todo: [...byId.keys()], aliases }, byId)
}

/** Tries mutants until all are tried, or one of them does not end: the next thread goes on behind it. */
function tryInThread(workerData: TrialData, byId: Map<string, Mutant>): Promise<void> {
  const worker = new Worker(new URL('trial.ts', import.meta.url), {
    workerData,
    execArgv: ['--conditions=toka-source', '--disable-warning=ExperimentalWarning'],
  })
  return new Promise((done, reject) => {
    let current: { id: string; from: number } | undefined
    const end = (id: string, outcome: Outcome): void => {
      const mutant = byId.get(id)
      if (!mutant) return
      byId.delete(id)
      outcomes.set(mutant, outcome)
      if (outcomes.size % 25 === 0) process.stderr.write(`${outcomes.size} tried\n`)
      if (outcome === 'killed') return
      const { file, line, mutator, replacement } = mutant
      const place = `${relative(root, file)}:${line}`
      process.stdout.write(`${outcome}  ${place}  ${mutator}  ${replacement.replace(/\s+/g, ' ').slice(0, 120)}\n`)
    }
    const used = async (): Promise<number> => {
      const { user, system } = await worker.cpuUsage()
      return (user + system) / 1_000
    }
    const watch = setInterval(async () => {
      const now = await used().catch(() => 0)
      if (!current || now - current.from < PATIENCE_MS) return
      end(current.id, 'timed out')
      current = undefined
      await worker.terminate()
    }, 1_000)
    worker.on('message', async (message: TrialMessage) => {
      if ('broken' in message) return reject(new Error(`without any change this fails: ${message.broken}`))
      if ('ended' in message) {
        if (current?.id === message.ended) current = undefined
        return end(message.ended, message.outcome)
      }
      current = { id: message.begun, from: Infinity }
      const mine = current
      mine.from = await used().catch(() => Infinity)
    })
    worker.on('error', reject)
    worker.on('exit', () => {
      clearInterval(watch)
      done()
    })
  })
}

async function report(): Promise<void> {
  const rows = files.map((file) => {
    const all = [...outcomes].filter(([mutant]) => mutant.file === file).map(([, outcome]) => outcome)
    const killed = all.filter((outcome) => outcome === 'killed' || outcome === 'timed out').length
    return {
      file: relative(root, file),
      mutants: all.length,
      killed,
      timedOut: all.filter((one) => one === 'timed out').length,
    }
  })
  const total = rows.reduce((sum, { mutants }) => sum + mutants, 0)
  const killed = rows.reduce((sum, row) => sum + row.killed, 0)
  const score = total === 0 ? 100 : (killed / total) * 100
  for (const { file, mutants, killed: dead, timedOut } of rows)
    process.stdout.write(
      `${file.padEnd(40)} ${mutants} mutants, ${dead} killed (${timedOut} by time): ${((dead / Math.max(mutants, 1)) * 100).toFixed(1)} %\n`,
    )
  process.stdout.write(`all: ${killed} of ${total}, ${score.toFixed(1)} %\n`)
  await mkdir(join(root, '.toka/mutation'), { recursive: true })
  await writeFile(
    join(root, '.toka/mutation/report.json'),
    JSON.stringify(
      [...outcomes].map(([mutant, outcome]) => ({ ...mutant, outcome })),
      null,
      1,
    ),
  )
  process.exitCode = score < LEAST_SCORE ? 1 : 0
}
