/** What a hostile Python program can use up, and where it ends: time, memory, stack, output, files, descriptors, its turn. */
import { expect, test } from 'vitest'
import type { RunRequest, RunResult } from '../../src/index.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { preparePython } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

const MiB = 2 ** 20

/** A program, the limits that it has beside a second, and the ends that it may come to. */
type Case = [source: string, limits: NonNullable<RunRequest['limits']>, codes: readonly (string | undefined)[]]

const CASES: Readonly<Record<string, Case>> = {
  'a loop that catches everything': [
    'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    {},
    ['TOKA_LIMIT_TIME'],
  ],
  'a loop in a finally': ['try:\n  1 / 0\nfinally:\n  while True: pass', {}, ['TOKA_LIMIT_TIME']],
  'a loop in a destructor': ['class A:\n  def __del__(self):\n    while True: pass\nA()\n1', {}, ['TOKA_LIMIT_TIME']],
  'a loop at exit': [
    'import atexit\ndef f():\n  while True: pass\natexit.register(f)',
    {},
    ['TOKA_LIMIT_TIME', undefined],
  ],
  'a loop while the error is told': [
    'class E(Exception):\n  def __str__(self):\n    while True: pass\nraise E()',
    {},
    ['TOKA_LIMIT_TIME'],
  ],
  'a sleep beyond the deadline': ['import time\ntime.sleep(3600)', {}, ['TOKA_LIMIT_TIME']],
  'an await beyond the deadline': ['import asyncio\nawait asyncio.sleep(3600)', {}, ['TOKA_LIMIT_TIME']],
  'an await of what never comes': ['import asyncio\nawait asyncio.Future()', {}, ['TOKA_GUEST_UNSETTLED']],
  'tasks without end': [
    'import asyncio\nasync def f():\n  while True: await asyncio.sleep(0)\nawait asyncio.gather(*[f() for _ in range(50)])',
    {},
    ['TOKA_LIMIT_TIME'],
  ],
  'a poll without end': [
    'import select, os\nr, w = os.pipe()\nselect.select([r], [], [])',
    {},
    ['TOKA_LIMIT_TIME', 'TOKA_GUEST_ERROR'],
  ],
  'memory by lists': [
    'a = []\nwhile True: a.append([0] * 1000)',
    { memoryBytes: 64 * MiB, timeoutMs: 8_000 },
    ['TOKA_LIMIT_MEMORY'],
  ],
  'memory by strings': [
    'a = "x"\nwhile True: a += a',
    { memoryBytes: 64 * MiB, timeoutMs: 8_000 },
    ['TOKA_LIMIT_MEMORY'],
  ],
  'memory at once': ['bytes(2 ** 31 - 100)', {}, ['TOKA_LIMIT_MEMORY']],
  'memory while memory is full': [
    'a = []\nwhile True:\n  try: a.append(bytes(10 ** 6))\n  except MemoryError: pass',
    { memoryBytes: 64 * MiB },
    ['TOKA_LIMIT_TIME', 'TOKA_LIMIT_MEMORY'],
  ],
  'a number without end': ['x = 2\nwhile True: x = x * x', {}, ['TOKA_LIMIT_TIME', 'TOKA_LIMIT_MEMORY']],
  'recursion in Python': ['def f(): f()\nf()', { timeoutMs: 8_000 }, ['TOKA_GUEST_ERROR']],
  'recursion in Python without its limit': [
    'import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()',
    { memoryBytes: 64 * MiB },
    ['TOKA_LIMIT_MEMORY', 'TOKA_LIMIT_TIME', 'TOKA_GUEST_ERROR', 'TOKA_LIMIT_STACK'],
  ],
  'recursion through C': [
    'import sys\nsys.setrecursionlimit(10 ** 9)\ndef g(): return max([1], key=lambda v: g())\ng()',
    { timeoutMs: 8_000 },
    ['TOKA_GUEST_ERROR'],
  ],
  'recursion in repr': [
    'def f():\n  a = []\n  for _ in range(10 ** 5): a = [a]\n  repr(a)\nf()',
    { timeoutMs: 8_000 },
    ['TOKA_LIMIT_STACK', 'TOKA_GUEST_ERROR'],
  ],
  'recursion in a hash': [
    'def f():\n  a = ()\n  for _ in range(10 ** 5): a = (a,)\n  hash(a)\nf()',
    { timeoutMs: 8_000 },
    ['TOKA_LIMIT_STACK', 'TOKA_GUEST_ERROR'],
  ],
  'recursion in JSON': [
    'import json\njson.loads("[" * 10 ** 5)',
    { timeoutMs: 8_000 },
    ['TOKA_LIMIT_STACK', 'TOKA_GUEST_ERROR'],
  ],
  'nested brackets': ['eval("(" * 10 ** 4)', {}, ['TOKA_GUEST_ERROR', 'TOKA_GUEST_SYNTAX']],
  'an expression of 50,000 terms': [
    'eval("+".join(["1"] * 50000))',
    { timeoutMs: 8_000 },
    ['TOKA_LIMIT_STACK', 'TOKA_GUEST_ERROR'],
  ],
  'a flood of output': ['while True: print("x" * 1000)', { outputBytes: 10_000 }, ['TOKA_LIMIT_TIME']],
  'a flood of errors': [
    'import sys\nwhile True: sys.stderr.write("x" * 1000)',
    { outputBytes: 10_000 },
    ['TOKA_LIMIT_TIME'],
  ],
  'files without end': [
    'n = 0\nwhile True:\n  open(f"/tmp/{n}", "w").close(); n += 1',
    { fileNodes: 100 },
    ['TOKA_GUEST_ERROR'],
  ],
  'a file without end': [
    'f = open("/tmp/x", "wb")\nwhile True: f.write(bytes(10 ** 6))',
    { fileBytes: 10 * MiB },
    ['TOKA_GUEST_ERROR'],
  ],
  'directories without end': ['import os\nwhile True:\n  os.mkdir("d"); os.chdir("d")', {}, ['TOKA_GUEST_ERROR']],
  'descriptors without end': [
    'a = []\nwhile True: a.append(open("/tmp/x", "w"))',
    { descriptors: 20 },
    ['TOKA_GUEST_ERROR'],
  ],
  'duplicates without end': ['import os\nwhile True: os.dup(1)', { descriptors: 20 }, ['TOKA_GUEST_ERROR']],
  'pipes without end': ['import os\nwhile True: os.pipe()', { descriptors: 20 }, ['TOKA_GUEST_ERROR']],
  'a bomb of zlib': [
    'import zlib\nb = zlib.compress(bytes(10 ** 7), 9)\na = []\nwhile True: a.append(zlib.decompress(b))',
    { memoryBytes: 64 * MiB, timeoutMs: 8_000 },
    ['TOKA_LIMIT_MEMORY'],
  ],
  fuel: ['while True: pass', { fuel: 10 ** 6 }, ['TOKA_LIMIT_FUEL']],
}

