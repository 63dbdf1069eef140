/** A guest is lent from sandbox to sandbox: nothing of one tenant is there for the next, and no late answer or stale handle of one reaches it. */
import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { quickjs } from '../../engines/quickjs/engine.ts'
import { createToka, defineTool, type SandboxOptions, type Toka } from '../../src/index.ts'
import { forkOn, makeBench, runOn, testIo } from '../engine-bench.ts'

const GRANT = [{ resource: 'tool' as const, actions: ['call' as const], names: ['slow'] }]
const OPTIONS: SandboxOptions = { language: 'javascript' }
/** What a guest can see of itself: the answers of one that was never used. */
const LOOK = `[
  Object.getOwnPropertyNames(globalThis).sort().join(), typeof kept, [].planted, input, process.argv.join(),
  Object.keys(process.env).join(), process.cwd(), (await import('node:fs')).readdirSync('/tmp').join(),
]`
const HOSTILE = [
  'globalThis.kept = Array.prototype.planted = "left"; process.chdir("/tmp"); (await import("node:fs")).writeFileSync("/tmp/kept", "left")',
  'for (;;) {}',
  '/^(a+)+$/.test("a".repeat(40) + "b")',
  'const f = () => f() + 1; f()',
  'process.exit(3)',
  'setInterval(() => { globalThis.kept = 1 }, 1); await new Promise(() => {})',
  'Promise.reject(new Error("late")); Math.random = () => 4; Object.freeze(Array.prototype)',
]

let toka: Toka
afterEach(() => toka.dispose())

/** Memories of interpreters that are made while `act` runs. */
async function memoriesOf(act: () => Promise<void>): Promise<WebAssembly.Memory[]> {
  const memories: WebAssembly.Memory[] = []
  const RealInstance = WebAssembly.Instance
  WebAssembly.Instance = new Proxy(RealInstance, {
    construct(target, args) {
      const instance = Reflect.construct(target, args) as WebAssembly.Instance
      if (instance.exports['memory'] instanceof WebAssembly.Memory && 'qjs_init' in instance.exports)
        memories.push(instance.exports['memory'])
      return instance
    },
  })
  try {
    await act()
  } finally {
    WebAssembly.Instance = RealInstance
  }
  return memories
}

test('a sandbox in a used guest answers as one in a new guest, whatever the tenant before did', async () => {
  toka = await createToka({ isolation: 'inline' })
  const fresh = await toka.run({ ...OPTIONS, source: LOOK })
  expect(fresh.status).toBe('completed')
  for (const source of HOSTILE) {
    const before = await toka.run({ ...OPTIONS, source, limits: { timeoutMs: 30 } })
    expect(before.usage.memoryBytes).toBeGreaterThan(0)
    const after = await toka.run({ ...OPTIONS, source: LOOK })
    expect({ source, value: after.value }).toEqual({ source, value: fresh.value })
    expect(after.usage.memoryBytes).toBe(fresh.usage.memoryBytes)
  }
})

test('guests are used again, and one that grew its memory is not', async () => {
  toka = await createToka({ isolation: 'inline' })
  const one = () => toka.run({ ...OPTIONS, source: '1' })
  await one()
  expect(await memoriesOf(async () => void (await one()))).toEqual([])
  // As many as may wait: all of them grow.
  const grown = await Promise.all(Array.from({ length: 9 }, () => toka.open(OPTIONS)))
  await Promise.all(
    grown.map((sandbox) => sandbox.run({ source: 'globalThis.big = new Uint8Array(4_000_000).length' })),
  )
  await Promise.all(grown.map((sandbox) => sandbox.dispose()))
  expect((await memoriesOf(async () => void (await one()))).length).toBe(1)
})

