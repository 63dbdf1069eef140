/** Python programs that would go on for ever, or fill what only a system call can: where each ends, in every way to run one. */
import { expect, test } from 'vitest'
import type { RunRequest, RunResult } from '../../src/index.ts'
import { findSuspension } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { preparePython } from '../python.ts'
import { skipReasons } from '../skip-reasons.ts'

const MiB = 2 ** 20

/** Milliseconds for what runs on until it is stopped, and for what ends by itself, on a loaded machine. */
const ENDLESS_MS = 250
const ENDING_MS = 8_000

/** A program, the limits that it has beside its time, and the ends that it may come to. */
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
  'memory while memory is full': [
    'a = []\nwhile True:\n  try: a.append(bytes(10 ** 6))\n  except MemoryError: pass',
    { memoryBytes: 64 * MiB },
    ['TOKA_LIMIT_TIME', 'TOKA_LIMIT_MEMORY'],
  ],
  'a number without end': ['x = 2\nwhile True: x = x * x', {}, ['TOKA_LIMIT_TIME', 'TOKA_LIMIT_MEMORY']],
  'recursion in Python without its limit': [
    'import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()',
    { memoryBytes: 64 * MiB },
    ['TOKA_LIMIT_MEMORY', 'TOKA_LIMIT_TIME', 'TOKA_GUEST_ERROR', 'TOKA_LIMIT_STACK'],
  ],
  'duplicates without end': ['import os\nwhile True: os.dup(1)', { descriptors: 20 }, ['TOKA_GUEST_ERROR']],
  'pipes without end': ['import os\nwhile True: os.pipe()', { descriptors: 20 }, ['TOKA_GUEST_ERROR']],
  fuel: ['while True: pass', { fuel: 10 ** 6 }, ['TOKA_LIMIT_FUEL']],
}

preparePython()

test.each(WAYS)(
  '%s: each comes to its end in time, and the next run in the same sandbox is right',
  async (way) => {
    const toka = await tokaOf(way)
    const wrong: string[] = []
    for (const [name, [source, limits, codes]] of Object.entries(CASES)) {
      const timeoutMs = codes[0] === 'TOKA_LIMIT_TIME' ? ENDLESS_MS : ENDING_MS
      const sandbox = await toka.open({ language: 'python', limits: { ...limits, fuel: Number.POSITIVE_INFINITY } })
      const narrow = limits.fuel === undefined ? {} : { fuel: limits.fuel }
      const { error, usage } = await sandbox.run({ source, limits: { timeoutMs, ...narrow } })
      if (!codes.includes(error?.code)) wrong.push(`${name}: ${error?.code} ${error?.message}`)
      if (usage.wallMs > timeoutMs + 2_000) wrong.push(`${name}: ${usage.wallMs} ms`)
      if (usage.memoryBytes > (limits.memoryBytes ?? 256 * MiB)) wrong.push(`${name}: ${usage.memoryBytes} bytes`)
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