preparePython()

test.each(WAYS)(
  '%s: each comes to its end in time, and the next run in the same sandbox is right',
  async (way) => {
    const toka = await tokaOf(way)
    const wrong: string[] = []
    for (const [name, [source, limits, codes]] of Object.entries(CASES)) {
      const { timeoutMs = 1_000, ...others } = limits
      const sandbox = await toka.open({ language: 'python', limits: { ...others, fuel: Number.POSITIVE_INFINITY } })
      const narrow = limits.fuel === undefined ? {} : { fuel: limits.fuel }
      const { error, stdout, stderr, usage } = await sandbox.run({ source, limits: { timeoutMs, ...narrow } })
      if (!codes.includes(error?.code)) wrong.push(`${name}: ${error?.code} ${error?.message}`)
      if (usage.wallMs > timeoutMs + 2_000) wrong.push(`${name}: ${usage.wallMs} ms`)
      if (usage.memoryBytes > (limits.memoryBytes ?? 256 * MiB)) wrong.push(`${name}: ${usage.memoryBytes} bytes`)
      if (Math.max(stdout.length, stderr.length) > (limits.outputBytes ?? MiB)) wrong.push(`${name}: too much output`)
      const next = await sandbox.run({ source: 'for name in ("a", "x", "f"): globals().pop(name, None)\n6 * 7' })
      if (next.value !== 42) wrong.push(`after ${name}: ${next.error?.code} ${next.error?.message}`)
      await sandbox.dispose()
    }
    expect(wrong).toEqual([])
  },
  180_000,
)

test('twenty endless Pythons on one thread: the host has its turn all the while, and one more is served', async ({
  skip,
}) => {
  skip(!(await findSuspension()), skipReasons.noJspi)
  const toka = await tokaOf('inline')
  const sandboxes = await Promise.all(Array.from({ length: 20 }, () => toka.open({ language: 'python' })))
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  let runs: RunResult[]
  let served: RunResult | undefined
  try {
    const endless = sandboxes.map((sandbox) =>
      sandbox.run({ source: 'while True: pass', limits: { timeoutMs: 3_000 } }),
    )
    served = await toka.run({ language: 'python', source: 'sum(range(10 ** 5))' })
    runs = await Promise.all(endless)
  } finally {
    clearInterval(timer)
  }
  expect(served.value).toBe(4_999_950_000)
  expect(runs.map(({ error }) => error?.code)).toEqual(runs.map(() => 'TOKA_LIMIT_TIME'))
  // Were each guest's turn its own, the host would have one turn in forty milliseconds: 75 ticks.
  expect(ticks).toBeGreaterThan(150)
  await Promise.all(sandboxes.map((sandbox) => sandbox.dispose()))
}, 60_000)
