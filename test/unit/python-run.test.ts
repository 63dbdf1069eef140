/** Python in a sandbox, in every way in which one runs: values, files, tools, streams and ends. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type GrantInput } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS, type Way } from '../isolations.ts'
import { preparePython, runPython } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

const lookup = defineTool({
  name: 'lookup',
  description: 'Finds a customer',
  input: z.object({ id: z.string() }),
  output: z.object({ name: z.string() }),
  run: async ({ id }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (id === 'none') throw new Error('no such customer')
    return { name: `customer ${id}` }
  },
})
const toolGrant: GrantInput = { resource: 'tool', actions: ['call'], names: ['lookup'] }
const withTool = { tools: [lookup], grants: [toolGrant] }

/** On the caller's own thread an asynchronous tool is waited for by suspending the guest, and in no other way. */
async function skipWhereNothingWaits(way: Way, skip: (condition: boolean, reason: string) => void): Promise<void> {
  skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
}

preparePython()

describe.each(WAYS)('%s', (way) => {
  test('the last expression is the value, and prints go to stdout', async () => {
    const result = await runPython(way, { source: 'print(1 + 1)\n{"a": [1, None, b"x", 2 ** 70]}' })
    expect(result).toMatchObject({ status: 'completed', exitCode: 0, stdout: '2\n', stderr: '' })
    expect(result.value).toEqual({ a: [1, null, new Uint8Array([0x78]), 2n ** 70n] })
  })

  test('arguments, standard input and the exit code are the program’s own', async () => {
    const source = 'import sys\nprint(sys.argv[1:], input(), sys.stdin.read())\nsys.exit(7)'
    const result = await runPython(way, { source, file: '/tool/x.py', args: ['--year', '2025'], stdin: 'one\ntwo' })
    expect(result).toMatchObject({ status: 'completed', exitCode: 7, stdout: "['--year', '2025'] one two\n" })
  })

  test('an uncaught exception is the error, with the traceback that Python prints', async () => {
    const result = await runPython(way, { source: 'def f():\n    return 1 / 0\nf()', file: '/tool/broken.py' })
    expect(result).toMatchObject({ status: 'failed', exitCode: 1 })
    expect(result.error).toMatchObject({ code: 'TOKA_GUEST_ERROR', message: 'ZeroDivisionError: division by zero' })
    expect(result.error?.guestStack).toContain('File "/tool/broken.py", line 2, in f')
    expect(result.stderr).toContain('ZeroDivisionError: division by zero')
  })

  test('what does not parse is a syntax error', async () => {
    expect((await runPython(way, { source: 'x = = 1' })).error?.code).toBe('TOKA_GUEST_SYNTAX')
  })

  test('a tool blocks, and several overlap under gather', async ({ skip }) => {
    await skipWhereNothingWaits(way, skip)
    const source = `
from toka import tools
import asyncio
[tools.lookup(id="7"), await asyncio.gather(*[tools.lookup.aio(id=str(n)) for n in range(3)])]`
    const { value, error } = await runPython(way, { source, ...withTool })
    expect(error).toBeUndefined()
    expect(value).toEqual([
      { name: 'customer 7' },
      [{ name: 'customer 0' }, { name: 'customer 1' }, { name: 'customer 2' }],
    ])
  })

  test('a tool that fails raises an exception, which can be caught', async ({ skip }) => {
    await skipWhereNothingWaits(way, skip)
    const source =
      'from toka import tools\ntry:\n  tools.lookup(id="none")\nexcept Exception as e:\n  said = str(e)\nsaid'
    expect((await runPython(way, { source, ...withTool })).value).toContain('no such customer')
  })

  test('a call of a tool without a grant is a denial', async () => {
    const { error, denials } = await runPython(way, {
      source: 'from toka import tools\ntools.lookup(id="1")',
      tools: [lookup],
    })
    expect(error).toMatchObject({ code: 'TOKA_DENIED', grant: 'tool.call=lookup' })
    expect(denials).toMatchObject([{ operation: 'tool.call', resource: 'lookup', reason: 'no-grant' }])
  })

  test('sleep takes its time, and so does asyncio’s', async () => {
    const source =
      'import time, asyncio\nt = time.monotonic()\ntime.sleep(0.05)\nawait asyncio.sleep(0.05)\ntime.monotonic() - t'
    const { value } = await runPython(way, { source })
    expect(value).toBeGreaterThan(0.09)
  })

  test('a mount is read where a grant says so, and nowhere else', async () => {
    const mounts = [{ at: '/data', from: { files: { '/a.csv': 'n\n1\n2\n', '/b.csv': 'no' } }, mode: 'rw' as const }]
    const grants: GrantInput[] = [{ resource: 'fs', actions: ['read'], paths: ['/data/a.csv'] }]
    const source =
      'import csv\nrows = [int(r["n"]) for r in csv.DictReader(open("/data/a.csv"))]\nprint(sum(rows))\nopen("/data/b.csv")'
    const result = await runPython(way, { source, mounts, grants })
    expect(result.stdout).toBe('3\n')
    expect(result.error).toMatchObject({ code: 'TOKA_DENIED', grant: 'fs.read=/data/**' })
    expect(result.error?.message).toContain('PermissionError')
  })

  test('files are kept, changed, listed and handed back', async () => {
    const source = `
import os, pathlib, shutil, tempfile
p = pathlib.Path("/out"); p.mkdir(exist_ok=True)
with open("/out/a.bin", "wb+") as f:
    f.write(b"0123456789"); f.seek(3); f.write(b"X"); f.seek(0); whole = f.read(); f.truncate(4)
with open("/out/a.bin", "ab") as f: f.write(b"!")
(p / "d").mkdir(); (p / "d" / "x").touch(); os.symlink("a.bin", "/out/l")
d = tempfile.mkdtemp(); shutil.rmtree(d)
os.utime("/out/a.bin", (1, 2))
[whole, sorted(os.listdir("/out")), os.readlink("/out/l"), os.stat("/out/a.bin").st_mtime, os.path.exists(d)]`
    const { value, files, error } = await runPython(way, { source, collect: ['/out/**'] })
    expect(error).toBeUndefined()
    expect(value).toEqual([new TextEncoder().encode('012X456789'), ['a.bin', 'd', 'l'], 'a.bin', 2, false])
    expect(new TextDecoder().decode(files['/out/a.bin'])).toBe('012X!')
  })

  test('a database lies in the sandbox’s files', async () => {
    const source = `
import sqlite3
with sqlite3.connect("/tmp/a.db") as c:
    c.execute("create table t (a)"); c.executemany("insert into t values (?)", [(n,) for n in range(1000)])
sqlite3.connect("/tmp/a.db").execute("select sum(a) from t").fetchone()[0]`
    expect((await runPython(way, { source })).value).toBe(499_500)
  })

  test('time and chance are the request’s in a deterministic run', async () => {
    const deterministic = { seed: 's', start: '2026-03-04T05:06:07Z' }
    const source = `
import random, time, os, uuid, datetime
t = time.time(); time.sleep(1000)
[random.random(), os.urandom(4), str(uuid.uuid4()), time.time() - t >= 1000, str(datetime.datetime.now())[:16]]`
    const first = await runPython(way, { source, deterministic })
    const second = await runPython(way, { source, deterministic })
    expect(first.value).toEqual(second.value)
    expect((first.value as unknown[]).slice(3)).toEqual([true, '2026-03-04 05:22'])
  })
})

