/** Python without any memory left: whatever took it, and however it lies, the run ends as out of memory and the sandbox goes on. */
import { expect, test } from 'vitest'
import type { RunResult } from '../../src/index.ts'
import { tokaOf, type Way } from '../isolations.ts'
import { preparePython, python } from '../python.ts'

const MiB = 2 ** 20

/** What fills the rest of the memory, by objects of all sizes: the last piece of room is another one for each. */
const FILLERS: Readonly<Record<string, string>> = {
  closures: 'while True: a.append((lambda: a, bytes(1000)))',
  'closures of a function': 'def f(a):\n  while True: a.append((lambda: a, [a]))\nf([])',
  'nested tuples': 'while True: a = (a, 1)',
  'numbers and texts': 'while True: a.append((len(a), str(len(a))))',
  dictionaries: 'while True: a.append({"k": len(a)})',
  strings: 'while True: a.append("x%d" % len(a))',
  'a set': 'a = set()\ni = 0\nwhile True:\n  a.add(i)\n  i += 1',
  'blocks of 100 KB': 'while True: a.append(bytes(100_000))',
  'a string that doubles': 's = "x"\nwhile True: s += s',
  generators: 'def g(): yield a\nwhile True:\n  x = g()\n  next(x)\n  a.append(x)',
  'exceptions in exceptions':
    'def f():\n  try:\n    while True: a.append(bytes(40))\n  except MemoryError as e: raise e\nwhile True:\n  try: f()\n  except MemoryError as e:\n    a.append(e)\n    f()',
  destructors:
    'class A:\n  def __del__(self): bytes(50_000)\ndef f():\n  x = [A() for _ in range(1000)]\n  while True: a.append(bytes(1000))\nf()',
  recursion: 'import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n):\n  a.append([n])\n  f(n + 1)\nf(0)',
  'a coroutine': 'async def f():\n  while True: a.append((lambda: a, [a]))\nawait f()',
  tasks: 'import asyncio\nawait asyncio.sleep(0)\nwhile True: a.append(asyncio.create_task(asyncio.sleep(0)))',
}

/** Steps of the limit and of the room that is left: what fits last is another thing each time. */
const STEPS = 8
/** Memory that is taken in one piece, so that filling the rest takes a tenth of a second. */
const PAD = 34 * MiB

async function fill(way: Way, source: string, step: number): Promise<[RunResult, RunResult]> {
  const toka = await tokaOf(way)
  const limits = { memoryBytes: 64 * MiB + (step % 3) * 65_536, timeoutMs: 60_000 }
  const sandbox = await toka.open({ language: 'python', limits })
  try {
    const pad = `kept = 5\na = []\npad = bytes(${PAD + step * 10_000})\n`
    return [await sandbox.run({ source: pad + source }), await sandbox.run({ source: 'kept + sum(range(10))' })]
  } finally {
    await sandbox.dispose()
  }
}

preparePython()

for (const way of ['inline', 'worker'] as const)
  test.each(Object.entries(FILLERS))(
    `${way}: memory that is full of %s is told as such at any limit, and the sandbox keeps its state`,
    async (_name, source) => {
      const wrong: string[] = []
      for (let step = 0; step < STEPS; step++) {
        const [{ error, usage }, next] = await fill(way, source, step)
        if (error?.code !== 'TOKA_LIMIT_MEMORY') wrong.push(`${step}: ${error?.code} ${error?.message}`)
        if (next.value !== 50) wrong.push(`after ${step}: ${next.error?.code} ${next.error?.message}`)
        if (usage.memoryBytes > 65 * MiB) wrong.push(`${step}: ${usage.memoryBytes} bytes`)
      }
      expect(wrong).toEqual([])
    },
    120_000,
  )

test('what memory in cycles a failed run left is free in the next one', async () => {
  const toka = await tokaOf('inline')
  const sandbox = await toka.open({ language: 'python', limits: { memoryBytes: 64 * MiB, timeoutMs: 60_000 } })
  const source = 'def f(a):\n  while True: a.append((lambda: a, bytes(1000)))\nf([])'
  expect((await sandbox.run({ source })).error?.code).toBe('TOKA_LIMIT_MEMORY')
  expect((await sandbox.run({ source: 'len(bytes(30 * 2 ** 20))' })).value).toBe(30 * MiB)
  await sandbox.dispose()
})

test('another error that a full memory leads to is told by its own name', async () => {
  const source = `a = [bytes(${PAD})]\ntry:\n  while True: a.append("x%d" % len(a))\nexcept MemoryError:\n  a.clear()\n  {}["gone"]`
  const { error } = await python(source, { limits: { memoryBytes: 64 * MiB, timeoutMs: 60_000 } })
  expect(error).toMatchObject({ code: 'TOKA_GUEST_ERROR', message: "KeyError: 'gone'" })
  expect(error?.guestStack).toContain('MemoryError\n\nDuring handling of the above exception')
})

test.each([
  ['MemoryError', 'TOKA_LIMIT_MEMORY', /memory/],
  ['RecursionError', 'TOKA_LIMIT_STACK', /stack/],
  ['ValueError', 'TOKA_GUEST_ERROR', /^ValueError\(\)$/],
])('a %s of the prelude itself ends the run as %s, and the sandbox starts anew', async (name, code, message) => {
  const toka = await tokaOf('inline')
  const sandbox = await toka.open({ language: 'python' })
  const source = `import _toka_run\ndef fails(): raise ${name}\n_toka_run.make_room = fails\nraise MemoryError`
  const { error } = await sandbox.run({ source })
  expect(error?.code).toBe(code)
  expect(error?.message).toMatch(message)
  expect((await sandbox.run({ source: '"fails" in globals()' })).value).toBe(false)
  await sandbox.dispose()
})
