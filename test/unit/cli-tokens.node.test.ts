/** `toka keys`, `toka token`, `toka run --token` and `toka audit`, as a person would use them one after the other. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { folder, toka as command } from '../command-line.ts'
import { root } from '../module-graph.ts'

let keys: string
beforeAll(() => {
  keys = join(folder, 'keys')
  writeFileSync(join(folder, 'guest.js'), 'require("fs").readFileSync(process.argv[2], "utf8")')
  writeFileSync(join(folder, 'wait.mjs'), 'console.log("ready"); await new Promise((done) => setTimeout(done, 60_000))')
  writeFileSync(join(folder, 'a.txt'), 'content')
})

const toka = (...argv: string[]) => command(argv)
const line = (text: string) => text.trimEnd()

test('keys are made once, for their owner alone, and rotated', async () => {
  expect(await toka('token', 'mint', '--allow', 'clock', '--keys', keys)).toMatchObject({ code: 64 })
  expect((await toka('keys', 'init', '--keys', keys)).code).toBe(0)
  expect(statSync(join(keys, 'keys.json')).mode & 0o777).toBe(0o600)
  expect((await toka('keys', 'init', '--keys', keys)).stderr).toContain('there are keys already')
  expect((await toka('keys', 'rotate', '--keys', keys)).code).toBe(0)
  const listed = await toka('keys', 'list', '--keys', keys, '--json')
  expect((JSON.parse(listed.stdout) as { state: string }[]).map(({ state }) => state).sort()).toEqual([
    'active',
    'next',
    'retiring',
  ])
  expect(listed.stdout).not.toContain('"d"')
})

describe('a token', () => {
  let minted: string
  let child: string
  const mount = () => ['--mount', `${folder}:/data`, '--keys', keys]

  test('is minted, narrowed without keys, and read by a person', async () => {
    minted = line(
      (
        await toka(
          'token',
          'mint',
          '--allow',
          'fs.read=/data/**',
          '--allow',
          'env.read=LANG',
          '--ttl',
          '1h',
          '--subject',
          'ci',
          '--keys',
          keys,
        )
      ).stdout,
    )
    child = line((await toka('token', 'attenuate', minted, '--allow', 'fs.read=/data/*.txt', '--calls', '3')).stdout)
    const wider = await toka('token', 'attenuate', child, '--allow', 'fs.read=/data/**')
    expect(wider).toMatchObject({ code: 64, stdout: '' })
    expect(wider.stderr).toContain("wider than its parent in paths: /data is not the parent's to give")
    const report = (await toka('token', 'inspect', child, '--keys', keys)).stdout
    for (const text of [
      'the token holds',
      'for        ci',
      'made by    the bearer of link 0',
      'allows     fs.read /data/*.txt',
      'took away  fs.read /data/**',
      'env.read LANG',
      'left       3 of 3 calls of the whole token',
      '(in 59 minutes)',
    ])
      expect(report).toContain(text)
    const away = (await toka('token', 'inspect', child)).stdout
    expect(away).toContain('the token is refused (key): link 0: no key')
    expect(away).toContain('left       ? of 3')
  })

  test('is what a run may do, and its quota is spent over runs', async () => {
    const file = join(folder, 'child.token')
    writeFileSync(file, `${child}\n`)
    const run = (path: string) =>
      toka('run', join(folder, 'guest.js'), '--token', file, ...mount(), '--json', '--', path)
    // A refusal costs nothing.
    const outside = JSON.parse((await run('/data/guest.js')).stdout)
    expect(outside.denials[0]).toMatchObject({
      reason: 'no-grant',
      link: 1,
      token: { allows: ['fs.read /data/*.txt'] },
    })
    const other = await toka('run', join(folder, 'guest.js'), '--token', file, ...mount(), '--', '/data/guest.js')
    expect(other.stderr).toContain(
      "needs a token whose link 1 allows 'fs.read=/data/**'; it allows fs.read /data/*.txt",
    )
    for (let index = 0; index < 3; index++)
      expect(JSON.parse((await run('/data/a.txt')).stdout)).toMatchObject({ value: 'content' })
    const spent = JSON.parse((await run('/data/a.txt')).stdout)
    expect(spent).toMatchObject({
      status: 'failed',
      denials: [{ reason: 'quota', link: 1, token: { constraint: 'quota' } }],
    })
  }, 60_000)

  test('leaves a log that verifies, and one that was changed does not', async () => {
    const log = join(folder, 'log')
    for (let index = 0; index < 2; index++)
      await toka(
        'run',
        join(folder, 'guest.js'),
        '--token',
        minted,
        ...mount(),
        '--audit',
        log,
        '--',
        index === 0 ? '/data/a.txt' : '/etc/passwd',
      )
    const whole = await toka('audit', 'verify', log, '--keys', keys)
    expect(whole).toMatchObject({ code: 0 })
    expect(whole.stdout).toContain('the log is whole: 2 records (0 denied), 2 signatures, 0 records behind the last')
    const run = ['run', join(folder, 'guest.js'), '--token', minted, ...mount(), '--audit', log, '--', '/data/a.txt']
    writeFileSync(`${log}.lock`, String(process.ppid))
    const busy = await toka(...run)
    expect(busy).toMatchObject({ code: 64 })
    expect(busy.stderr).toContain('another process writes this audit log')
    // A lock of a process that is gone is taken over.
    writeFileSync(`${log}.lock`, '999999999')
    expect(await toka(...run)).toMatchObject({ code: 0 })
    expect(existsSync(`${log}.lock`)).toBe(false)
    // As a crash leaves it.
    writeFileSync(log, readFileSync(log).subarray(0, -7))
    const torn = await toka(...run)
    expect(torn).toMatchObject({ code: 0 })
    expect(torn.stderr).toContain('the log ended in the middle of a record: the end is in ')
    expect(await toka('audit', 'verify', log, '--keys', keys)).toMatchObject({ code: 0 })
    const bytes = readFileSync(log)
    bytes[60]! ^= 1
    writeFileSync(log, bytes)
    expect(await toka('audit', 'verify', log, '--keys', keys)).toMatchObject({ code: 1 })
  }, 60_000)

  test('that is revoked ends a run of another process, and its children are refused', async () => {
    const program = spawn(
      process.execPath,
      [
        '--conditions=toka-source',
        '--disable-warning=ExperimentalWarning',
        join(root, 'src/cli/toka.ts'),
        'run',
        join(folder, 'wait.mjs'),
        '--token',
        child,
        '--keys',
        keys,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let told = ''
    program.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString()
    })
    const ended = new Promise<number | null>((resolve) => program.on('close', resolve))
    await new Promise((resolve) => program.stdout.once('data', resolve))
    const begun = performance.now()
    expect((await toka('token', 'revoke', minted, '--keys', keys)).code).toBe(0)
    expect(await ended).toBe(130)
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect(told).toContain('cancelled: the token of this sandbox was revoked')
    const refused = await toka('run', join(folder, 'guest.js'), '--token', child, ...mount())
    expect(refused).toMatchObject({ code: 64 })
    expect(refused.stderr).toContain('(revoked): link 0')
    expect((await toka('token', 'verify', child, '--keys', keys)).code).toBe(1)
  }, 60_000)
})

test.each([
  [['token'], 64],
  [['token', '--help'], 0],
  [['token', 'mnit'], 64],
  [['token', 'verify', 'no-such-file'], 64],
  [['token', 'mint', '--allow', 'fs.reed=/x'], 64],
  [['token', 'attenuate', 'no~token', '--ttl', '1 week'], 64],
  [['run', 'x.js', '--audit', 'log'], 64],
  [['keys', 'list', '--keys', '/nowhere'], 64],
  [['audit', 'verify'], 64],
])('%j ends with %i', async (argv, code) => {
  expect((await toka(...argv)).code).toBe(code)
})