test('calendar and clock: the zone is UTC', async () => {
  const source = `
import time, datetime, zoneinfo
[time.tzname[0], time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, 0)), time.gmtime(-62135596800)[:3],
 datetime.datetime(2020, 2, 29, tzinfo=zoneinfo.ZoneInfo("UTC")).timestamp(), time.strftime("%j", time.gmtime(1e9))]`
  const { value } = await runPython('inline', { source })
  expect(value).toEqual(['UTC', 1577836800, [1, 1, 1], 1582934400, '252'])
})

test('pipes, duplicates and polls of descriptors are the process’s own', async () => {
  const source = `
import os, select
r, w = os.pipe(); empty = select.select([r], [], [], 0)[0] == []
os.write(w, b"abc"); d = os.dup(r); os.close(r)
got = os.read(d, 10) if select.select([d], [], [], 0)[0] else None
os.close(w); end = os.read(d, 1)
os.dup2(d, 20); os.close(d); os.close(20)
[empty, got, end]`
  const { value, error } = await runPython('inline', { source })
  expect(error).toBeUndefined()
  expect(value).toEqual([true, new TextEncoder().encode('abc'), new Uint8Array(0)])
})

test('a blocking call of an asynchronous tool waits for its answer in a sandbox that was opened once', async ({
  skip,
}) => {
  await skipWhereNothingWaits('inline', skip)
  const sandbox = await (await tokaOf('inline')).open({ language: 'python', ...withTool })
  try {
    for (let at = 0; at < 3; at++) {
      const { value } = await sandbox.run({ source: `from toka import tools\ntools.lookup(id="${at}")["name"]` })
      expect(value).toBe(`customer ${at}`)
    }
  } finally {
    await sandbox.dispose()
  }
})