test('a snapshot that is the first to be opened in a process is nothing that later guests are wiped to', async () => {
  const snapshotKey = new Uint8Array(32).fill(7)
  const elsewhere = await createToka({ isolation: 'inline', snapshotKey })
  const first = await elsewhere.open(OPTIONS)
  await first.run({ source: 'globalThis.big = new Uint8Array(4_000_000).fill(7).length' })
  const snapshot = await first.snapshot()
  await elsewhere.dispose()
  // Another module than the one above: as in a process of its own.
  toka = await createToka({ isolation: 'inline', snapshotKey, cache: false })
  const restored = await toka.restore(snapshot)
  expect((await restored.run({ source: 'big' })).value).toBe(4_000_000)
  await restored.dispose()
  const one = () => toka.run({ ...OPTIONS, source: '1' })
  expect((await one()).usage.memoryBytes).toBeLessThan(4_000_000)
  expect(await memoriesOf(async () => void (await one()))).toEqual([])
})

test('no byte of a tenant is in a guest that waits for the next', async () => {
  toka = await createToka({ isolation: 'inline' })
  const secret = [...'tenant-0123456789-secret'].map((char) => char.charCodeAt(0))
  const memories = await memoriesOf(async () => {
    const image = await quickjs.prepare(testIo)
    const bench = makeBench(image)
    const used = await forkOn(quickjs, image, bench)
    await runOn(used, bench, `globalThis.kept = String.fromCharCode(${secret.join()}).repeat(9)`)
    const twin = await forkOn(quickjs, used.snapshot(), bench)
    await runOn(twin, bench, 'kept.length')
    used.dispose()
    twin.dispose()
    bench.dispose()
  })
  const found = memories.map(({ buffer }) => {
    const bytes = new Uint8Array(buffer)
    let at = bytes.indexOf(secret[0] as number)
    while (at >= 0 && !secret.every((byte, index) => bytes[at + index] === byte))
      at = bytes.indexOf(secret[0] as number, at + 1)
    return at
  })
  expect(found.length).toBeGreaterThanOrEqual(2)
  expect(found.every((at) => at === -1)).toBe(true)
})

test('an answer that comes after its sandbox was disposed reaches nobody', async () => {
  toka = await createToka({ isolation: 'inline' })
  const answers: (() => void)[] = []
  const slow = defineTool({
    name: 'slow',
    description: '',
    input: z.object({}),
    run: () =>
      new Promise<string>((resolve) => {
        const word = answers.length === 0 ? 'first' : 'second'
        answers.push(() => resolve(word))
      }),
  })
  const first = await toka.open({ ...OPTIONS, tools: [slow], grants: GRANT })
  const cut = first.run({ source: 'await tools.slow({})', limits: { timeoutMs: 60 } })
  expect((await cut).status).toBe('limit')
  await first.dispose()
  const second = await toka.open({ ...OPTIONS, tools: [slow], grants: GRANT })
  const waiting = second.run({ source: 'const answer = tools.slow({}); setTimeout(() => {}, 50); await answer' })
  while (answers.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  answers[0]?.()
  await new Promise((resolve) => setTimeout(resolve, 20))
  answers[1]?.()
  expect(await waiting).toMatchObject({ status: 'completed', value: 'second' })
})

test('who gave a guest back can do nothing to its next tenant', async () => {
  toka = await createToka({ isolation: 'inline' })
  const image = await quickjs.prepare(testIo)
  const [one, two] = [makeBench(image), makeBench(image)]
  const first = await forkOn(quickjs, image, one)
  await runOn(first, one, '1')
  first.dispose()
  const second = await forkOn(quickjs, image, two)
  const before = two.gate.counters().counted
  first.dispose()
  await expect(runOn(first, one, 'globalThis.kept = 1')).rejects.toMatchObject({ code: 'TOKA_SANDBOX_CLOSED' })
  expect(() => first.reset()).toThrow('given back')
  expect(() => first.snapshot()).toThrow('given back')
  const run = await runOn(second, two, 'typeof kept')
  expect([run.exitCode, run.stopped]).toEqual([0, undefined])
  expect(two.gate.counters().counted).toBeGreaterThan(before)
  second.dispose()
  one.dispose()
  two.dispose()
})
