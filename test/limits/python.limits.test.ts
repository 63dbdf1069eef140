/** Python driven into each limit: the code of the result, a live instance where there can be one, and the next run unharmed. */
import { describe, expect, test } from 'vitest'
import { preparePython, python, pythonValue } from '../python.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { inEveryWay, toka } from '../run.ts'
import { skipReasons } from '../skip-reasons.ts'

const MiB = 2 ** 20

async function nextRunIsRight(): Promise<void> {
  expect(await pythonValue('sum(range(10))')).toBe(45)
}

preparePython()

inEveryWay((way) => {
  describe('the memory limit', () => {
    const bombs: [string, string][] = [
      ['a list', 'a = []\nwhile True: a.append(bytes(10**6))'],
      ['a string that doubles', "s = 'x'\nwhile True: s += s"],
      ['a dictionary', 'd = {}\ni = 0\nwhile True:\n    d[i] = str(i)\n    i += 1'],
      ['closures', 'a = []\nwhile True: a.append((lambda: a, bytes(1000)))'],
      ['one request', 'bytearray(10**9)'],
      ['a repeated list', '[0] * 10**9'],
      ['a power', '1 << (8 * 10**9)'],
      ['a join', "','.join(str(i) for i in range(10**9))"],
      ['a product', 'import itertools\nlist(itertools.product(range(1000), repeat=4))'],
      [
        'a compressed bomb',
        'import zlib\nzlib.decompress(zlib.compress(bytes(10**7)) , bufsize=2**30)\nwhile True: x = bytes(10**8) * 10',
      ],
      ['a format', "'%2000000000d' % 1"],
      [
        'a database in memory',
        "import sqlite3\nc = sqlite3.connect(':memory:')\nc.execute('create table t(x)')\nwhile True: c.execute('insert into t values (zeroblob(1000000))')",
      ],
    ]

    test.each(bombs)('%s is a MemoryError, or the end of the run', async (_name, source) => {
      const result = await python(source, { limits: { memoryBytes: 96 * MiB, timeoutMs: 20_000 } })
      const { status, error, usage } = result
      expect(
        status === 'limit' ? error?.code : /MemoryError|OverflowError|memory/.exec(error?.message ?? '')?.[0],
      ).toMatch(/^(TOKA_LIMIT_MEMORY|MemoryError|OverflowError|memory)$/)
      expect(usage.memoryBytes).toBeLessThanOrEqual(96 * MiB * 1.1)
      await nextRunIsRight()
    })

    test('a MemoryError can be caught, and the guest goes on', async () => {
      const source = `
try:
    bytearray(2 * 10**9)
except MemoryError:
    caught = True
[caught, sum(range(10))]`
      expect(await pythonValue(source, { limits: { memoryBytes: 96 * MiB } })).toEqual([true, 45])
    })
  })

  describe('recursion', () => {
    test.each([
      ['a function', 'def f(): return f()\nf()'],
      ['a function without a limit', 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()'],
      ['a key function', 'def f(x): return max([x], key=f)\nf(1)'],
      ['repr', 'a = []\nfor _ in range(10**5): a = [a]\nrepr(a)'],
      ['equality', 'a, b = [], []\nfor _ in range(10**5): a, b = [a], [b]\na == b'],
      ['json.dumps', 'import json\na = []\nfor _ in range(10**5): a = [a]\njson.dumps(a)'],
      ['json.loads', "import json\njson.loads('[' * 10**5)"],
      ['compile', "eval('(' * 10**5)"],
      ['compile of operators', "eval('-' * 10**6 + '1')"],
      ['ast', "import ast\nast.literal_eval('[' * 10**4 + ']' * 10**4)"],
      ['a pattern', "import re\nre.compile('(' * 10**4 + ')' * 10**4)"],
      ['pickle', 'import pickle\na = []\nfor _ in range(10**5): a = [a]\npickle.dumps(a)'],
      ['XML', "import xml.etree.ElementTree as E\nE.tostring(E.fromstring('<a>' * 10**5 + '</a>' * 10**5))"],
      ['a deep chain that is freed', 'a = []\nfor _ in range(10**6): a = [a]\ndel a'],
      ['a value that is handed back', 'a = []\nfor _ in range(10**5): a = [a]\na'],
      ['__getattr__', "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().x"],
      ['a copy', 'import copy\na = []\nfor _ in range(10**5): a = [a]\ncopy.deepcopy(a)'],
    ])('in %s ends in an error, and the next run is right', async (_name, source) => {
      // The more memory there is, the more frames there are to unwind when it is full: of 256 MiB for a quarter of a minute.
      const result = await python(source, { limits: { timeoutMs: 20_000, memoryBytes: 96 * MiB } })
      expect(['completed', 'failed', 'limit']).toContain(result.status)
      expect(result.error?.code).not.toBe('TOKA_INTERNAL')
      await nextRunIsRight()
    })
  })

  describe('output', () => {
    test.each([
      ['print', "while True: print('x' * 1000)"],
      ['stderr', "import sys\nwhile True: sys.stderr.write('x' * 1000)"],
      ['one write', "import os\nwhile True: os.write(1, b'x' * 10**6)"],
      ['text beyond ASCII', "while True: print('\\N{SNOWMAN}' * 1000)"],
    ])('of %s is cut, whatever the guest does', async (_name, source) => {
      const result = await python(source, { limits: { outputBytes: 10_000, timeoutMs: 500 } })
      expect(result.stdout.length + result.stderr.length).toBeLessThanOrEqual(20_000)
      expect(result.truncated.stdout || result.truncated.stderr).toBe(true)
      await nextRunIsRight()
    })
  })

  describe('files', () => {
    test('bytes, names and depth are bounded', async () => {
      const source = `
import os
def until_error(step):
    n = 0
    try:
        while n < 10**6:
            step(n)
            n += 1
    except OSError as error:
        return error.errno in (28, 36, 51) or error.strerror
    return 'no end'
def write(n):
    with open('/tmp/big', 'ab') as f: f.write(bytes(10**6))
def name(n): open(f'/tmp/n{n}', 'w').close()
def deeper(n):
    global path
    path += '/d'
    os.mkdir(path)
path = '/tmp'
[until_error(write), until_error(name), until_error(deeper)]`
      const limits = { fileBytes: 8 * MiB, fileNodes: 500, timeoutMs: 20_000 }
      expect(await pythonValue(source, { limits })).toEqual([true, true, true])
    })

    test('descriptors are bounded', async () => {
      const source = `
kept = []
try:
    while True: kept.append(open('/tmp/f', 'w'))
except OSError as error:
    result = error.errno
[len(kept) < 100, result]`
      const value = (await pythonValue(source, { limits: { descriptors: 64 } })) as unknown[]
      // EMFILE of WASI's numbers.
      expect(value).toEqual([true, 33])
    })
  })

  test('host calls are bounded', async () => {
    const result = await python("import os\nwhile True:\n    try: os.stat('/data/a')\n    except OSError: pass", {
      mounts: [{ at: '/data', from: { files: { a: '1' } }, mode: 'ro' }],
      grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
      limits: { hostCalls: 100, timeoutMs: 10_000 },
    })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_CALLS' } })
    await nextRunIsRight()
  })

  test('fuel ends a run where it says', async () => {
    const result = await python('while True: pass', { limits: { fuel: 1_000_000 } })
    expect(result).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_FUEL' } })
    await nextRunIsRight()
  })

  test('a run can be cancelled in the middle of a builtin', async (context) => {
    // Its thread is the caller's, which hears of nothing meanwhile.
    context.skip(way === 'inline' && !(await canSuspend()), skipReasons.noJspi)
    const signal = AbortSignal.timeout(300)
    const result = await python('sum(range(10**15))', { signal })
    expect(result.status).toBe('cancelled')
    await nextRunIsRight()
  })

  test('hostile guests at once do not keep others from running', async () => {
    const hostile = Array.from({ length: 4 }, () => python('while True: pass', { limits: { timeoutMs: 1_500 } }))
    const honest = await pythonValue('sum(range(1000))', { limits: { timeoutMs: 30_000 } })
    expect(honest).toBe(499_500)
    for (const { status } of await Promise.all(hostile)) expect(status).toBe('limit')
    await (await toka()).run({ language: 'python', source: '1' })
  })
})
