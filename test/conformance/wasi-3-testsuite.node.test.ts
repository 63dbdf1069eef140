/**
 * The official tests of WASI 0.3 (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base, which holds them
 * built), where `TOKA_WASI_TESTSUITE` names a checkout: all but those of sockets and of services, which do not exist here.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToka, type RunRequest, type Toka } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { skipReasons } from '../skip-reasons.ts'

/** What the suite says of a test; all of it may be absent. */
type Specification = { root?: string; world?: string; operations?: Operation[] }

type Operation =
  | { type: 'run'; args?: string[]; env?: Record<string, string> }
  | { type: 'write' | 'read'; id: 'stdin' | 'stdout' | 'stderr'; payload: string }
  | { type: 'wait'; exit_code?: number }

const checkout = process.env['TOKA_WASI_TESTSUITE'] ?? ''
const folder = join(checkout, 'tests/rust/testsuite/wasm32-wasip3')
const isThere = checkout !== '' && existsSync(folder)
const all = isThere ? readdirSync(folder).filter((name) => name.endsWith('.wasm')) : []
const names = all
  .map((name) => name.replace('.wasm', ''))
  .filter((name) => !name.startsWith('sockets-') && specificationOf(name).world === undefined)

function specificationOf(name: string): Specification {
  const path = join(folder, `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Specification) : {}
}

const suspends = await canSuspend()
const scratch = mkdtempSync(join(tmpdir(), 'toka-wasi-3-'))
let toka: Toka
beforeAll(async () => {
  toka = await createToka()
})
afterAll(async () => {
  await toka.dispose()
  rmSync(scratch, { recursive: true })
})

/** Where the directory of a test is: a copy of it, since it is written to. */
const PLACES: Record<string, (name: string, directory: string) => Promise<Partial<RunRequest>>> = {
  'private files': async (_name, directory) => ({
    files: Object.fromEntries(
      readdirSync(directory).map((file) => [`/${file}`, new Uint8Array(readFileSync(join(directory, file)))]),
    ),
  }),
  'a mounted directory': async (name, directory) => {
    const from = join(scratch, name)
    await cp(directory, from, { recursive: true })
    return {
      mounts: [{ at: '/', from, mode: 'rw' }],
      grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/**'] }],
    }
  },
}

/** It takes a directory for its own; among private files there is always `/tmp`. */
const LISTS_ALL = 'filesystem-read-directory'

const rows = names.flatMap((name) =>
  Object.entries(PLACES)
    .slice(specificationOf(name).root && name !== LISTS_ALL ? 0 : 1)
    .map(([place, at]) => ({ name, place, at })),
)

if (isThere && suspends)
  test.each(rows)('$name over $place', async ({ name, at }) => {
    const { root, operations = [] } = specificationOf(name)
    const start = operations.find((operation) => operation.type === 'run')
    const end = operations.find((operation) => operation.type === 'wait')
    const streams = { stdin: '', stdout: '', stderr: '' }
    for (const operation of operations) if ('payload' in operation) streams[operation.id] += operation.payload
    const { error, exitCode, stdout, stderr } = await toka.run({
      language: 'wasm',
      module: new Uint8Array(readFileSync(join(folder, `${name}.wasm`))),
      file: `/${name}.wasm`,
      args: start?.args ?? [],
      env: start?.env ?? {},
      stdin: streams.stdin,
      ...(root ? await at(name, join(folder, root)) : {}),
    })
    expect({ error, exitCode, stderr: error && stderr }).toEqual({ exitCode: end?.exit_code ?? 0 })
    if (streams.stdout) expect(stdout).toBe(streams.stdout)
    if (streams.stderr) expect(stderr).toBe(streams.stderr)
  })

test('the official suite of WASI 0.3 has its tests', ({ skip }) => {
  skip(!isThere, skipReasons.noVectors)
  skip(!suspends, skipReasons.noJspi)
  expect(names.length).toBeGreaterThanOrEqual(27)
})
