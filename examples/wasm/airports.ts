/**
 * Three programs of the Unix world as they are on npm, none of them built for this library, on real data: awk counts the
 * airports of each country, ripgrep counts names, jq sums up.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createToka, type RunRequest, type Toka } from 'toka'

const here = dirname(fileURLToPath(import.meta.url))
const data = join(here, '../data')

/** A program's bytes: agent-os has one package a program, or several. */
function program(packageName: string, name: string): Promise<Uint8Array> {
  return readFile(join(here, '../../node_modules/@rivet-dev', `agent-os-${packageName}`, 'wasm', name))
}

/** Runs a program over the data, which it may read and nothing else. */
async function run(toka: Toka, module: Uint8Array, args: string[], stdin = ''): Promise<string> {
  const request: RunRequest = {
    language: 'wasm',
    module,
    args,
    stdin,
    mounts: [{ at: '/data', from: data, mode: 'ro' }],
    grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
  }
  const result = await toka.run(request)
  if (result.exitCode !== 0) throw new Error(`exit code ${result.exitCode}: ${result.error?.message ?? result.stderr}`)
  return result.stdout
}

type Findings = { countries: number; most: { country: string; airports: number }; international: number }

/** What the three of them find out. */
export async function airports(): Promise<Findings> {
  const toka = await createToka()
  try {
    const awk = await program('gawk', 'awk')
    const ripgrep = await program('ripgrep', 'rg')
    const jq = await program('jq', 'jq')
    const counted = await run(toka, awk, [
      ...['-F', '"'],
      '$12 ~ /^[A-Z][A-Z]$/ { n[$12]++ } END { for (c in n) printf "{\\"country\\":\\"%s\\",\\"airports\\":%d}\\n", c, n[c] }',
      '/data/airports.csv',
    ])
    const summed = await run(toka, jq, ['-s', '-c', '{ countries: length, most: max_by(.airports) }'], counted)
    const found = await run(toka, ripgrep, ['--count', 'International', '/data/airports.csv'])
    return { ...(JSON.parse(summed) as Omit<Findings, 'international'>), international: Number(found) }
  } finally {
    await toka.dispose()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await airports())
