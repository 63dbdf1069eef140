/** Runs of Python: state stays, the last expression is the value, and a failure is told as Python tells it. */
import { describe, expect, test } from 'vitest'
import { notebook, preparePython, python, pythonValue, valueIn } from '../python.ts'

preparePython()

describe('a notebook', () => {
  test('keeps names, imports and functions from run to run', async () => {
    await notebook(async (cell) => {
      await cell('import math\nn = 1\ndef double(x): return 2 * x')
      await cell('n += 1')
      expect((await cell('double(n) + math.floor(0.5)')).value).toBe(4)
    })
  })

  test('has the value of its last expression; None is null, and a statement has none', async () => {
    await notebook(async (cell) => {
      expect((await cell('1; 2\n3')).value).toBe(3)
      expect((await cell('None')).value).toBe(null)
      expect((await cell('x = 1')).value).toBe(undefined)
      expect((await cell('"""a doc string"""')).value).toBe('a doc string')
      expect((await cell('')).value).toBe(undefined)
    })
  })

  test('awaits at its top level, also in loops and comprehensions, and keeps what it made', async () => {
    await notebook(async (cell) => {
      await cell('import asyncio\nasync def later(x):\n    await asyncio.sleep(0)\n    return x')
      expect((await cell('x = await later(1)\nx + await later(2)')).value).toBe(3)
      expect((await cell('[await later(n) for n in range(3)]')).value).toEqual([0, 1, 2])
      expect((await cell('async with asyncio.timeout(5):\n    y = await later(x)\ny')).value).toBe(1)
    })
  })

  test('shows an object with a rich form, and has no value then', async () => {
    await notebook(async (_, sandbox) => {
      const source = 'class Chart:\n    def _repr_svg_(self): return "<svg/>"\nChart()'
      const events = []
      for await (const event of sandbox.stream({ source })) events.push(event)
      expect(events).toContainEqual({
        type: 'display',
        data: { 'image/svg+xml': '<svg/>', 'text/plain': expect.stringContaining('Chart object') },
      })
      expect(events.at(-1)).toMatchObject({ type: 'result', result: { status: 'completed', value: undefined } })
    })
  })

  test('goes on after every kind of failure', async () => {
    await notebook(async (cell) => {
      await cell('n = 5')
      for (const source of ['1/0', 'x = = 1', 'raise SystemExit(3)', 'object()', 'raise BaseException', 'import nope'])
        await cell(source)
      expect((await cell('n')).value).toBe(5)
    })
  })

  test('shows the lines that a function had when it was defined, whatever was run since', async () => {
    await notebook(async (cell) => {
      await cell('def f():\n    return 1 / 0')
      await cell('a = 1\nb = 2\nc = 3')
      expect((await cell('f()')).error?.guestStack).toContain('return 1 / 0')
    })
  })
})

