/** Snapshots to bytes and back: what goes on, what does not, and that they cross isolations and runtimes of one class. */
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type RestoreOptions, type Sandbox, type Toka } from '../../src/index.ts'
import { openWay, WAYS } from '../isolations.ts'

const snapshotKey = new Uint8Array(32).fill(7)
const tokas = new Map<string, Promise<Toka>>()

/** One Toka of a way with the key, made at first use. */
function tokaWith(way: (typeof WAYS)[number]): Promise<Toka> {
  const toka = tokas.get(way) ?? openWay(way, { snapshotKey })
  tokas.set(way, toka)
  return toka
}

afterAll(async () => {
  for (const toka of tokas.values()) await (await toka).dispose()
})

const valueIn = async (sandbox: Sandbox, source: string): Promise<unknown> => {
  const { value, error } = await sandbox.run({ source })
  if (error) throw new Error(error.message)
  return value
}

const STATE = `
  class Counter { #n = 40; next() { return ++this.#n } }
  globalThis.counter = new Counter()
  globalThis.graph = { name: 'a', list: [1n, new Map([['k', new Set([1])]])] }
  globalThis.graph.self = globalThis.graph
  let kept = 'lexical'
  const fs = require('fs')
  fs.mkdirSync('/work/deep', { recursive: true })
  fs.writeFileSync('/work/deep/a.bin', new Uint8Array(10_000).fill(9))
  fs.symlinkSync('deep/a.bin', '/work/link')
  process.chdir('/work')
  counter.next()`
const LOOK = `
  const found = require('fs').readFileSync('link')
  ;[counter.next(), kept, graph.self === graph, graph.list[0], graph.list[1].get('k').has(1), found.length, found[9999], process.cwd()]`
const SEEN = [42, 'lexical', true, 1n, true, 10_000, 9, '/work']

