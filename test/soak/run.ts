/** `npm run soak [-- --runs N] [--isolation inline|worker] [--seed S] [--in-flight N]`: mixed runs, and nothing may be left of them. */
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createToka, type Isolation } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { describeSample, findGrowth, type Sample, sampleResources } from './resources.ts'
import { soak } from './soak.ts'

const USAGE = 'usage: npm run soak [-- --runs N] [--isolation inline|worker] [--seed S] [--in-flight N]\n'
/** Rests in a whole soak, the first of which end the warm-up. */
const RESTS = 50
const WARM_UP = 0.15

function readArguments() {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({ options: { runs: text, isolation: text, seed: text, 'in-flight': text } })
    const runs = Number(values.runs ?? 100_000)
    const inFlight = Number(values['in-flight'] ?? 8)
    const seed = Number(values.seed ?? Date.now() % 2 ** 31)
    const isolation = values.isolation ?? 'inline'
    const isCount = [runs, inFlight].every((count) => Number.isInteger(count) && count > 0) && Number.isInteger(seed)
    if (!isCount || (isolation !== 'inline' && isolation !== 'worker')) throw new Error('arguments')
    return { runs, inFlight, seed, isolation: isolation as Isolation }
  } catch {
    process.stderr.write(USAGE)
    process.exit(64)
  }
}

const { runs, inFlight, seed, isolation } = readArguments()
let stopped = false
// A terminal and with-node.mjs may both send it.
process.on('SIGINT', () => {
  stopped = true
})

// The threads of Node's own file calls start with the first of them.
await Promise.all(Array.from({ length: 8 }, () => stat(import.meta.filename)))
const before = await sampleResources()
const toka = await createToka({ isolation })
const world = { toka, cancelsLoops: isolation === 'worker' || (await canSuspend()) }
const round = Math.max(50, Math.ceil(runs / RESTS))
const samples: Sample[] = []
const started = performance.now()
process.stdout.write(`${runs} runs, ${isolation}, ${inFlight} in flight, seed ${seed}, Node ${process.versions.node}\n`)

async function rest(done: number): Promise<void> {
  const sample = await sampleResources()
  const rate = Math.round(done / ((performance.now() - started) / 1_000))
  process.stdout.write(`${String(done).padStart(7)} runs, ${rate}/s: ${describeSample(sample)}\n`)
  if (done >= runs * WARM_UP) samples.push(sample)
}

try {
  const counts = await soak(world, { runs, seed, inFlight, round, rest, stopped: () => stopped })
  await toka.dispose()
  const after = await sampleResources()
  process.stdout.write(`${[...counts].map(([kind, count]) => `${kind} ${count}`).join(', ')}\n`)
  process.stdout.write(`disposed: ${describeSample(after)}\n`)
  const left = findGrowth([before, after]).filter((problem) => !problem.includes('grew'))
  const problems = [...findGrowth(samples), ...left.map((problem) => `after dispose: ${problem}`)]
  for (const problem of problems) process.stdout.write(`FAILED: ${problem}\n`)
  process.exitCode = problems.length > 0 ? 1 : stopped ? 130 : 0
} catch (error) {
  process.stdout.write(
    `FAILED: ${(error as Error).message}\n${((error as Error).cause as Error | undefined)?.stack ?? ''}\n`,
  )
  process.exitCode = 1
  await toka.dispose()
}
