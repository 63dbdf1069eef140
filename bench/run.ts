/** Runs the benchmark suites beside it and prints one table: `npm run bench -- [suite…] [options of a suite]`. Results also go to bench/results. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import type { Measure } from './measure.ts'

/** What the figures depend on. */
export type Circumstances = { date: string; versions: Record<string, string>; machine: string }

/** A suite has figures, or a report of its own kind. The latter take long: they run only when they are named. */
type Suite = {
  measures?(): AsyncGenerator<Measure>
  main?(options: readonly string[], circumstances: Circumstances): Promise<void>
}

const here = new URL('.', import.meta.url)
const given = process.argv.slice(2)
const firstOption = given.findIndex((word) => word.startsWith('--'))
const wanted = firstOption < 0 ? given : given.slice(0, firstOption)
const options = firstOption < 0 ? [] : given.slice(firstOption)
const suites = (await readdir(here)).filter((name) => name.endsWith('.bench.ts')).map((name) => name.slice(0, -9))
const unknown = wanted.filter((name) => !suites.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no suite ${unknown.join(', ')}; there are: ${suites.join(', ')}\n`)
  process.exit(64)
}

for (const name of wanted.length > 0 ? wanted : suites) {
  const { measures, main } = (await import(`./${name}.bench.ts`)) as Suite
  if (measures) await table(name, measures())
  else if (wanted.length > 0) await main?.(options, await circumstances())
}

/** Prints the figures of a suite as they come, and keeps them. */
async function table(suite: string, measures: AsyncGenerator<Measure>): Promise<void> {
  const rows: Measure[] = []
  process.stdout.write(`${suite} (Node ${process.versions.node}, V8 ${process.versions.v8})\n`)
  for await (const row of measures) {
    rows.push(row)
    const [low, middle, high] = [row.lowest, row.median, row.highest].map((value) => value.toFixed(2).padStart(9))
    process.stdout.write(`  ${row.name.padEnd(52)} ${middle} ${row.unit}   (${low?.trim()} to ${high?.trim()})\n`)
  }
  await mkdir(new URL('results/', here), { recursive: true })
  const record = { suite, ...(await circumstances()), rows }
  await writeFile(new URL(`results/${suite}.json`, here), `${JSON.stringify(record, null, 2)}\n`)
}

async function circumstances(): Promise<Circumstances> {
  const { version, dependencies } = JSON.parse(await readFile(new URL('../package.json', here), 'utf8')) as {
    version: string
    dependencies: Record<string, string>
  }
  const { node, v8 } = process.versions
  const machine = `${process.platform} ${process.arch}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`
  return { date: new Date().toISOString(), versions: { toka: version, node, v8, ...dependencies }, machine }
}