describe('an uncaught exception', () => {
  test('has the traceback that Python prints, without a frame of ours, on stderr too', async () => {
    const source = 'def f():\n    raise ValueError("no")\n\nf()'
    const result = await python(source, { file: '/tool/main.py' })
    expect(result).toMatchObject({ status: 'failed', exitCode: 1, error: { code: 'TOKA_GUEST_ERROR' } })
    expect(result.stderr).toBe(`Traceback (most recent call last):
  File "/tool/main.py", line 4, in <module>
    f()
    ~^^
  File "/tool/main.py", line 2, in f
    raise ValueError("no")
ValueError: no
`)
    expect(result.error?.message).toBe('ValueError: no')
    expect(result.error?.guestStack).toBe(result.stderr)
  })

  test('in a coroutine has the frames of the program alone', async () => {
    const source = 'import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    raise KeyError("k")\nawait f()'
    const { error } = await python(source, { file: '/tool/main.py' })
    expect(error?.guestStack?.match(/File "[^"]+"/g)).toEqual(['File "/tool/main.py"', 'File "/tool/main.py"'])
  })

  test('tells its causes, its notes and the members of its group', async () => {
    const source = `try:
    1/0
except ZeroDivisionError as e:
    e2 = ExceptionGroup("two", [ValueError("a"), TypeError("b")])
    e2.add_note("a note")
    raise e2 from e`
    const stack = (await python(source)).error?.guestStack
    for (const part of ['ZeroDivisionError', 'direct cause', 'ValueError: a', 'TypeError: b', 'a note'])
      expect(stack).toContain(part)
  })

  test('that cannot be shown, or is far too long, is told all the same', async () => {
    const shy = 'class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E'
    expect((await python(shy)).error?.message).toContain('E')
    const long = await python('raise ValueError("x" * 1_000_000)')
    expect(long.error?.message.length).toBeLessThan(3_000)
    expect((await python('raise ValueError("\\ud800")')).error?.message).toContain('\\ud800')
  })

  test('of endless recursion is a RecursionError', async () => {
    const { status, error } = await python('def f(n): return f(n + 1)\nf(0)')
    expect([status, error?.message]).toEqual(['failed', expect.stringContaining('RecursionError')])
  })
})

describe('a program that does not parse', () => {
  test.each([
    ['x = = 1', 'SyntaxError', 1],
    ['if 1:\n  x = 1\n y = 2', 'IndentationError', 3],
    ['f(\n', 'SyntaxError', 1],
    ['x = 1\nreturn', 'SyntaxError', 2],
    ['"\0"', 'SyntaxError', undefined],
  ])('%j fails with its place', async (source, name, line) => {
    const { error, exitCode } = await python(source, { file: '/tool/main.py' })
    expect([exitCode, error?.code]).toEqual([1, 'TOKA_GUEST_SYNTAX'])
    expect(error?.message).toContain(name)
    if (line !== undefined) expect(error?.message).toContain(`line ${line}`)
  })
})

describe('an exit', () => {
  test.each([
    ['import sys; sys.exit()', 0, ''],
    ['import sys; sys.exit(7)', 7, ''],
    ['import sys; sys.exit(-1)', 255, ''],
    ['import sys; sys.exit("bye")', 1, 'bye\n'],
    ['exit(3)', 3, ''],
    ['raise SystemExit(True)', 1, ''],
  ])('%s', async (source, exitCode, stderr) => {
    expect(await python(`print("out")\n${source}`)).toMatchObject({
      status: 'completed',
      exitCode,
      stdout: 'out\n',
      stderr,
    })
  })

  test('in a coroutine ends the run', async () => {
    const result = await python('import asyncio, sys\nasync def f(): sys.exit(4)\nasyncio.run(f())')
    expect(result).toMatchObject({ status: 'completed', exitCode: 4 })
  })
})

describe('a script', () => {
  test('has arguments, standard input, environment and its own name', async () => {
    const source = `import os, sys
[sys.argv, sys.stdin.read(), os.environ["LANG2"], "HOME2" in os.environ, __name__, __file__]`
    const request = { file: '/tool/a.py', args: ['--year', '2025'], stdin: 'line\n', env: { LANG2: 'x' } }
    expect(await pythonValue(source, request)).toEqual([
      ['/tool/a.py', '--year', '2025'],
      'line\n',
      'x',
      false,
      '__main__',
      '/tool/a.py',
    ])
  })

  test('parses its arguments with argparse, whose usage error is exit code 2', async () => {
    const source = `import argparse
p = argparse.ArgumentParser()
p.add_argument("--year", type=int)
p.parse_args().year`
    expect(await pythonValue(source, { args: ['--year', '2025'] })).toBe(2025)
    const wrong = await python(source, { args: ['--year', 'x'] })
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('invalid int value')])
  })

  test('imports the modules beside it', async () => {
    const files = { '/tool/helper.py': 'def f(): return 42', '/tool/pack/__init__.py': '', '/tool/pack/m.py': 'x = 1' }
    const source = 'import helper\nfrom pack import m\nhelper.f() + m.x'
    expect(await pythonValue(source, { files, file: '/tool/main.py' })).toBe(43)
  })

  test('has everything that it printed told, whatever it left in a buffer', async () => {
    const source = 'import sys\nprint("a", end="")\nsys.stderr.write("b")\n1/0'
    const { stdout, stderr } = await python(source, { file: '/tool/a.py' })
    expect(stdout).toBe('a')
    expect(stderr).toMatch(/^bTraceback/)
  })

  test('runs its exit functions, and prints a warning once', async () => {
    const source = `import atexit, warnings
atexit.register(print, "bye")
for _ in range(3): warnings.warn("old")
print("hi")`
    const { stdout, stderr } = await python(source, { file: '/tool/a.py' })
    expect(stdout).toBe('hi\nbye\n')
    expect(stderr.match(/UserWarning: old/g)).toHaveLength(1)
  })

  test('works with files of the sandbox, sqlite3 and UTC', async () => {
    const source = `import csv, io, json, sqlite3, datetime, zoneinfo, zipfile, tempfile, pathlib
db = sqlite3.connect("/tmp/a.db")
db.execute("create table t(x)"); db.executemany("insert into t values (?)", [(1,), (2,)]); db.commit(); db.close()
total = sqlite3.connect("/tmp/a.db").execute("select sum(x) from t").fetchone()[0]
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "a.zip"
    with zipfile.ZipFile(path, "w") as z: z.writestr("x.txt", "hello")
    text = zipfile.ZipFile(path).read("x.txt").decode()
rows = list(csv.reader(io.StringIO("a,b\\n1,2\\n")))
noon = datetime.datetime(2025, 6, 1, 12, tzinfo=zoneinfo.ZoneInfo("UTC"))
[total, text, rows, noon.isoformat()]`
    expect(await pythonValue(source)).toEqual([
      3,
      'hello',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
      '2025-06-01T12:00:00+00:00',
    ])
  })

  test('has other zones only with their data, and says so', async () => {
    const { error } = await python('import zoneinfo; zoneinfo.ZoneInfo("Europe/Berlin")')
    expect(error?.message).toContain('an image with the package tzdata')
  })
})

