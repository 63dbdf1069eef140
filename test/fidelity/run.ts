/** `npm run fidelity -- --cpython DIR [--module NAME]… [--write]`: CPython's own tests in a sandbox, and what became of them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createToka } from '../../src/index.ts'
import { root } from '../module-graph.ts'
import { MODULES } from './modules.ts'
import { runModule } from './run-module.ts'
import { type Row, shareOf, tableOf } from './table.ts'

const USAGE = `usage: npm run fidelity -- --cpython DIR [--module NAME]… [--write]

DIR is a checkout of CPython 3.14, or a directory that holds its Lib/test as \`test\`. --write puts the table into
docs/python.md.
`
/** Share of tests not skipped that must pass. */
const LEAST = 0.95
const [START, END] = ['<!-- fidelity -->', '<!-- /fidelity -->']

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { cpython: { type: 'string' }, module: { type: 'string', multiple: true }, write: { type: 'boolean' } },
    })
    const places = ['Lib/test', 'test'].map((place) => resolve(values.cpython ?? '.', place))
    const tests = places.find((place) => existsSync(join(place, 'support', '__init__.py')))
    if (values.cpython === undefined || !tests) throw new Error('arguments')
    return { tests, modules: values.module ?? MODULES, write: values.write ?? false }
  } catch {
    process.stderr.write(USAGE)
    process.exit(64)
  }
}

/** Puts the table between the marks of the page. */
function writePage(table: string): void {
  const path = join(root, 'docs/python.md')
  const page = readFileSync(path, 'utf8')
  const [before, rest] = page.split(START)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`docs/python.md has no place for the table: ${START} … ${END}`)
  writeFileSync(path, `${before}${START}\n\n${table}\n\n${END}${after}`)
}

/** What decimal's tests compare the C version with, and a name in a table of pickle's. */
const LIBRARY = ['_pydecimal.py', 'dbm/__init__.py']

const { tests, modules, write } = readArguments()
const library = Object.fromEntries(
  LIBRARY.map((path) => [path, join(tests, '..', path)] as const)
    .filter(([, place]) => existsSync(place))
    .map(([path, place]) => [path, readFileSync(place, 'utf8')]),
)
const runner = readFileSync(join(import.meta.dirname, 'runner.py'), 'utf8')
const toka = await createToka()
const rows: Row[] = []
for (const module of modules) {
  const started = performance.now()
  const told = await runModule({ toka, tests, library, runner }, module)
  rows.push({ module, told, seconds: (performance.now() - started) / 1_000 })
  const counts = Map.groupBy(told.values(), ({ kind }) => kind)
  const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map(
    (kind) => counts.get(kind)?.length ?? 0,
  )
  process.stdout.write(
    `${module.padEnd(32)} ${passed} passed, ${failed} failed, ${skipped} skipped, ${rows.at(-1)?.seconds.toFixed(1)} s\n`,
  )
  for (const [test, { kind, reason }] of told)
    if (kind === 'failed') process.stdout.write(`    ${test}: ${reason.slice(0, 300).replaceAll('\n', ' / ')}\n`)
}
await toka.dispose()
const table = tableOf(rows)
process.stdout.write(`\n${table}\n`)
if (write) writePage(table)
process.exitCode = shareOf(rows) >= LEAST ? 0 : 1