describe.each(WAYS)('a snapshot of a sandbox: %s', (way) => {
  test('goes on where it was: globals, classes, lexical names, files, links and the directory', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript' })
    await valueIn(sandbox, STATE)
    const bytes = await sandbox.snapshot()
    expect(await valueIn(sandbox, LOOK)).toEqual(SEEN)
    await sandbox.dispose()
    for (const other of WAYS) {
      const restored = await (await tokaWith(other)).restore(bytes)
      expect(await valueIn(restored, LOOK)).toEqual(SEEN)
      await restored.dispose()
    }
  })

  test('can be taken of a fork and of a restored sandbox, and a killed guest starts from it again', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript' })
    await valueIn(sandbox, 'globalThis.n = 1')
    const twin = await sandbox.fork()
    await valueIn(twin, 'globalThis.big = new Array(200_000).fill(7); n++')
    const first = await toka.restore(await twin.snapshot())
    await valueIn(first, 'big = undefined; n++')
    const second = await toka.restore(await first.snapshot())
    expect(await valueIn(second, '[n, big]')).toEqual([3, undefined])
    await valueIn(second, 'n = 100')
    expect((await second.run({ source: 'for (;;) {}', limits: { timeoutMs: 50 } })).status).toBe('limit')
    expect(await valueIn(second, 'n')).toBe(3)
    for (const each of [sandbox, twin, first, second]) await each.dispose()
  })

  test('holds no power: grants, tools, mounts, environment and quotas are those given to the restored sandbox', async () => {
    const toka = await tokaWith(way)
    const ping = defineTool({ name: 'ping', description: '', input: z.object({}), run: () => 'pong' })
    const powers: RestoreOptions = {
      tools: [ping],
      grants: [
        { resource: 'tool', actions: ['call'], names: ['ping'], quota: { calls: 1 } },
        { resource: 'fs', actions: ['read'], paths: ['/data/**'] },
      ],
      mounts: [{ at: '/data', from: { files: { 'a.txt': 'mounted' } }, mode: 'ro' }],
      env: { NAME: 'value' },
    }
    const sandbox = await toka.open({ language: 'javascript', ...powers })
    const look = `
      globalThis.ping ??= tools.ping
      const seen = []
      const attempt = async (act) => { try { seen.push(await act()) } catch (error) { seen.push(error.code) } }
      await attempt(() => ping({}))
      await attempt(() => require('fs').readFileSync('/data/a.txt', 'utf8'))
      await attempt(() => process.env.NAME)
      export default seen`
    expect(await valueIn(sandbox, look)).toEqual(['pong', 'mounted', 'value'])
    const bytes = await sandbox.snapshot()
    await sandbox.dispose()
    const bare = await toka.restore(bytes)
    expect(await valueIn(bare, look)).toEqual(['TOKA_DENIED', 'ENOENT', undefined])
    const granted = await toka.restore(bytes, powers)
    expect(await valueIn(granted, look)).toEqual(['pong', 'mounted', 'value'])
    expect(await valueIn(granted, look)).toEqual(['TOKA_DENIED', 'mounted', 'value'])
    await bare.dispose()
    await granted.dispose()
  })

  test('of a deterministic sandbox gives the same clock and random numbers each time it is restored', async () => {
    const toka = await tokaWith(way)
    const deterministic = { seed: 's', start: '2026-01-01T00:00:00Z' }
    const sandbox = await toka.open({ language: 'javascript', deterministic })
    await valueIn(sandbox, 'await new Promise((r) => setTimeout(r, 3_600_000))')
    const bytes = await sandbox.snapshot()
    const look = '[Date.now(), crypto.randomUUID(), Math.random()]'
    const restored = await Promise.all([toka.restore(bytes), toka.restore(bytes)])
    const [first, second] = await Promise.all(restored.map((each) => valueIn(each, look)))
    expect(first).toEqual(second)
    expect((first as [number])[0]).toBeGreaterThanOrEqual(Date.parse('2026-01-01T01:00:00Z'))
    expect((first as [number])[0]).toBeLessThan(Date.parse('2026-01-01T01:01:00Z'))
    for (const each of [sandbox, ...restored]) await each.dispose()
  })

  test('has fresh randomness where nothing else was asked for', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript' })
    const bytes = await sandbox.snapshot()
    const restored = await Promise.all([toka.restore(bytes), toka.restore(bytes)])
    const [first, second] = await Promise.all(
      restored.map((each) => valueIn(each, '[crypto.randomUUID(), Math.random()]')),
    )
    expect(first).not.toEqual(second)
    for (const each of [sandbox, ...restored]) await each.dispose()
  })

  test('waits for the run in progress, or is refused with TOKA_SANDBOX_BUSY when asked not to wait', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript' })
    const run = sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 50)); globalThis.late = 1' })
    await expect(sandbox.snapshot({ wait: false })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
    const bytes = await sandbox.snapshot()
    expect((await run).status).toBe('completed')
    expect((await sandbox.snapshot({ wait: false })).length).toBeGreaterThan(0)
    const restored = await toka.restore(bytes)
    expect(await valueIn(restored, 'late')).toBe(1)
    await restored.dispose()
    await sandbox.dispose()
    await expect(sandbox.snapshot()).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
  })

  test('closes open files: their numbers lead nowhere in the restored sandbox', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript', files: { '/f': 'text' } })
    await valueIn(sandbox, 'globalThis.fd = require("fs").openSync("/f", "r")')
    const restored = await toka.restore(await sandbox.snapshot())
    const source = 'try { require("fs").readSync(fd, new Uint8Array(4)) } catch (error) { error.code }'
    expect(await valueIn(restored, source)).toBe('EBADF')
    await restored.dispose()
    await sandbox.dispose()
  })

  test('must fit the limits that it is restored under', async () => {
    const toka = await tokaWith(way)
    const sandbox = await toka.open({ language: 'javascript', limits: { memoryBytes: 64 * 2 ** 20 } })
    await valueIn(sandbox, 'globalThis.big = new Uint8Array(20 * 2 ** 20); require("fs").writeFileSync("/tmp/f", big)')
    const bytes = await sandbox.snapshot()
    const small = { memoryBytes: 16 * 2 ** 20 }
    await expect(toka.restore(bytes, { limits: small })).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
      message: expect.stringContaining('limits.memoryBytes: the snapshot needs at least'),
    })
    await expect(toka.restore(bytes, { limits: { fileBytes: 2 ** 20 } })).rejects.toMatchObject({
      code: 'TOKA_LIMIT_FILES',
    })
    await sandbox.dispose()
  })
})

describe('restore', () => {
  test('takes files over those of the snapshot, and refuses what belongs to it', async () => {
    const toka = await tokaWith('inline')
    const sandbox = await toka.open({ language: 'javascript', files: { '/a': 'old', '/b': 'kept' } })
    const bytes = await sandbox.snapshot()
    const restored = await toka.restore(bytes, { files: { '/a': 'new' } })
    expect(await valueIn(restored, `['/a', '/b'].map((path) => require('fs').readFileSync(path, 'utf8'))`)).toEqual([
      'new',
      'kept',
    ])
    await expect(toka.restore(bytes, { language: 'javascript' } as never)).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
    })
    await expect(toka.restore('text' as never)).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    await restored.dispose()
    await sandbox.dispose()
  })

  test('without a key takes what this process made, whichever Toka', async () => {
    const [one, other] = await Promise.all([createToka({ isolation: 'inline' }), createToka({ isolation: 'inline' })])
    const sandbox = await one.open({ language: 'typescript' })
    await valueIn(sandbox, 'globalThis.n = 5')
    const restored = await other.restore(await sandbox.snapshot())
    expect(await valueIn(restored, 'const m: number = n; m')).toBe(5)
    await one.dispose()
    await other.dispose()
  })
})