describe('randomness', () => {
  test('is not the same in two sandboxes, nor in a fork and what it was forked from', async () => {
    const source = 'import random, uuid, tempfile\n[random.random(), str(uuid.uuid4()), tempfile.mktemp()]'
    const [first, second] = [valueIn(await python(source)), valueIn(await python(source))]
    expect(first).not.toEqual(second)
    await notebook(async (cell, sandbox) => {
      await cell('import random')
      const twin = await sandbox.fork()
      const [mine, other] = [await cell('random.random()'), await twin.run({ source: 'random.random()' })]
      expect(mine.value).not.toBe(other.value)
      await twin.dispose()
    })
  })

  test('is the same from the same seed', async () => {
    const deterministic = { seed: 's', start: '2026-01-01T00:00:00Z' }
    const source = 'import random, time, os\n[random.random(), time.time(), os.urandom(4), {"a", "b", "c", "d"} and 1]'
    const [first, second] = [await python(source, { deterministic }), await python(source, { deterministic })]
    expect(valueIn(first)).toEqual(valueIn(second))
  })
})

test('standard input of one run is no other run’s', async () => {
  await notebook(async (_, sandbox) => {
    const source = 'import sys\nsys.stdin.readline()'
    expect((await sandbox.run({ source, stdin: 'one\nrest\n' })).value).toBe('one\n')
    expect((await sandbox.run({ source, stdin: 'two\n' })).value).toBe('two\n')
    expect((await sandbox.run({ source: 'import sys; sys.stdout.close()' })).status).toBe('completed')
    expect((await sandbox.run({ source: 'print("still there")' })).stdout).toBe('still there\n')
  })
})
