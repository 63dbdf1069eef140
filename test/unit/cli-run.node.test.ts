/** The command line from end to end: files and streams in, output, summaries and exit codes out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { file, folder, toka } from '../command-line.ts'
import { skipReasons } from '../skip-reasons.ts'

describe('toka', () => {
  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(await toka(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test('--help names only commands that there are, on stdout; no command shows it on stderr', async () => {
    const help = await toka(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    const named = [...help.stdout.matchAll(/^ {2}toka (\w+)/gm)].map(([, word]) => word!)
    expect(new Set(named)).toEqual(new Set(['run', 'keys', 'token', 'audit', 'image']))
    for (const command of new Set(named)) {
      const { code, stdout, stderr } = await toka([command, '--help'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`toka ${command}`)
    }
    expect(await toka([])).toEqual({ code: 64, stdout: '', stderr: help.stdout })
  })

  test('run --help names every language and its endings', async () => {
    const { stdout } = await toka(['run', '--help'])
    const [line = ''] = /--language L.*/.exec(stdout) ?? []
    const refusal = (await toka(['run', 'a.txt'])).stderr
    const known = refusal.match(/\w+ \((?:\.\w+ ?)+\)/g) ?? []
    expect(known.length).toBeGreaterThan(3)
    for (const word of known.flatMap((one) => one.match(/\.?\w+/g) ?? [])) expect(line).toContain(word)
  })

  test('run --help names every option, in 120 columns', async () => {
    const { stdout } = await toka(['run', '--help'])
    for (const option of [
      'language',
      'input',
      'env',
      'mount',
      'allow',
      'grants',
      'tool',
      'timeout',
      'memory',
      'fuel',
      'output',
      'out',
      'json',
      'trace',
      'deterministic',
      'isolation',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}--${option} `, 'm'))
    }
    expect(stdout).toMatch(/HOST CODE/)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
  })

  test.each([
    [['rnu', 'a.js'], /rnu is no command: did you mean run\?/],
    [['tool.ts'], /did you mean toka run tool\.ts\?/],
    [['--verison'], /did you mean --version\?/],
    [['constructor'], /constructor is no command/],
    [['run', 'absent.js'], /FILE "absent\.js": no such file/],
    [['run', '.js'], /FILE "\.js": no such file/],
  ])('%j is bad usage', async (argv, message) => {
    expect(await toka(argv)).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
  })
})

describe('toka run', () => {
  test('prints what the guest prints, and nothing else when all is well', async () => {
    const path = file('print.js', 'console.log("to stdout", process.argv.length); console.error("to stderr"); 5')
    expect(await toka(['run', path])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^to stdout \d\n$/),
      stderr: 'to stderr\n',
    })
  })

  test('prints the value of a tool that prints nothing: text as it is, the rest as JSON', async () => {
    const path = file(
      'value.ts',
      'export default ({ name }: { name: string }) => (name === "x" ? ["x"] : "hello " + name)',
    )
    expect(await toka(['run', path, '--input', '{"name":"you"}'])).toEqual({
      code: 0,
      stdout: 'hello you\n',
      stderr: '',
    })
    expect((await toka(['run', path, '--input', '{"name":"x"}'])).stdout).toBe('[\n  "x"\n]\n')
  })

  test('reads the source from stdin with -', async () => {
    expect(await toka(['run', '-', '--language', 'javascript'], { stdin: 'console.log(40 + 2)' })).toMatchObject({
      code: 0,
      stdout: '42\n',
    })
  })

  test('hands stdin to the guest as it comes, and never waits for one that the guest ignores', async () => {
    const reader = file(
      'cat.mjs',
      "let text = ''\nfor await (const chunk of process.stdin) text += new TextDecoder().decode(chunk)\nconsole.log(text.toUpperCase())",
    )
    expect((await toka(['run', reader], { stdin: 'from outside' })).stdout).toBe('FROM OUTSIDE\n')
    const open = new PassThrough()
    expect((await toka(['run', file('ignore.js', 'console.log(1)')], { stdin: open })).stdout).toBe('1\n')
  })

  test('lets the guest read stdin as a file where the runtime can suspend it', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    const reader = file('cat-file.mjs', "import fs from 'node:fs'\nconsole.log(fs.readFileSync(0, 'utf8'))")
    expect((await toka(['run', reader], { stdin: 'as a file' })).stdout).toBe('as a file\n')
  })

  test("gives the guest its environment and nothing of the host's", async () => {
    const path = file('env.js', 'console.log(process.env.A, process.env.PATH)')
    expect((await toka(['run', path, '--env', 'A=1'])).stdout).toBe('1 undefined\n')
  })

  test('with --deterministic repeats itself, sleeps and all', async () => {
    const path = file(
      'dice.mjs',
      'const t = Date.now(); await new Promise((r) => setTimeout(r, 3600000)); export default [Math.random(), Date.now() - t]',
    )
    const first = await toka(['run', path, '--deterministic', 'seed'])
    expect(await toka(['run', path, '--deterministic', 'seed'])).toEqual(first)
    expect((await toka(['run', path, '--deterministic', 'other'])).stdout).not.toBe(first.stdout)
  })

  test('with --isolation runs on the thread that it names, to the same end', async () => {
    const path = file('where.mjs', 'console.log("here"); export default 6 * 7')
    const [inline, worker] = [
      await toka(['run', path, '--isolation', 'inline']),
      await toka(['run', path, '--isolation', 'worker']),
    ]
    expect(inline).toMatchObject({ code: 0, stdout: expect.stringContaining('here') })
    expect(worker).toEqual(inline)
    expect(await toka(['run', path, '--isolation', 'moon'])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/expected inline or worker/),
    })
  })

  test('imports siblings only where they are mounted at /tool', async () => {
    const path = file('app/main.mjs', "import { n } from './n.mjs'\nexport default n")
    file('app/n.mjs', 'export const n = 7')
    expect(await toka(['run', path])).toMatchObject({ code: 1, stdout: '' })
    expect(await toka(['run', path, '--mount', `${join(folder, 'app')}:/tool:ro`])).toMatchObject({
      code: 0,
      stdout: '7\n',
    })
  })
})

describe('exit codes', () => {
  test.each<[string, string, string[], number]>([
    ["the guest's own", 'process.exit(7)', [], 7],
    ['1 after an uncaught error', 'null.x', [], 1],
    ['1 for source that does not parse', 'let = =', [], 1],
    ['124 for the time limit', 'for (;;) {}', ['--timeout', '100ms'], 124],
    ['124 for the fuel limit', 'for (;;) {}', ['--fuel', '1000'], 124],
    ['124 for the memory limit', 'const a = []; for (;;) a.push(new Array(1000).fill(0))', ['--memory', '16MiB'], 124],
    ['64 for a mount that is not there', '1', ['--mount', '/no/such/place:/d:ro'], 64],
    ['64 for less memory than an interpreter needs', '1', ['--memory', '1MiB'], 64],
  ])('are %s', async (_name, source, options, code) => {
    expect((await toka(['run', file('exit.js', source), ...options])).code).toBe(code)
  })

  test('are 130 when the person cancels', async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    const cancel = new AbortController()
    setTimeout(() => cancel.abort(), 100)
    const ran = await toka(['run', file('endless.js', 'for (;;) {}')], { signal: cancel.signal })
    expect(ran).toMatchObject({ code: 130, stderr: expect.stringMatching(/cancelled/) })
  })
})

describe('the summary on stderr', () => {
  test("has the error, the guest's frames, and no control of the terminal", async () => {
    const path = file('boom.js', 'function inner() {\n  throw new TypeError("no \\u001b[2J way")\n}\ninner()')
    const { stderr, stdout } = await toka(['run', path], { tty: true, environment: { NO_COLOR: '1' } })
    expect(stdout).toBe('')
    expect(stderr).toContain('failed: TypeError: no ␛[2J way\n      at inner (/tool/boom.js:2')
    expect(stderr).not.toContain('\u001b')
  })

  test('names the option that raises the limit', async () => {
    expect((await toka(['run', file('spin.js', 'for (;;) {}'), '--timeout', '50ms'])).stderr).toMatch(
      /stopped: the time limit.*--timeout\n/,
    )
    const flood = await toka(['run', file('flood.js', 'console.log("x".repeat(5000))'), '--output', '1KiB'])
    expect(flood).toMatchObject({ code: 0, stderr: expect.stringMatching(/stdout was cut.*--output/) })
    expect(flood.stdout).toHaveLength(1024)
  })

  test('gives each denial with the rule that would allow it, and that rule does allow it', async () => {
    file('data/x.txt', 'secret')
    const path = file('read.mjs', "import fs from 'node:fs'\nexport default fs.readFileSync('/data/x.txt', 'utf8')")
    const mount = ['--mount', `${join(folder, 'data')}:/data`]
    const denied = await toka(['run', path, ...mount])
    expect(denied.code).toBe(1)
    const rule = /^toka: fs\.read \/data\/x\.txt denied: add --allow '(.+)'$/m.exec(denied.stderr)?.[1] ?? 'none'
    expect(await toka(['run', path, ...mount, '--allow', rule])).toEqual({ code: 0, stdout: 'secret\n', stderr: '' })
  })

  test('counts a denial that repeats', async () => {
    const path = file('again.js', 'for (let i = 0; i < 3; i++) process.env.HOME_OF_TESTS; 1')
    const { code, stderr } = await toka(['run', path])
    expect(code).toBe(0)
    expect(stderr.match(/env\.read HOME_OF_TESTS denied: add --allow 'env\.read=HOME_OF_TESTS'/g)).toHaveLength(1)
  })

  test('says what :ro lacks for a write', async () => {
    const path = file('write.mjs', "import fs from 'node:fs'\nfs.writeFileSync('/data/x.txt', 'mine')")
    const { code, stderr } = await toka(['run', path, '--mount', `${join(folder, 'data')}:/data:ro`])
    expect(code).toBe(1)
    expect(stderr).toMatch(/fs\.write \/data\/x\.txt denied/)
    expect(readFileSync(join(folder, 'data/x.txt'), 'utf8')).toBe('secret')
    expect((await toka(['run', path, '--mount', `${join(folder, 'data')}:/data:rw`])).code).toBe(0)
    expect(readFileSync(join(folder, 'data/x.txt'), 'utf8')).toBe('mine')
  })
})

describe('--json', () => {
  test('prints one result and nothing else, with bytes as base64', async () => {
    const path = file(
      'json.mjs',
      'console.log("hi")\nexport default { bytes: new Uint8Array([1, 2, 3]), big: 2n ** 64n, when: new Date(0), nan: NaN }',
    )
    const { code, stdout, stderr } = await toka(['run', path, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'completed',
      exitCode: 0,
      stdout: 'hi\n',
      value: { bytes: 'AQID', big: '18446744073709551616', when: '1970-01-01T00:00:00.000Z', nan: 'NaN' },
      denials: [],
    })
  })

  test('tells a guest that exits with 124 from a limit', async () => {
    const exited = await toka(['run', file('fake.js', 'process.exit(124)'), '--json'])
    const limited = await toka(['run', file('real.js', 'for (;;) {}'), '--json', '--timeout', '50ms'])
    expect([exited.code, limited.code]).toEqual([124, 124])
    expect([exited, limited].map(({ stdout }) => (JSON.parse(stdout) as { status: string }).status)).toEqual([
      'completed',
      'limit',
    ])
  })

  test('leaves stdout empty when the command itself is wrong', async () => {
    expect(await toka(['run', 'absent.js', '--json'])).toMatchObject({ code: 64, stdout: '' })
  })
})

describe('a terminal', () => {
  test('is not controlled by what the guest prints, while a pipe gets every byte', async () => {
    const path = file('escape.js', 'console.log("\\u001b]0;owned\\u0007 \\u001b[31mred\\u001b[0m")')
    expect((await toka(['run', path], { tty: true })).stdout).toBe('␛]0;owned␇ \u001b[31mred\u001b[0m\n')
    expect((await toka(['run', path])).stdout).toBe('\u001b]0;owned\u0007 \u001b[31mred\u001b[0m\n')
  })

  test('is not controlled by a value either', async () => {
    expect((await toka(['run', file('osc.js', '"\\u001b[2J"')], { tty: true })).stdout).toBe('␛[2J\n')
  })
})

describe('--out', () => {
  test('writes what the guest left in /out, and nothing of a run that failed', async () => {
    const source = (then: string) =>
      `import fs from 'node:fs'\nfs.mkdirSync('/out/deep', { recursive: true })\nfs.writeFileSync('/out/deep/a.txt', 'a')\nfs.writeFileSync('/tmp/b.txt', 'b')\n${then}`
    const [good, bad] = [join(folder, 'good'), join(folder, 'bad')]
    expect((await toka(['run', file('good.mjs', source('')), '--out', good])).code).toBe(0)
    expect(readdirSync(good)).toEqual(['deep'])
    expect(readFileSync(join(good, 'deep/a.txt'), 'utf8')).toBe('a')
    expect((await toka(['run', file('bad.mjs', source('null.x')), '--out', bad])).code).toBe(1)
    expect(existsSync(bad)).toBe(false)
  })

  test('has an /out to write to', async () => {
    const path = file('plain.mjs', "import fs from 'node:fs'\nfs.writeFileSync('/out/a.txt', 'a')")
    expect(await toka(['run', path, '--out', join(folder, 'plain')])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(readdirSync(join(folder, 'plain'))).toEqual(['a.txt'])
  })

  test('cannot go with a mount at /out', async () => {
    const path = file('one.js', '1')
    expect(await toka(['run', path, '--out', join(folder, 'x'), '--mount', `${folder}:/out:rw`])).toMatchObject({
      code: 64,
    })
  })
})

describe('--tool', () => {
  const path = fileURLToPath(new URL('../../examples/country.ts', import.meta.url))

  test('offers a tool, which still has to be granted', async () => {
    const guest = file('ask.mjs', 'export default (await tools.country({ code: "IS" })).name')
    const denied = await toka(['run', guest, '--tool', path])
    expect(denied).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/tool\.call country denied: add --allow 'tool\.call=country'/),
    })
    const allowed = await toka(['run', guest, '--tool', path, '--allow', 'tool.call=country', '--trace'])
    expect(allowed).toMatchObject({ code: 0, stdout: 'Iceland\n' })
    expect(allowed.stderr).toMatch(/^trace: allowed {2}tool\.call country {2}[\d.]+ µs$/m)
  })

  test.each([
    ['that is not there', 'absent.mjs', undefined, /absent.mjs": no such file/],
    ['that throws', 'throws.mjs', 'throw new Error("on purpose")', /cannot be loaded \(on purpose\)/],
    [
      'that imports what is not installed',
      'imports.mjs',
      'import "not-installed-here"',
      /run "npm install not-installed-here" there/,
    ],
    ['without a default export', 'named.mjs', 'export const a = 1', /default export must be a tool/],
    ['that exports something else', 'else.mjs', 'export default [{ name: "x" }]', /defineTool/],
  ])('refuses a file %s', async (_name, name, content, message) => {
    const bad = content === undefined ? join(folder, name) : file(name, content)
    expect(await toka(['run', file('one.js', '1'), '--tool', bad])).toMatchObject({
      code: 64,
      stdout: '',
      stderr: expect.stringMatching(message),
    })
  })
})

describe('--grants', () => {
  test('takes a JSON array of grants', async () => {
    file('data2/x.txt', 'granted')
    const path = file('read2.mjs', "import fs from 'node:fs'\nexport default fs.readFileSync('/data/x.txt', 'utf8')")
    const grants = file('grants.json', JSON.stringify([{ resource: 'fs', actions: ['read'], paths: ['/data/x.txt'] }]))
    expect(await toka(['run', path, '--mount', `${join(folder, 'data2')}:/data`, '--grants', grants])).toMatchObject({
      code: 0,
      stdout: 'granted\n',
    })
  })

  test.each([
    ['no JSON', 'no', /expected JSON/],
    ['no array', '{}', /expected a JSON array of grants, got object/],
    ['an unknown field', '[{"resource":"fs","actions":["read"],"paths":["/x"],"path":"/y"}]', /grants\[0\].*path/],
    ['an unknown resource', '[{"resource":"disk"}]', /grants\[0\].*resource/],
  ])('refuses a file with %s', async (_name, content, message) => {
    const ran = await toka(['run', file('one.js', '1'), '--grants', file('bad.json', content)])
    expect(ran).toMatchObject({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
  })
})
