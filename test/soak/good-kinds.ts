/** Runs that do their work: scripts, modules, tools, files, mounts, forks, sandboxes that are used again. Each knows its result. */
import { z } from 'zod'
import { defineTool, type RunResult, type Sandbox } from '../../src/index.ts'
import type { Next } from '../fuzz/numbers.ts'
import type { Kind, World } from './kind.ts'
import { callOf, expectSame, LOOP_MS } from './kind.ts'

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  readOnly: true,
  run: ({ a, b }) => a + b,
})
const addLater = defineTool({
  name: 'addLater',
  description: 'Adds two numbers, later',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  run: async ({ a, b }) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return a + b
  },
})

function completed({ status, error, denials, stderr, pending }: RunResult): void {
  expectSame(
    { status, error, denials, stderr, pending },
    { status: 'completed', error: undefined, denials: [], stderr: '', pending: [] },
  )
}

async function script({ toka }: World, next: Next): Promise<void> {
  const n = next(1_000)
  const input = { n, text: 'é'.repeat(next(100)), list: Array.from({ length: next(50) }, () => next(100)) }
  const source =
    'console.log(input.text); [input.n * 2, input.list.reduce((a, b) => a + b, 0), new Map([[1n, input.n]])]'
  const result = await toka.run({ language: 'javascript', source, input })
  completed(result)
  const sum = input.list.reduce((a, b) => a + b, 0)
  expectSame(result.value, [n * 2, sum, new Map([[1n, n]])])
  expectSame(result.stdout, `${input.text}\n`)
}

async function typescript({ toka }: World, next: Next): Promise<void> {
  const input = next(1_000)
  const source = 'type N = number\nexport default async (n: N): Promise<N> => { await null; return n + 1 }'
  const result = await toka.run({ language: 'typescript', source, input, output: z.number() })
  completed(result)
  expectSame(result.value, input + 1)
}

async function tools({ toka }: World, next: Next): Promise<void> {
  const [a, b] = [next(1_000), next(1_000)]
  const source = `const [x, y] = await Promise.all([tools.addLater(input), tools.addLater(input)]); x + y + tools.add.sync(input)`
  const result = await toka.run({
    language: 'javascript',
    source,
    input: { a, b },
    tools: [add, addLater],
    grants: [callOf('add', 'addLater')],
  })
  completed(result)
  expectSame([result.value, result.usage.hostCalls], [3 * (a + b), 3])
}

async function files({ toka }: World, next: Next): Promise<void> {
  const content = 'x'.repeat(next(5_000))
  const source = `import fs from 'node:fs'
    const text = fs.readFileSync('/in.txt', 'utf8') + fs.readFileSync('/m/b.txt', 'utf8')
    fs.mkdirSync('/out/d', { recursive: true })
    fs.writeFileSync('/out/d/a', text); fs.writeFileSync('/m/c.txt', text); fs.openSync('/m/b.txt'); fs.openSync('/in.txt')
    export default text.length`
  const result = await toka.run({
    language: 'javascript',
    source,
    files: { '/in.txt': content },
    mounts: [{ at: '/m', from: { files: { 'b.txt': 'mounted' } }, mode: 'rw' }],
    grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/m/**'] }],
    collect: ['/out/**'],
  })
  completed(result)
  expectSame(result.value, content.length + 7)
  expectSame(new TextDecoder().decode(result.files['/out/d/a']), `${content}mounted`)
}

async function streams({ toka }: World, next: Next): Promise<void> {
  const pieces = Array.from({ length: next(5) }, () => new Uint8Array(next(2_000)).fill(97))
  const stdin = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = pieces.shift()
      if (piece) controller.enqueue(piece)
      else controller.close()
    },
  })
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const source = 'let n = 0; for await (const chunk of process.stdin) n += chunk.length; console.error(n); n'
  let told = ''
  const onOutput = (_stream: string, bytes: Uint8Array): void => {
    told += new TextDecoder().decode(bytes)
  }
  const result = await toka.run({ language: 'javascript', source, stdin, onOutput })
  expectSame([result.status, result.value, result.stderr, told], ['completed', length, `${length}\n`, `${length}\n`])
}

async function repeatable({ toka }: World, next: Next): Promise<void> {
  const deterministic = { seed: String(next(100)), start: '2026-01-01T00:00:00Z' }
  const source =
    'await new Promise((r) => setTimeout(r, 100_000)); [Math.random(), crypto.randomUUID(), Date.now(), performance.now()]'
  const request = { language: 'javascript', source, deterministic } as const
  const [one, other] = await Promise.all([toka.run(request), toka.run(request)])
  completed(one)
  expectSame(one.value, other.value)
}

/** A fork goes its own way; both are gone afterwards. */
async function fork({ toka }: World, next: Next): Promise<void> {
  const sandbox = await toka.open({ language: 'javascript', files: { '/f': 'one' } })
  const n = next(100)
  await sandbox.run({ source: `globalThis.n = ${n}; require('fs').appendFileSync('/f', ' two')` })
  const twin = await sandbox.fork()
  const source = `n += 1; require('fs').appendFileSync('/f', ' three'); [n, require('fs').readFileSync('/f', 'utf8')]`
  const [first, second] = await Promise.all([twin.run({ source }), twin.run({ source })])
  expectSame(
    [first.value, second.value],
    [
      [n + 1, 'one two three'],
      [n + 2, 'one two three three'],
    ],
  )
  if (next(2)) await sandbox.dispose()
  else await twin.dispose()
  const left = next(2) ? twin : sandbox
  if (left === sandbox) await left.run({ source: '1' }).catch(() => {})
  await Promise.all([sandbox.dispose(), twin.dispose()])
}

/** Sandboxes that stay open between runs, each with the number of its runs since it last began anew. */
type Kept = { sandbox: Sandbox; runs: number; files: number }
const kept = new WeakMap<World, Kept[]>()
const MOST_KEPT = 4

async function reused(world: World, next: Next): Promise<void> {
  const free = kept.get(world) ?? []
  kept.set(world, free)
  const mine = free.shift() ?? { sandbox: await world.toka.open({ language: 'javascript' }), runs: 0, files: 0 }
  const source = `const fs = require('fs'); globalThis.n = (globalThis.n ?? 0) + 1; fs.appendFileSync('/tmp/n', '.'); [n, fs.statSync('/tmp/n').size]`
  const result = await mine.sandbox.run({ source: `(() => { ${source.replace(/; \[/, '; return [')} })()` })
  completed(result)
  expectSame(result.value, [++mine.runs, ++mine.files])
  if (next(5) === 0) {
    // A stopped run leaves the files, and nothing else.
    const stopped = await mine.sandbox.run({ source: 'globalThis.n = -1; for (;;) {}', limits: { timeoutMs: LOOP_MS } })
    expectSame(stopped.error?.code, 'TOKA_LIMIT_TIME')
    mine.runs = 0
  }
  if (next(20) === 0 || free.length >= MOST_KEPT) await mine.sandbox.dispose()
  else free.push(mine)
}

export const goodKinds: readonly Kind[] = [
  { name: 'script', weight: 20, run: script },
  { name: 'typescript', weight: 6, run: typescript },
  { name: 'tools', weight: 12, run: tools },
  { name: 'files', weight: 12, run: files },
  { name: 'streams', weight: 5, run: streams },
  { name: 'repeatable', weight: 4, run: repeatable },
  { name: 'fork', weight: 6, run: fork },
  { name: 'reused', weight: 12, run: reused },
]
