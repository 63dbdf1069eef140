/**
 * The official tests of WASI 0.3 (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base, which holds them
 * built), where `TOKA_WASI_TESTSUITE` names a checkout: all but those of sockets and of services, which do not exist here.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createToka, type Toka } from '../../src/index.ts'
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

/** The directory of a test, mounted: a copy, since it is written to. */
async function mounted(name: string, root: string) {
  const from = join(scratch, name)
  await cp(join(folder, root), from, { recursive: true })
  return {
    mounts: [{ at: '/', from, mode: 'rw' as const }],
    grants: [{ resource: 'fs' as const, actions: ['read' as const, 'write' as const], paths: ['/**'] }],
  }
}

if (isThere && suspends)
  test.each(names)('%s', async (name) => {
    const { root, operations = [] } = specificationOf(name)
    const start = operations.find((operation) => operation.type === 'run')
    const end = operations.find((operation) => operation.type === 'wait')
    const streams = { stdin: '', stdout: '', stderr: '' }
    for (const operation of operations) if ('payload' in operation) streams[operation.id] += operation.payload
    const result = await toka.run({
      language: 'wasm',
      module: new Uint8Array(readFileSync(join(folder, `${name}.wasm`))),
      args: start?.args ?? [],
      env: start?.env ?? {},
      stdin: streams.stdin,
      ...(root ? await mounted(name, root) : {}),
    })
    const exitCode = end?.exit_code ?? 0
    expect({ error: result.error, exitCode: result.exitCode, stderr: exitCode ? '' : result.stderr }).toEqual({
      error: undefined,
      exitCode,
      stderr: streams.stderr,
    })
    if (streams.stdout) expect(result.stdout).toBe(streams.stdout)
  })

test('the official suite of WASI 0.3 has its tests', ({ skip }) => {
  skip(!isThere, skipReasons.noVectors)
  skip(!suspends, skipReasons.noJspi)
  expect(names.length).toBeGreaterThanOrEqual(27)
})
