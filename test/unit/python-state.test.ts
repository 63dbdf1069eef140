/** The state of a Python sandbox: kept between runs, forked, saved, wiped, and never shared. */
import { describe, expect, test } from 'vitest'
import { tokaOf, WAYS } from '../isolations.ts'
import { preparePython } from '../python.ts'

preparePython()

describe.each(WAYS)('%s', (way) => {
  test('a sandbox keeps what a run left, and a fork has it too but shares nothing', async () => {
    const sandbox = await (await tokaOf(way)).open({ language: 'python' })
    await sandbox.run({ source: 'n = [1]\nopen("/tmp/a", "w").write("before")' })
    const twin = await sandbox.fork()
    await sandbox.run({ source: 'n.append(2)\nopen("/tmp/a", "w").write("after")' })
    expect((await twin.run({ source: '[n, open("/tmp/a").read()]' })).value).toEqual([[1], 'before'])
    expect((await sandbox.run({ source: '[n, open("/tmp/a").read()]' })).value).toEqual([[1, 2], 'after'])
    for (const one of [sandbox, twin]) await one.dispose()
  })

  test('forks and later lives draw other numbers', async () => {
    const draw = 'import random, uuid, tempfile\n[random.random(), str(uuid.uuid4()), tempfile.mktemp()]'
    const sandbox = await (await tokaOf(way)).open({ language: 'python' })
    await sandbox.run({ source: 'import random' })
    const twin = await sandbox.fork()
    const drawn = [(await sandbox.run({ source: draw })).value, (await twin.run({ source: draw })).value]
    await sandbox.run({ source: 'import os; os.abort()' })
    drawn.push((await sandbox.run({ source: draw })).value)
    const all = drawn.flat()
    expect(new Set(all).size).toBe(9)
    for (const one of [sandbox, twin]) await one.dispose()
  })

  test('a snapshot goes on elsewhere', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'python' })
    await sandbox.run({
      source: 'import decimal\nclass A: x = decimal.Decimal("1.5")\na = A()\nopen("/tmp/f", "w").write("kept")',
    })
    const snapshot = await sandbox.snapshot()
    await sandbox.dispose()
    const restored = await toka.restore(snapshot)
    const { value, error } = await restored.run({ source: '[str(a.x), open("/tmp/f").read()]' })
    expect(error).toBeUndefined()
    expect(value).toEqual(['1.5', 'kept'])
    // The library is the image's, not the snapshot's: a module that is not in memory is still found.
    expect((await restored.run({ source: 'import colorsys\ncolorsys.rgb_to_hsv(0, 0, 1)[2]' })).value).toBe(1)
    await restored.dispose()
  })

  test('memory that runs out is a MemoryError, and the sandbox lives on', async () => {
    const sandbox = await (await tokaOf(way)).open({ language: 'python', limits: { memoryBytes: 96 * 2 ** 20 } })
    const caught = 'kept = 1\ntry:\n  bytes(10 ** 9)\nexcept MemoryError:\n  said = "full"\nsaid'
    expect((await sandbox.run({ source: caught })).value).toBe('full')
    const bomb = await sandbox.run({ source: 'a = []\nwhile True: a.append(bytearray(2 ** 20))' })
    expect(bomb.error?.code).toBe('TOKA_LIMIT_MEMORY')
    expect(bomb.usage.memoryBytes).toBeLessThanOrEqual(96 * 2 ** 20)
    expect((await sandbox.run({ source: 'del a\nkept + 1' })).value).toBe(2)
    await sandbox.dispose()
  })

  test('a killed run leaves no variable and no descriptor, and the files', async () => {
    const sandbox = await (await tokaOf(way)).open({ language: 'python', limits: { descriptors: 16 } })
    for (let at = 0; at < 4; at++) {
      const source = 'x = 1\nfs = [open(f"/tmp/{n}", "w") for n in range(10)]\nwhile True: pass'
      const { error } = await sandbox.run({ source, limits: { timeoutMs: 100 } })
      expect(error?.code).toBe('TOKA_LIMIT_TIME')
    }
    const { value } = await sandbox.run({ source: 'import os\n["x" in globals(), len(os.listdir("/tmp"))]' })
    expect(value).toEqual([false, 10])
    await sandbox.dispose()
  })
})

test.each(WAYS)('%s: a guest that was killed and given back serves the next sandbox', async (way) => {
  const toka = await tokaOf(way)
  for (let at = 0; at < 4; at++) {
    const killed = await toka.run({ language: 'python', source: 'x = 1\nwhile True: pass', limits: { timeoutMs: 60 } })
    expect(killed.error?.code).toBe('TOKA_LIMIT_TIME')
    expect((await toka.run({ language: 'python', source: '"x" in globals()' })).value).toBe(false)
  }
})

test('the library of an image can be neither changed, moved, removed nor filled up', async () => {
  const sandbox = await (await tokaOf('inline')).open({ language: 'python' })
  const source = `
import os
def refused(act):
    try: act()
    except OSError as error: return os.strerror(error.errno)
acts = [
  lambda: open("/lib/python314.zip", "r+b"), lambda: open("/lib/toka/x.py", "w"), lambda: os.remove("/lib/python314.zip"),
  lambda: os.rename("/lib/toka", "/tmp/t"), lambda: os.rename("/lib", "/tmp/lib"), lambda: os.truncate("/lib/python314.zip", 0),
  lambda: os.mkdir("/lib/toka/d"), lambda: os.utime("/lib/python314.zip"), lambda: os.rmdir("/lib/python3.14"),
  lambda: os.symlink("/tmp", "/lib/toka/l"), lambda: os.replace("/tmp/a", "/lib/python314.zip"),
]
open("/tmp/a", "w").close()
[refused(act) for act in acts]`
  const { value } = await sandbox.run({ source })
  expect(new Set(value as string[])).toEqual(new Set(['Read-only file system', 'Resource busy']))
  expect((await sandbox.run({ source: 'import colorsys\n1' })).value).toBe(1)
  await sandbox.dispose()
})

test('a memory limit is kept to the byte, and one beyond 32 bits is no limit of nothing', async () => {
  const toka = await tokaOf('inline')
  const fill = 'a = []\ntry:\n  while True: a.append(bytes(10 ** 6))\nexcept MemoryError:\n  n = len(a)\n  del a\nn'
  const odd = await toka.run({ language: 'python', source: fill, limits: { memoryBytes: 100_000_001 } })
  expect(odd.value).toBeGreaterThan(40)
  expect(odd.usage.memoryBytes).toBeLessThanOrEqual(100_000_001)
  const wide = { memoryBytes: 6 * 2 ** 30 }
  const large = await toka.run({ language: 'python', source: 'len(bytearray(300 * 2 ** 20))', limits: wide })
  expect(large.value).toBe(300 * 2 ** 20)
})

test('what an image brings counts for no sandbox', async () => {
  const toka = await tokaOf('inline')
  const limits = { fileBytes: 1_000, fileNodes: 4 }
  const source = 'open("/tmp/a", "wb").write(bytes(900))'
  expect((await toka.run({ language: 'python', source, limits })).value).toBe(900)
})
