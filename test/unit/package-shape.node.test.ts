/** The package as npm would publish it goes in: it must hold what it promises, nothing else, and work where it is installed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, matchesGlob } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../module-graph.ts'
import { closure } from '../runtimes/notice.ts'
import { type Packed, packInto } from '../runtimes/pack.ts'

const KiB = 1024

/**
 * Every file of the package belongs to one of these places, whose files together stay within the budget (unpacked).
 * A new place, or a budget that no longer holds, is looked at before it is written here.
 */
const places: readonly { readonly pattern: string; readonly budget: number }[] = [
  { pattern: 'package.json', budget: 8 * KiB },
  { pattern: '{README,CHANGELOG,SECURITY}.md', budget: 96 * KiB },
  { pattern: '{LICENSE,NOTICE}', budget: 48 * KiB },
  { pattern: 'dist/src/**/*.{js,d.ts}', budget: 1400 * KiB },
  { pattern: 'dist/capabilities/*.{js,d.ts}', budget: 200 * KiB },
  { pattern: 'dist/capabilities/tokens/*.{js,d.ts}', budget: 100 * KiB },
  { pattern: 'dist/engines/**/*.{js,d.ts}', budget: 800 * KiB },
  // What Node loads, bundled; what browsers' bundlers take is above.
  { pattern: 'dist/node/*.js', budget: 1200 * KiB },
  // The programs that run inside sandboxes, as text or as WebAssembly in base64.
  { pattern: 'dist/guests/*/*.generated.{js,d.ts}', budget: 600 * KiB },
]
const archiveBudget = 1200 * KiB

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  exports: Target
  imports: Target
  bin: Record<string, string>
  dependencies: Record<string, string>
}
type Target = string | { readonly [key: string]: Target }

let folder: string
let packed: Packed

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'toka-package-')))
  packed = packInto(folder)
  install()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Unpacks the archive into a project of its own, beside the dependencies that npm would install and nothing else. */
function install(): void {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'toka'), { recursive: true })
  const { status, stderr } = spawnSync('tar', [
    '-xzf',
    packed.archive,
    '-C',
    join(modules, 'toka'),
    '--strip-components=1',
  ])
  if (status !== 0) throw new Error(String(stderr))
  for (const name of [...closure(Object.keys(manifest.dependencies)), '@types/node', 'undici-types']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
}

