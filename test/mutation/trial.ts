/** A thread that tries mutants: the tests are loaded once, each mutant is switched on for those that reach it, and the first failure ends it. */
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'

export type TrialData = {
  sources: Record<string, string>
  tests: readonly string[]
  todo: readonly string[]
  aliases: Record<string, string>
  /** What an earlier thread found out about the tests as they are without any change. */
  known: Known | undefined
}
export type TrialMessage =
  | { known: Known }
  | { begun: string; costMs: number }
  | { ended: string; outcome: 'killed' | 'survived' | 'uncovered'; by?: string }
  | { broken: string }

type Coverage = Record<string, number>
/** How often each mutant's place is reached, and milliseconds of processor time, by test. */
export type Known = { once: Coverage; perTest: Record<string, Coverage>; costs: Record<string, number> }
/** What Stryker's switches look at. */
type Switches = {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: { static: Coverage; perTest: Record<string, Coverage> }
}
type Test = { name: string; run: () => Promise<void> }

/** A mutant that is reached so many times oftener than its place was before goes round for ever. */
const MOST_HITS = 100

const { sources, tests, todo, aliases, known } = workerData as TrialData
const switches: Switches = ((globalThis as { __stryker__?: Switches }).__stryker__ = {})
const say = (message: TrialMessage): void => parentPort?.postMessage(message)
let generation = 0

registerHooks({
  resolve(specifier, context, next) {
    const alias = aliases[specifier]
    const found = alias === undefined ? next(specifier, context) : { url: alias, shortCircuit: true }
    const isOurs = found.url.startsWith('file:') && !found.url.includes('/node_modules/')
    // Another generation loads everything anew: what a module does when it is loaded can be mutated, too.
    return isOurs
      ? { ...found, format: 'module-typescript', url: `${found.url.split('?')[0]}?generation=${generation}` }
      : found
  },
  load(url, context, next) {
    const source = url.startsWith('file:') ? sources[fileURLToPath(url.split('?')[0] ?? '')] : undefined
    if (source === undefined) return next(url, context)
    return { format: 'module', source: stripTypeScriptTypes(source), shortCircuit: true }
  },
})

async function load(file: string): Promise<Test[]> {
  await import(file)
  const { takeTests } = (await import('vitest')) as unknown as { takeTests(): Test[] }
  return takeTests().map(({ name, run }) => ({ name: `${file} ${name}`, run }))
}

async function fails(test: Test): Promise<boolean> {
  try {
    await test.run()
    return false
  } catch {
    return true
  }
}

/** Everything loaded anew with the mutant at work from the beginning. */
async function tryAnew(): Promise<string | undefined> {
  generation++
  for (const file of tests) {
    let loaded: Test[]
    try {
      loaded = await load(file)
    } catch {
      return `${file} (loading)`
    }
    for (const test of loaded) if (await fails(test)) return test.name
  }
  return undefined
}

/** Runs each test once without any change; undefined where one fails, which is said. */
async function measure(all: readonly Test[]): Promise<Known | undefined> {
  const costs: Record<string, number> = {}
  for (const test of all) {
    switches.currentTestId = test.name
    const before = process.threadCpuUsage()
    if (await fails(test)) return void say({ broken: test.name })
    const { user, system } = process.threadCpuUsage(before)
    costs[test.name] = (user + system) / 1_000
  }
  switches.currentTestId = undefined
  const { static: once, perTest } = switches.mutantCoverage ?? { static: {}, perTest: {} }
  // A copy: what mutants reach later is counted in the original.
  const found = { once: { ...once }, perTest, costs }
  say({ known: found })
  return found
}

/**
 * The test that noticed, of those that reach it: the cheapest first, because the first failure ends a mutant.
 * @returns also whether a test came by without the mutant: what its place makes was made before, and is kept
 */
async function tryReached(
  id: string,
  reached: readonly Test[],
  perTest: Known['perTest'],
): Promise<{ by?: string; kept: boolean }> {
  let kept = false
  for (const test of reached) {
    Object.assign(switches, { hitCount: 0, hitLimit: (perTest[test.name]?.[id] ?? 0) * MOST_HITS + 1_000 })
    if (await fails(test)) return { by: test.name, kept }
    kept ||= switches.hitCount === 0
  }
  return { kept }
}

async function main(): Promise<void> {
  const all: Test[] = []
  for (const file of tests) all.push(...(await load(file)))
  const found = known ?? (await measure(all))
  if (!found) return
  const { once, perTest, costs } = found
  const cost = ({ name }: Test): number => costs[name] ?? 0
  const costOf = (some: readonly Test[]): number => some.reduce((sum, test) => sum + cost(test), 0)
  all.sort((a, b) => cost(a) - cost(b))
  for (const id of todo) {
    const reached = all.filter(({ name }) => perTest[name]?.[id])
    if (reached.length === 0 && !once[id]) {
      say({ ended: id, outcome: 'uncovered' })
      continue
    }
    say({ begun: id, costMs: costOf(reached) })
    switches.activeMutant = id
    let { by, kept } = await tryReached(id, reached, perTest)
    Object.assign(switches, { hitCount: undefined, hitLimit: undefined })
    if (by === undefined && (kept || once[id])) {
      say({ begun: id, costMs: costOf(all) })
      by = await tryAnew()
    }
    switches.activeMutant = undefined
    say({ ended: id, outcome: by === undefined ? 'survived' : 'killed', ...(by === undefined ? {} : { by }) })
  }
}

// What a test that failed leaves behind may fail later: it says nothing of the mutant that is tried then.
process.on('unhandledRejection', () => {})
await main()
