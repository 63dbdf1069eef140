/** Programs of others, unchanged, from npm: coreutils, jq, ripgrep, sed, awk, tar, gzip, diff and Ruby. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { airports } from '../../examples/wasm/airports.ts'
import { createToka, type RunRequest, type RunResult, type Sandbox, type Toka } from '../../src/index.ts'
import { root } from '../module-graph.ts'
import { skipReasons } from '../skip-reasons.ts'

const packages = join(root, 'node_modules')
const RUBY = join(packages, '@ruby/4.0-wasm-wasi/dist/ruby.wasm')
const RUBY_LIBRARY = join(packages, '@ruby/4.0-wasm-wasi/dist/ruby+stdlib.wasm')
const isThere = existsSync(join(packages, '@rivet-dev/agent-os-jq')) && existsSync(RUBY)

let toka: Toka
beforeAll(async () => {
  toka = await createToka()
})
afterAll(() => toka.dispose())

type Call = [packageName: string, program: string, args: string[], request?: Partial<RunRequest> | undefined]

function run([packageName, program, args, request = {}]: Call): Promise<RunResult> {
  const module = new Uint8Array(readFileSync(join(packages, '@rivet-dev', `agent-os-${packageName}`, 'wasm', program)))
  return toka.run({ language: 'wasm', module, args, file: `/bin/${program}`, ...request })
}

const FILES = { '/a.txt': 'one\ntwo\nthree\n', '/b.txt': 'one\n2\nthree\n' }

describe('programs of agent-os', () => {
  const rows: [...Call, RegExp | string][] = [
    ['jq', 'jq', ['-c', '.b[0]'], { stdin: '{"b":[{"c":1}]}' }, '{"c":1}\n'],
    ['ripgrep', 'rg', ['-n', 't'], { stdin: FILES['/a.txt'] }, '2:two\n3:three\n'],
    ['ripgrep', 'rg', ['--no-heading', 'two|2', '/a.txt', '/b.txt'], { files: FILES }, /\/a\.txt:2:two\n/],
    ['coreutils', 'cat', ['/a.txt'], { files: FILES }, FILES['/a.txt']],
    ['coreutils', 'wc', ['-l', '/a.txt'], { files: FILES }, /3 \/a\.txt/],
    ['coreutils', 'ls', ['/'], { files: FILES }, 'a.txt\nb.txt\ntmp\n'],
    ['coreutils', 'tac', ['/a.txt'], { files: FILES }, 'three\ntwo\none\n'],
    ['coreutils', 'head', ['-n', '1'], { stdin: FILES['/a.txt'] }, 'one\n'],
    ['coreutils', 'sha256sum', [], { stdin: '' }, /^e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/],
    ['coreutils', 'date', ['-u', '+%Y', '-d', '@0'], {}, '1970\n'],
    ['coreutils', 'printenv', ['K'], { env: { K: 'v' } }, 'v\n'],
    ['sed', 'sed', ['s/o/0/g'], { stdin: 'foo\n' }, 'f00\n'],
    ['gawk', 'awk', ['{ s += $1 } END { print s }'], { stdin: '1\n2\n39\n' }, '42\n'],
    ['diffutils', 'diff', ['/a.txt', '/b.txt'], { files: FILES }, /two[\s\S]*2/],
    ['grep', 'grep', ['-c', 'o'], { stdin: FILES['/a.txt'] }, '2\n'],
  ]
  test.for(rows)('%s %s %j', async ([packageName, program, args, request, expected], { skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const result = await run([packageName, program, args, request])
    expect(result).toMatchObject({ status: 'completed', stderr: '' })
    if (typeof expected === 'string') expect(result.stdout).toBe(expected)
    else expect(result.stdout).toMatch(expected)
  })

  test('tar and gzip make what they then take apart', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const packed = await run(['tar', 'tar', ['-cf', '/out/a.tar', 'a.txt'], { files: FILES, collect: ['/out/**'] }])
    expect(packed).toMatchObject({ status: 'completed', exitCode: 0 })
    const tar = packed.files['/out/a.tar'] as Uint8Array
    const listed = await run(['tar', 'tar', ['-tf', '/a.tar'], { files: { '/a.tar': tar } }])
    expect(listed.stdout).toMatch(/a\.txt/)
    const zipped = await run([
      'gzip',
      'gzip',
      ['/in/x'],
      { files: { '/in/x': 'y'.repeat(10_000) }, collect: ['/in/**'] },
    ])
    const gz = zipped.files['/in/x.gz'] as Uint8Array
    expect(gz.length).toBeLessThan(200)
    const text = new Response(
      new Blob([gz as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip')),
    )
    expect(await text.text()).toBe('y'.repeat(10_000))
  })

  test('what a grant does not cover does not exist for them, and is on the record', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const mounts = [{ at: '/src', from: join(root, 'src'), mode: 'ro' as const }]
    const result = await run(['coreutils', 'cat', ['/src/index.ts'], { mounts }])
    expect(result.exitCode).toBe(1)
    expect(result.stdout).toBe('')
    expect(result.denials).toMatchObject([{ operation: 'fs.read', resource: '/src/index.ts' }])
  })

  test('a program that starts others is told that there are none', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const result = await run(['coreutils', 'env', ['true']])
    expect(result.status).toBe('completed')
    expect(result.exitCode).not.toBe(0)
  })

  test('the example finds what is in its data', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    expect(await airports()).toEqual({ countries: 234, most: { country: 'US', airports: 12577 }, international: 981 })
  })
})

describe('Ruby', () => {
  const memoryBytes = 2 ** 28
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!isThere) return
    const module = new Uint8Array(readFileSync(RUBY))
    sandbox = await toka.open({ language: 'wasm', module, limits: { memoryBytes, timeoutMs: 120_000 } })
  }, 120_000)
  afterAll(() => sandbox?.dispose())

  test('runs source text, keeps its state, and says what it did not catch', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    expect(await sandbox.run({ source: '$x = 41; puts [1, 2, 3].sum; warn "hi"' })).toMatchObject({
      status: 'completed',
      stdout: '6\n',
      stderr: 'hi\n',
    })
    expect((await sandbox.run({ source: 'raise "oops"' })).error).toMatchObject({
      code: 'TOKA_GUEST_ERROR',
      message: expect.stringContaining('oops (RuntimeError)'),
    })
    expect((await sandbox.run({ source: 'puts $x' })).stdout).toBe('41\n')
    await expect(sandbox.run({ args: ['-e', 'puts 1'] })).rejects.toThrow('Ruby runs source text alone')
  }, 120_000)

  test('forks are independent, and a snapshot goes on elsewhere', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    await sandbox.run({ source: '$x = 41' })
    const twins = await Promise.all([sandbox.fork(), sandbox.fork()])
    expect((await (twins[0] as Sandbox).run({ source: '$x += 1; puts $x' })).stdout).toBe('42\n')
    for (const other of [twins[1] as Sandbox, sandbox])
      expect((await other.run({ source: 'puts $x' })).stdout).toBe('41\n')
    const module = new Uint8Array(readFileSync(RUBY))
    const saved = await toka.restore(await sandbox.snapshot(), { module, limits: { memoryBytes, timeoutMs: 120_000 } })
    expect((await saved.run({ source: 'puts $x' })).stdout).toBe('41\n')
    for (const each of [...twins, saved]) await each.dispose()
  }, 120_000)

  test('a fork takes a fraction of a cold start: it goes on from an interpreter that has booted', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const timed = async <T>(act: () => Promise<T>): Promise<[number, T]> => {
      const started = performance.now()
      const made = await act()
      return [performance.now() - started, made]
    }
    const module = new Uint8Array(readFileSync(RUBY))
    const [cold, other] = await timed(async () => {
      const made = await toka.open({ language: 'wasm', module, limits: { memoryBytes, timeoutMs: 120_000 } })
      await made.run({ source: 'puts 1' })
      return made
    })
    await (await other.fork()).dispose() // the state is saved at the first fork, once
    const forks: number[] = []
    for (let turn = 0; turn < 9; turn++) {
      const [time, twin] = await timed(() => other.fork())
      forks.push(time)
      await twin.dispose()
    }
    await other.dispose()
    // How small a fraction is measured by `npm run bench -- wasi`; one that boots again takes as long as the first.
    expect(Math.min(...forks) / cold).toBeLessThan(1 / 4)
  }, 120_000)

  test('100 live forks fit in 1 GB', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    await sandbox.run({ source: '$x = 1' })
    await (await sandbox.fork()).dispose()
    const before = process.memoryUsage().rss
    const twins: Sandbox[] = []
    for (let count = 0; count < 100; count++) twins.push(await sandbox.fork())
    for (const [at, twin] of twins.entries())
      expect((await twin.run({ source: `$x += ${at}; puts $x` })).stdout).toBe(`${at + 1}\n`)
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30)
    await Promise.all(twins.map((twin) => twin.dispose()))
  }, 120_000)

  test('loads its library, of which json and psych call deeply', async ({ skip }) => {
    skip(!isThere, skipReasons.noOptionalPackage)
    const module = new Uint8Array(readFileSync(RUBY_LIBRARY))
    const library = await toka.open({ language: 'wasm', module, limits: { memoryBytes, timeoutMs: 120_000 } })
    const source = `
      require 'json'; require 'set'; require 'erb'; require 'optparse'; require 'time'; require 'digest'; require 'yaml'
      require 'strscan'; require 'stringio'; require 'securerandom'; require 'delegate'; require 'forwardable'
      puts JSON.generate({ a: JSON.parse('[1,[2,{"b":null}]]') }), YAML.dump({ 'x' => [1] }), ERB.new('<%= 1 + 1 %>').result
      puts Digest::SHA256.hexdigest('')[0, 8], Time.iso8601('2020-01-02T03:04:05Z').to_i, Set[1, 1].size
    `
    expect(await library.run({ source })).toMatchObject({
      status: 'completed',
      stdout: '{"a":[1,[2,{"b":null}]]}\n---\nx:\n- 1\n2\ne3b0c442\n1577934245\n1\n',
    })
    expect((await library.run({ source: 'puts (1..30).reduce([]) { |list| [list] }.inspect.length' })).stdout).toBe(
      '62\n',
    )
    await library.dispose()
  }, 120_000)
})
