/** Sandboxes that live on: state between runs, forks, turns, mounts and grants, disposal. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type SandboxOptions } from '../../src/index.ts'
import { toka } from '../run.ts'

async function withSandbox<T>(
  options: Partial<SandboxOptions>,
  use: (sandbox: Awaited<ReturnType<typeof open>>) => Promise<T>,
): Promise<T> {
  const sandbox = await open(options)
  try {
    return await use(sandbox)
  } finally {
    await sandbox.dispose()
  }
}
const open = async (options: Partial<SandboxOptions> = {}) =>
  (await toka()).open({ language: 'javascript', ...options })

describe('a sandbox', () => {
  test('keeps its globals and files between runs', async () => {
    await withSandbox({}, async (sandbox) => {
      await sandbox.run({ source: 'globalThis.n = 1; let kept = 5; require("fs").writeFileSync("/tmp/a", "x")' })
      expect(
        (await sandbox.run({ source: '[++n, kept, require("fs").readFileSync("/tmp/a", "utf8")]' })).value,
      ).toEqual([2, 5, 'x'])
    })
  })

  test('runs one command at a time, in order', async () => {
    await withSandbox({}, async (sandbox) => {
      const runs = [1, 2, 3].map((n) =>
        sandbox.run({
          source: `await new Promise((r) => setTimeout(r, ${30 - n * 10})); (globalThis.seen ??= []).push(${n}); seen.length`,
        }),
      )
      expect((await Promise.all(runs)).map((result) => result.value)).toEqual([1, 2, 3])
    })
  })

  test('starts from its first image after a stop, with its files as they are', async () => {
    await withSandbox({}, async (sandbox) => {
      await sandbox.run({ source: 'globalThis.n = 1; require("fs").writeFileSync("/tmp/a", "x")' })
      expect((await sandbox.run({ source: 'for (;;) {}', limits: { timeoutMs: 50 } })).status).toBe('limit')
      expect((await sandbox.run({ source: '[typeof n, require("fs").readFileSync("/tmp/a", "utf8")]' })).value).toEqual(
        ['undefined', 'x'],
      )
    })
  })

  test('is independent of its forks from the moment of the fork', async () => {
    await withSandbox({ files: { '/f': 'base' } }, async (sandbox) => {
      await sandbox.run({
        source: 'globalThis.n = 1; class Foo { #x = 7; get x() { return this.#x } }; globalThis.foo = new Foo()',
      })
      const twin = await sandbox.fork()
      const source =
        'n++; require("fs").appendFileSync("/f", String(n)); [n, foo.x, require("fs").readFileSync("/f", "utf8")]'
      expect((await twin.run({ source })).value).toEqual([2, 7, 'base2'])
      expect((await twin.run({ source })).value).toEqual([3, 7, 'base23'])
      expect((await sandbox.run({ source })).value).toEqual([2, 7, 'base2'])
      await twin.dispose()
    })
  })

  test('gives each fork its own randomness', async () => {
    await withSandbox({}, async (sandbox) => {
      await sandbox.run({ source: 'Math.random()' })
      const twins = await Promise.all([sandbox.fork(), sandbox.fork()])
      const values = await Promise.all(
        twins.map((twin) => twin.run({ source: '[Math.random(), crypto.randomUUID()].join()' })),
      )
      expect(values[0]?.value).not.toBe(values[1]?.value)
      await Promise.all(twins.map((twin) => twin.dispose()))
    })
  })

  test('shares a quota with its forks: ten forks of a ten-call sandbox make ten calls', async () => {
    let calls = 0
    const count = defineTool({ name: 'count', description: '', input: z.object({}), run: () => ++calls })
    const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['count'], quota: { calls: 10 } }]
    await withSandbox({ tools: [count], grants }, async (sandbox) => {
      const forks = await Promise.all(Array.from({ length: 10 }, () => sandbox.fork()))
      await Promise.all(
        forks.map((fork) => fork.run({ source: 'for (let i = 0; i < 5; i++) try { await tools.count({}) } catch {}' })),
      )
      expect(calls).toBe(10)
      await Promise.all(forks.map((fork) => fork.dispose()))
    })
  })

  test('says that it is busy when asked not to wait', async () => {
    await withSandbox({}, async (sandbox) => {
      const running = sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 30))' })
      await expect(sandbox.fork({ wait: false })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_BUSY' })
      await running
    })
  })

  test('kills what runs when it is disposed, and takes no more', async () => {
    const sandbox = await open()
    const running = sandbox.run({ source: 'await new Promise((r) => setTimeout(r, 60_000))' })
    await new Promise((resolve) => setTimeout(resolve, 10))
    await sandbox.dispose()
    expect((await running).status).toBe('cancelled')
    await expect(sandbox.run({ source: '1' })).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
    await sandbox.dispose()
  })
})

describe('a mount', () => {
  const data = { at: '/data', from: { files: { '/a.txt': 'hello', '/secret/k.txt': 'key' } }, mode: 'ro' as const }
  const read = (path: string) =>
    `(() => { try { return require('fs').readFileSync('${path}', 'utf8') } catch (e) { return e.code } })()`

  test('exists, and still needs a grant to be read', async () => {
    await withSandbox({ mounts: [data] }, async (sandbox) => {
      const result = await sandbox.run({ source: read('/data/a.txt') })
      expect(result).toMatchObject({ status: 'completed', value: 'EACCES' })
      expect(result.denials).toMatchObject([
        { operation: 'fs.read', resource: '/data/a.txt', allow: expect.stringContaining('fs.read=/data/**') },
      ])
    })
  })

  test('is read as far as the grant goes', async () => {
    const grants = [{ resource: 'fs' as const, actions: ['read' as const], paths: ['/data/*'] }]
    await withSandbox({ mounts: [data], grants }, async (sandbox) => {
      expect((await sandbox.run({ source: read('/data/a.txt') })).value).toBe('hello')
      expect((await sandbox.run({ source: read('/data/secret/k.txt') })).value).toBe('EACCES')
      expect((await sandbox.run({ source: read('/data/none.txt') })).value).toBe('ENOENT')
      expect((await sandbox.run({ source: read('/data/secret/none.txt') })).value).toBe('EACCES')
    })
  })

  test('that is read-only refuses writes whatever is granted', async () => {
    const grants = [{ resource: 'fs' as const, actions: ['read' as const, 'write' as const], paths: ['/data/**'] }]
    await withSandbox({ mounts: [data], grants }, async (sandbox) => {
      const result = await sandbox.run({
        source: "let e; try { require('fs').writeFileSync('/data/a.txt', 'x') } catch (x) { e = x.code }; e",
      })
      expect(['EROFS', 'EACCES']).toContain(result.value)
      expect(result.denials).toMatchObject([{ operation: 'fs.write', reason: 'read-only' }])
    })
  })

  test('that cannot be mounted here is refused and leaves nothing behind', async () => {
    await expect(open({ mounts: [{ at: '/x', from: 42 as never, mode: 'ro' }] })).rejects.toMatchObject({
      code: expect.stringMatching(/^TOKA_(MOUNT|REQUEST)/),
    })
  })
})

describe('a deterministic run', () => {
  test('gives the same bytes for the same request, and sleeps jump', async () => {
    const request = {
      language: 'javascript' as const,
      source:
        'const a = [Math.random(), crypto.randomUUID(), Date.now()]; await new Promise((r) => setTimeout(r, 60_000)); a.push(Date.now() - a[2]); a',
      deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' },
    }
    const [one, two] = [await (await toka()).run(request), await (await toka()).run(request)]
    expect(one.value).toEqual(two.value)
    expect(one.usage.wallMs).toBeLessThan(5_000)
    const other = await (await toka()).run({ ...request, deterministic: { ...request.deterministic, seed: 't' } })
    expect(other.value).not.toEqual(one.value)
  })
})
