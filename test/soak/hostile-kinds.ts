/** Runs that are stopped, refused or fail: loops, bombs, floods, recursion, cancellations, deadlines. Each knows how it ends. */
import { z } from 'zod'
import { defineTool, type RunRequest, type RunResult, TokaError } from '../../src/index.ts'
import { type Next, pick } from '../fuzz/numbers.ts'
import type { Kind, World } from './kind.ts'
import { callOf, expectSame, LOOP_MS } from './kind.ts'

const MiB = 2 ** 20
const WAIT = 'await new Promise((r) => setTimeout(r, 60_000))'

const never = defineTool({
  name: 'never',
  description: 'Answers never, but lets go when the run ends',
  input: z.object({}),
  run: (_input, { signal }) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('over')), { once: true }),
    ),
})

const run = ({ toka }: World, request: Partial<RunRequest>): Promise<RunResult> =>
  toka.run({ language: 'javascript', ...request })

function ended({ status, error }: RunResult, code: string): void {
  const statuses: Record<string, string> = { TOKA_CANCELLED: 'cancelled', TOKA_GUEST_ERROR: 'failed' }
  expectSame([status, error?.code], [statuses[code] ?? (code.startsWith('TOKA_LIMIT') ? 'limit' : 'failed'), code])
}

/** A kind whose run ends with an error that is always the same. */
function fails(
  name: string,
  weight: number,
  code: string,
  sources: readonly string[],
  limits: RunRequest['limits'] = {},
): Kind {
  return {
    name,
    weight,
    run: async (world, next) => ended(await run(world, { source: pick(next, sources), limits }), code),
  }
}

const LOOPS = [
  'for (;;) {}',
  'for (;;) try { for (;;) {} } finally { continue }',
  'const f = () => Promise.resolve().then(f); await f()',
  '/^(a+)+$/.test("a".repeat(60) + "b")',
  'for (let a = []; ; ) a = a.concat([1]).slice(0, 9).sort(() => -1)',
]
const BOMBS = [
  'const a = []; for (;;) a.push(new Uint8Array(65_536).fill(1))',
  'let o; for (;;) o = { o }',
  'const a = []; for (let i = 0; ; i++) a.push("x".repeat(10_000) + i)',
]
const RECURSIONS = [
  'function f(n) { return f(n + 1) + 1 } f(0)',
  'JSON.parse("[".repeat(100_000))',
  'eval("(".repeat(20_000))',
  'const o = { get a() { return this.a } }; o.a',
]

/** The interpreter's own limit, or V8's where the native frames of a parser are larger (docs/engines.md). */
async function recursion(world: World, next: Next): Promise<void> {
  const result = await run(world, { source: pick(next, RECURSIONS) })
  ended(result, result.error?.code === 'TOKA_LIMIT_STACK' ? 'TOKA_LIMIT_STACK' : 'TOKA_GUEST_ERROR')
}

async function flood(world: World): Promise<void> {
  const source = 'for (let i = 0; i < 300; i++) { console.log("x".repeat(100)); console.error("é".repeat(100)) } 1'
  const { status, stdout, stderr, truncated } = await run(world, { source, limits: { outputBytes: 1_000 } })
  const small = stdout.length <= 1_000 && stderr.length <= 1_000
  expectSame([status, small, truncated], ['completed', true, { stdout: true, stderr: true }])
}

async function manyFiles(world: World): Promise<void> {
  const source = `const fs = require('fs'); let n = 0
    try { for (;; n++) fs.writeFileSync('/tmp/' + n, 'x') } catch (error) { [n, error.code] }`
  const { status, value } = await run(world, { source, limits: { fileNodes: 20 } })
  expectSame([status, value], ['completed', [19, 'ENOSPC']])
}

/** A signal fires at any moment: before the run, while it starts, in a loop, in a wait, in a tool, or just after its end. */
async function cancelled(world: World, next: Next): Promise<void> {
  const tool = 'await tools.never({})'
  const source = pick(next, [world.cancelsLoops ? 'for (;;) {}' : WAIT, WAIT, tool, '1'])
  const controller = new AbortController()
  const delay = next(12)
  if (delay === 0) controller.abort()
  const timer = setTimeout(() => controller.abort(), delay)
  const started = performance.now()
  const request = { source, signal: controller.signal, tools: [never], grants: [callOf('never')] }
  const result = await run(world, request)
  clearTimeout(timer)
  if (source === '1' && result.status === 'completed') return expectSame(result.value, 1)
  ended(result, 'TOKA_CANCELLED')
  // Much less than the default limit of time.
  if (performance.now() - started > 15_000) throw new Error('a cancelled run took 15 s')
  if (source === tool && result.pending.length > 1) throw new Error(`${result.pending.length} calls are pending`)
}