/** Runs this very Node in the project that uses the package, without any of our own flags. */
function node(...args: readonly string[]) {
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** The files that a target names under ordinary conditions; our own sources do not ship. */
function shippedTargets(target: Target): string[] {
  if (typeof target === 'string') return [target]
  return Object.entries(target).flatMap(([key, value]) => (key === 'toka-source' ? [] : shippedTargets(value)))
}

test('everything that package.json points at is in the package', () => {
  const targets = [manifest.exports, manifest.imports, manifest.bin].flatMap(shippedTargets)
  const files = new Set(packed.files.map(({ path }) => `./${path}`))
  expect(targets.length).toBeGreaterThan(5)
  expect(targets.filter((target) => !files.has(target))).toEqual([])
})

test('every file of the package is in a place that was reviewed', () => {
  const stray = packed.files.filter(({ path }) => !places.some(({ pattern }) => matchesGlob(path, pattern)))
  expect(stray.map(({ path }) => path)).toEqual([])
})

test.each(places)('$pattern keeps its budget', ({ pattern, budget }) => {
  const sizes = packed.files.filter(({ path }) => matchesGlob(path, pattern)).map(({ size }) => size)
  expect(sizes.length).toBeGreaterThan(0)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(budget)
})

test('the whole archive keeps its budget', () => {
  expect(packed.size).toBeLessThanOrEqual(archiveBudget)
})

test('the installed package runs a program in a sandbox', () => {
  const program = `
    import { createToka } from 'toka'
    const toka = await createToka({ cache: false })
    const result = await toka.run({ language: 'javascript', source: 'input.n * 2', input: { n: 21 } })
    console.log(result.status, result.value)
    await toka.dispose()
  `
  writeFileSync(join(folder, 'program.mjs'), program)
  expect(node('program.mjs')).toMatchObject({ stderr: '', stdout: 'completed 42\n', status: 0 })
})

test('the installed package runs a program in a worker', () => {
  const program = `
    import { createToka } from 'toka'
    const toka = await createToka({ cache: false, isolation: 'worker' })
    const result = await toka.run({ language: 'typescript', source: 'const n: number = input.n; n * 2', input: { n: 21 } })
    console.log(result.status, result.value)
    await toka.dispose()
  `
  writeFileSync(join(folder, 'in-worker.mjs'), program)
  expect(node('in-worker.mjs')).toMatchObject({ stderr: '', stdout: 'completed 42\n', status: 0 })
})

test("the user's own zod describes tools and results of the installed package", () => {
  const program = `
    import { createToka, defineTool } from 'toka'
    import { z } from 'zod'
    const twice = defineTool({
      name: 'twice', description: 'twice', input: z.object({ n: z.number().int() }), output: z.object({ n: z.number() }),
      run: ({ n }) => ({ n: n * 2 }),
    })
    const toka = await createToka({ cache: false })
    const run = (n, output) => toka.run({
      language: 'javascript', source: 'export default ({ n }) => tools.twice({ n })', input: { n }, output, tools: [twice],
      grants: [{ resource: 'tool', actions: ['call'], names: ['twice'] }],
    })
    console.log(JSON.stringify((await run(21, z.object({ n: z.number() }))).value))
    console.log((await run(0.5, z.object({ n: z.number() }))).error.code, (await run(1, z.string())).error.code)
    await toka.dispose()
  `
  writeFileSync(join(folder, 'schemas.mjs'), program)
  const stdout = '{"n":42}\nTOKA_TOOL_INPUT TOKA_OUTPUT_INVALID\n'
  expect(node('schemas.mjs')).toMatchObject({ stderr: '', stdout, status: 0 })
})

test('what Node loads of the package itself is a few files, and no transformer of TypeScript before it is needed', () => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load(url, context, next) { if (url.startsWith('file:')) loaded.push(url); return next(url, context) } })
    const { createToka } = await import('toka')
    const toka = await createToka({ cache: './cache-of-images', isolation: 'inline' })
    await toka.run({ language: 'javascript', source: '1 + 1' })
    const before = loaded.filter((url) => url.includes('/toka/dist/')).length
    const early = loaded.some((url) => url.includes('sucrase'))
    const { value } = await toka.run({ language: 'typescript', source: '1 as number' })
    console.log(JSON.stringify({ before, early, value, later: loaded.some((url) => url.includes('sucrase')) }))
    await toka.dispose()
  `
  writeFileSync(join(folder, 'loads.mjs'), program)
  node('loads.mjs')
  const { before, early, value, later } = JSON.parse(node('loads.mjs').stdout)
  // Where a guest can be suspended the transformer is on a thread of its own; elsewhere it must be there before it is needed.
  const here = !('Suspending' in WebAssembly)
  expect({ early, value, later }).toEqual({ early: here, value: 1, later: here })
  expect(before).toBeGreaterThan(1)
  // What transforms is a file of its own, where it is here.
  expect(before).toBeLessThanOrEqual(here ? 61 : 60)
})

test('the installed command runs a file', () => {
  writeFileSync(join(folder, 'tool.js'), 'console.log("hello from inside"); 6 * 7')
  const command = join('node_modules/toka', manifest.bin.toka ?? '')
  const { status, stdout, stderr } = node(command, 'run', 'tool.js')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('hello from inside')
})

test.each([
  { program: 'a page', lib: ['DOM', 'DOM.AsyncIterable'], types: [] },
  { program: 'a Node program without the types of pages', lib: [], types: ['node'] },
])(
  'the declarations let right code of $program through and refuse wrong code, without skipLibCheck',
  ({ lib, types }) => {
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      lib: ['ES2024', 'ESNext.Disposable', ...lib],
      strict: true,
      noEmit: true,
      types,
      skipLibCheck: false,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }))
    const source = `
    import { createToka, type RunResult } from 'toka'
    await using toka = await createToka()
    const result: RunResult = await toka.run({ language: 'javascript', source: '1 + 1' })
    const status: string = result.status
    // @ts-expect-error a status is no number
    const wrong: number = result.status
    // @ts-expect-error there is no such language
    await toka.run({ language: 'cobol', source: '' })
    console.log(status, wrong)
  `
    writeFileSync(join(folder, 'use.ts'), source)
    const { stdout, status } = node(join(root, 'node_modules/typescript/bin/tsc'), '-p', folder)
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  },
)

test('the lock names the packages of every platform, so that `npm ci` works from any machine', () => {
  // A registry that lacks a platform's package makes npm leave it out of the lock, and `npm ci` then refuses the lock.
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as { packages: Record<string, LockEntry> }
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => !lock.packages[`${path}/node_modules/${name}`] && !lock.packages[`node_modules/${name}`],
    ),
  )
  expect(missing).toEqual([])
})

type LockEntry = { readonly optionalDependencies?: Record<string, string> }

test.each(['', 'node22/', 'node24/', 'node26/', 'chromium/'])(
  'the lock file %j names no registry and locks by hash',
  (name) => {
    const path = name ? `test/runtimes/${name}package-lock.json` : 'package-lock.json'
    const text = readFileSync(root + path, 'utf8')
    expect(text).not.toContain('"resolved"')
    expect(text).toContain('"integrity"')
  },
)
