/**
 * The official tests of WASI preview 1 (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base, which holds
 * them built), where a checkout is there: `TOKA_WASI_TESTSUITE` names it. Each runs over private files, and over a
 * directory of the disk that is mounted at `/`.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunRequest } from '../../src/index.ts'
import { createToka, type Toka } from '../../src/index.ts'
import { root } from '../module-graph.ts'
import { skipReasons } from '../skip-reasons.ts'

/** What the suite says of a test; all of it may be absent. */
type Specification = {
  args?: string[]
  env?: Record<string, string>
  root?: string
  exit_code?: number
  stdout?: string
}

const checkout = process.env['TOKA_WASI_TESTSUITE'] ?? join(root, 'test/vectors/wasi-testsuite')
const parts = ['assemblyscript', 'c', 'rust'].map((language) =>
  join(checkout, 'tests', language, 'testsuite/wasm32-wasip1'),
)
const isThere = parts.every((directory) => existsSync(directory))
const programs = isThere
  ? parts.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.endsWith('.wasm'))
        .map((name) => join(directory, name)),
    )
  : []

function specificationOf(program: string): Specification {
  const path = program.replace(/\.wasm$/, '.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Specification) : {}
}

function filesBeneath(directory: string, at = ''): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {}
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${at}/${entry.name}`
    if (entry.isDirectory()) Object.assign(files, filesBeneath(join(directory, entry.name), path))
    else files[path] = new Uint8Array(readFileSync(join(directory, entry.name)))
  }
  return files
}

const made: string[] = []
let toka: Toka
beforeAll(async () => {
  toka = await createToka()
})
afterAll(async () => {
  await toka.dispose()
  for (const directory of made) rmSync(directory, { recursive: true, force: true })
})

function copyOf(directory: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'toka-wasi-'))
  made.push(copy)
  cpSync(directory, copy, { recursive: true })
  return copy
}

const PLACES: Record<string, (directory: string) => Partial<RunRequest>> = {
  'private files': (directory) => ({ files: filesBeneath(directory) }),
  'a mounted directory': (directory) => ({
    mounts: [{ at: '/', from: copyOf(directory), mode: 'rw' }],
    grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/**'] }],
  }),
}

async function check(program: string, place: (directory: string) => Partial<RunRequest>): Promise<void> {
  const specification = specificationOf(program)
  const { args = [], env = {}, exit_code: exitCode = 0 } = specification
  const files = specification.root ? place(join(program, '..', specification.root)) : {}
  const module = new Uint8Array(readFileSync(program))
  const result = await toka.run({ language: 'wasm', module, args, env, file: `/${basename(program)}`, ...files })
  expect({ error: result.error, exitCode: result.exitCode, stderr: exitCode === 0 ? '' : result.stderr }).toEqual({
    error: undefined,
    exitCode,
    stderr: exitCode === 0 ? '' : result.stderr,
  })
  if (specification.stdout !== undefined) expect(result.stdout).toBe(specification.stdout)
}

if (isThere)
  describe.each(Object.keys(PLACES))('the official suite over %s', (name) => {
    test.each(programs)('%s passes', async (program) => {
      await check(program, PLACES[name] as (directory: string) => Partial<RunRequest>)
    })
  })

test('the official suite has all of its tests', ({ skip }) => {
  skip(!isThere, skipReasons.noVectors)
  expect(programs.length).toBeGreaterThanOrEqual(72)
})