async function deadline(world: World, next: Next): Promise<void> {
  const request = { tools: [never], grants: [callOf('never')], limits: { timeoutMs: LOOP_MS + next(10) } }
  const source = pick(next, [WAIT, 'await tools.never({})', 'await Promise.all([tools.never({}), tools.never({})])'])
  const result = await run(world, { source, ...request })
  ended(result, 'TOKA_LIMIT_TIME')
}

async function disposed({ toka }: World, next: Next): Promise<void> {
  const sandbox = await toka.open({ language: 'javascript' })
  const caught = (error: unknown): unknown => error
  const running = sandbox.run({ source: WAIT }).catch(caught)
  for (let left = next(10); left > 0; left--) await new Promise((resolve) => setTimeout(resolve))
  const queued = sandbox.run({ source: '1' }).catch(caught)
  await sandbox.dispose()
  for (const run of [running, queued]) {
    const end = await run
    if (end instanceof TokaError) expectSame(end.code, 'TOKA_SANDBOX_CLOSED')
    else ended(end as RunResult, 'TOKA_CANCELLED')
  }
}

async function denied(world: World): Promise<void> {
  const mounts = [{ at: '/m', from: { files: { a: 'x' } }, mode: 'ro' as const }]
  const source = `const codes = []
    try { require('fs').readFileSync('/m/a') } catch (error) { codes.push(error.code) }
    try { await tools.never({}) } catch (error) { codes.push(error.code) }
    codes`
  const { value, denials } = await run(world, { source, mounts, tools: [never] })
  expectSame(
    [value, denials.map(({ operation }) => operation)],
    [
      ['EACCES', 'TOKA_DENIED'],
      ['fs.read', 'tool.call'],
    ],
  )
}

const REJECTED: readonly (readonly [string, object])[] = [
  ['TOKA_REQUEST_INVALID', { source: 1 }],
  ['TOKA_REQUEST_INVALID', {}],
  ['TOKA_REQUEST_INVALID', { source: '1', limits: { memoryBytes: 100 } }],
  ['TOKA_REQUEST_INVALID', { source: '1', unknown: 1 }],
  ['TOKA_REQUEST_INVALID', { source: '1', files: { '/a': 'x', '/a/b': 'y' } }],
  ['TOKA_REQUEST_INVALID', { source: '1', collect: ['/[bad/\0'] }],
  ['TOKA_REQUEST_LANGUAGE', { source: '1', language: 'cobol' }],
  ['TOKA_GRANT_INVALID', { source: '1', grants: [{ resource: 'x' }] }],
  ['TOKA_LIMIT_FILES', { source: '1', limits: { fileBytes: 3 }, files: { '/a': 'xxxxx' } }],
  ['TOKA_TOOL_INVALID', { source: '1', tools: [never, never] }],
]

async function rejected(world: World, next: Next): Promise<void> {
  const [code, request] = pick(next, REJECTED)
  const end: unknown = await run(world, request).catch((error: unknown) => error)
  if (!(end instanceof TokaError)) throw new Error(`expected ${code}`, { cause: end })
  expectSame(end.code, code)
}

export const hostileKinds: readonly Kind[] = [
  fails('loop', 4, 'TOKA_LIMIT_TIME', LOOPS, { timeoutMs: LOOP_MS }),
  fails('fuel', 4, 'TOKA_LIMIT_FUEL', LOOPS, { fuel: 100_000 }),
  fails('memory bomb', 3, 'TOKA_LIMIT_MEMORY', BOMBS, { memoryBytes: 8 * MiB }),
  { name: 'deep recursion', weight: 3, run: recursion },
  fails('uncaught error', 3, 'TOKA_GUEST_ERROR', ['throw new TypeError("no")', 'null.x', 'Promise.reject(1)']),
  fails('no syntax', 2, 'TOKA_GUEST_SYNTAX', ['let let', '(', 'export default ;']),
  fails('unsettled', 2, 'TOKA_GUEST_UNSETTLED', ['await new Promise(() => {})']),
  fails('odd value', 2, 'TOKA_VALUE_UNSUPPORTED', [
    '[() => 1]',
    'export default Symbol("x")',
    '({ a: new WeakMap() })',
  ]),
  { name: 'output flood', weight: 3, run: flood },
  { name: 'many files', weight: 2, run: manyFiles },
  { name: 'cancelled', weight: 8, run: cancelled },
  { name: 'deadline', weight: 5, run: deadline },
  { name: 'disposed', weight: 3, run: disposed },
  { name: 'denied', weight: 4, run: denied },
  { name: 'rejected', weight: 6, run: rejected },
]
