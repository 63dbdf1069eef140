/** Runs the benchmark suites beside it and prints one table: `npm run bench -- [suite…]`. Results also go to bench/results. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import type { Measure } from './measure.ts'

const here = new URL('.', import.meta.url)
const wanted = process.argv.slice(2)
const suites = (await readdir(here)).filter((name) => name.endsWith('.bench.ts')).map((name) => name.slice(0, -9))
const unknown = wanted.filter((name) => !suites.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no suite ${unknown.join(', ')}; there are: ${suites.join(', ')}\n`)
  process.exit(64)
}

for (const suite of wanted.length > 0 ? wanted : suites) {
  const { measures } = (await import(`./${suite}.bench.ts`)) as { measures(): AsyncGenerator<Measure> }
  const rows: Measure[] = []
  process.stdout.write(`${suite} (Node ${process.versions.node}, V8 ${process.versions.v8})\n`)
  for await (const row of measures()) {
    rows.push(row)
    const [low, middle, high] = [row.lowest, row.median, row.highest].map((value) => value.toFixed(2).padStart(9))
    process.stdout.write(`  ${row.name.padEnd(52)} ${middle} ${row.unit}   (${low?.trim()} to ${high?.trim()})\n`)
  }
  await mkdir(new URL('results/', here), { recursive: true })
  const record = { suite, node: process.versions.node, v8: process.versions.v8, platform: process.platform, rows }
  await writeFile(new URL(`results/${suite}.json`, here), `${JSON.stringify(record, null, 2)}\n`)
}
