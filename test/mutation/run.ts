/** `npm run mutate`: changes the sources of capabilities/ one place at a time, and counts the changes that no test notices. */
import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { installLocked } from '../runtimes/install-locked.ts'
import { root } from '../runtimes/setup.mjs'
import type { Mutant } from './instrument.ts'
import type { Known, TrialData, TrialMessage } from './trial.ts'

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
/** Processor time that a mutant may take: so many times what its tests take without it, and milliseconds for loading. */
const PATIENCE = 5
const PATIENCE_MS = 4_000
/** Killed of a hundred, of each run. */
const LEAST_SCORE = 90

const REPORT = join(root, '.toka/mutation/report.json')

type Outcome = 'killed' | 'timed out' | 'survived' | 'uncovered'

const here = fileURLToPath(new URL('./', import.meta.url))
const failed = installLocked(here, 'Stryker in test/mutation')
if (failed) {
  process.stderr.write(`Stryker cannot be installed: ${failed}\n`)
  process.exit(70)
}
const { instrument } = await import('./instrument.ts')

const { values, positionals: given } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
  },
})
/** Of all mutants of the files together; none are left out where it is not given. Each seed draws others, always the same. */
const sample = values.sample === undefined ? Infinity : Number(values.sample)
const seed = Number(values.seed)
if (!(sample >= 1) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run mutate [-- FILE… [--sample N [--seed N]] [--again]]\n')
  process.exit(64)
}
const files = globSync(given.length > 0 ? given : 'capabilities/**/*.ts', { cwd: root }).map((file) =>
  resolve(root, file),
)
const outcomes = new Map<Mutant, Outcome>()
const { sources, mutants } = await instrument(files)
const drawn = draw(mutants, sample, seed)
if (values.again) await takeOver()
const todo = drawn.filter((mutant) => !outcomes.has(mutant))
const [machine, others] = [
  todo.filter(({ file }) => MACHINE.test(file)),
  todo.filter(({ file }) => !MACHINE.test(file)),
]
if (others.length > 0) await tryAll(others, TESTS)
if (machine.length > 0) await tryAll(machine, [...TESTS, ...MACHINE_TESTS])
await report()

async function tryAll(some: readonly Mutant[], patterns: readonly string[]): Promise<void> {
  const byId = new Map(some.map((mutant) => [mutant.id, mutant]))
  const tests = patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .map((test) => pathToFileURL(join(root, test)).href)
  const aliases = {
    vitest: new URL('vitest.ts', import.meta.url).href,
    'fast-check': new URL('fast-check.ts', import.meta.url).href,
  }
  let known: Known | undefined
  while (byId.size > 0) known = await tryInThread({ sources, tests, todo: [...byId.keys()], aliases, known }, byId)
}

/** With `--again`, after tests were added: what the last report of the same sources and files says was killed is not tried again. */
async function takeOver(): Promise<void> {
  const before: (Mutant & { outcome: Outcome })[] = JSON.parse(await readFile(REPORT, 'utf8'))
  const key = ({ id, file, line, mutator, replacement }: Mutant): string =>
    JSON.stringify([id, file, line, mutator, replacement])
  const known = new Map(before.map((one) => [key(one), one.outcome]))
  for (const mutant of drawn) {
    const outcome = known.get(key(mutant))
    if (outcome === 'killed' || outcome === 'timed out') outcomes.set(mutant, outcome)
  }
}

/** So many of them, the same ones each time of a seed: the order of a hash has nothing to do with the code. */
function draw(mutants: readonly Mutant[], count: number, seed: number): Mutant[] {
  if (mutants.length <= count) return [...mutants]
  const key = ({ file, id }: Mutant): string =>
    createHash('sha256')
      .update(`${seed} ${relative(root, file)} ${id}`)
      .digest('hex')
  return mutants
    .map((mutant) => ({ mutant, key: key(mutant) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, count)
    .map(({ mutant }) => mutant)
}

/** Tries mutants until all are tried, or one of them does not end: the next thread goes on behind it. */
function tryInThread(workerData: TrialData, byId: Map<string, Mutant>): Promise<Known | undefined> {
  const worker = new Worker(new URL('trial.ts', import.meta.url), {
    workerData,
    execArgv: ['--conditions=toka-source', '--disable-warning=ExperimentalWarning'],
  })
  return new Promise((done, reject) => {
    let { known } = workerData
    let current: { id: string; from: number; patience: number } | undefined
    const end = (id: string, outcome: Outcome): void => {
      const mutant = byId.get(id)
      if (!mutant) return
      byId.delete(id)
      outcomes.set(mutant, outcome)
      if (outcomes.size % 25 === 0) process.stderr.write(`${outcomes.size} of ${drawn.length} tried\n`)
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
      if (!current || now - current.from < current.patience) return
      end(current.id, 'timed out')
      current = undefined
      await worker.terminate()
    }, 1_000)
    worker.on('message', async (message: TrialMessage) => {
      if ('broken' in message) return reject(new Error(`without any change this fails: ${message.broken}`))
      if ('known' in message) {
        known = message.known
        return
      }
      if ('ended' in message) {
        if (current?.id === message.ended) current = undefined
        return end(message.ended, message.outcome)
      }
      current = { id: message.begun, from: Infinity, patience: PATIENCE_MS + message.costMs * PATIENCE }
      const mine = current
      mine.from = await used().catch(() => Infinity)
    })
    worker.on('error', reject)
    worker.on('exit', () => {
      clearInterval(watch)
      done(known)
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
    REPORT,
    JSON.stringify(
      [...outcomes].map(([mutant, outcome]) => ({ ...mutant, outcome })),
      null,
      1,
    ),
  )
  process.exitCode = score < LEAST_SCORE ? 1 : 0
}
