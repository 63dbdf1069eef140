/** `npm test`: runs the same test files on Node 22, 24, 26 and Chromium, one after the other, each under a watchdog. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findChromium } from './chromium.mjs'
import { allPassed, parseEvents, type RuntimeReport, reportAbsent, reportRun, summarise } from './report.ts'
import { nodeBinary, nodeRuntimes, root, setUp } from './setup.mjs'
import { runWatched } from './watchdog.ts'

const allRuntimes = [...nodeRuntimes, 'chromium']

const usage = `usage: npm test -- [--runtime ${allRuntimes.join('|')}]… [--minutes N] [--name PATTERN] [PATH…]`

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    /** Only these runtimes. */
    runtime: { type: 'string', multiple: true },
    /** The wall-clock limit of one runtime. */
    minutes: { type: 'string', default: '20' },
    /** Minutes without output after which a runtime counts as hung. */
    silence: { type: 'string', default: '3' },
    /** Only tests whose name fits this pattern. */
    name: { type: 'string' },
  },
})
const wanted = options.runtime ?? allRuntimes
const unknown = wanted.filter((runtime) => !allRuntimes.includes(runtime))
if (unknown.length > 0 || !(Number(options.minutes) > 0) || !(Number(options.silence) > 0)) {
  console.error(usage)
  process.exit(64)
}

const isCI = process.env.CI === 'true'
const reports: RuntimeReport[] = []
for (const runtime of wanted) reports.push(await testOn(runtime))
console.log(summarise(reports))
process.exitCode = allPassed(reports) ? 0 : 1

async function testOn(runtime: string): Promise<RuntimeReport> {
  const target = runtime === 'chromium' ? await chromiumTarget() : nodeTarget(runtime)
  if ('missing' in target) {
    console.log(`\n=== ${runtime}: NOT RUN ===\n${target.missing}`)
    return reportAbsent(runtime, target.missing, isCI)
  }
  console.log(`\n=== ${runtime} (${target.path}) ===`)
  const started = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'toka-test-'))
  try {
    const eventsFile = join(folder, 'events')
    const end = await runWatched({
      command: target.node,
      args: vitestArgs(runtime),
      cwd: root,
      env: {
        ...process.env,
        ...colour(),
        // Hundreds of threads load the sources, each for itself: half of what starting one costs.
        NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node-compile'),
        TOKA_TEST_EVENTS: eventsFile,
        TOKA_CHROMIUM: target.path,
      },
      wallMs: Number(options.minutes) * 60_000,
      silenceMs: Number(options.silence) * 60_000,
      onOutput: (chunk) => process.stdout.write(chunk),
    })
    // With --name, vitest reports every other test as skipped.
    const events = parseEvents(readIfThere(eventsFile)).filter((event) => !options.name || event.kind !== 'skipped')
    return reportRun(runtime, events, end, (performance.now() - started) / 1000)
  } catch (error) {
    return reportAbsent(runtime, String(error), true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What runs vitest and, where they differ, what runs the tests. */
type Target = { readonly node: string; readonly path: string } | { readonly missing: string }

function nodeTarget(runtime: string): Target {
  const node = nodeBinary(runtime)
  return node ? { node, path: node } : { missing: `no ${runtime} binary for ${process.platform} ${process.arch}` }
}

async function chromiumTarget(): Promise<Target> {
  await setUp({ chromium: true })
  const path = await findChromium()
  return path
    ? { node: process.execPath, path }
    : { missing: 'no Chromium was found. Install chromium or set TOKA_CHROMIUM to its path.' }
}

function vitestArgs(runtime: string): string[] {
  const project = runtime === 'chromium' ? 'chromium' : 'node'
  const reporter = join(root, 'test/runtimes/reporter.ts')
  return [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    `--project=${project}`,
    '--reporter=default',
    `--reporter=${reporter}`,
    // A path may name files of another runtime only; no test at all is caught in the sum.
    '--passWithNoTests',
    ...(options.name ? [`--testNamePattern=${options.name}`] : []),
    ...filters,
  ]
}

/** Behind a pipe nobody sees that a person is watching. */
function colour(): NodeJS.ProcessEnv {
  return process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
