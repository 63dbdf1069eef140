/** Components in sandboxes: programs and typed calls, tools under grants, limits, forks and snapshots, wherever they run. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createToka, defineTool, type GrantInput } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { assembled } from '../component-bench.ts'
import { tokaOf, WAYS } from '../isolations.ts'

const lookup = defineTool({
  name: 'lookup',
  description: 'Find a customer',
  input: z.object({ customerId: z.string() }),
  output: z.string(),
  run: ({ customerId }) => {
    if (customerId === 'none') throw new Error('no such customer')
    return `customer ${customerId}`
  },
})
const wrong = defineTool({
  name: 'double',
  description: 'Doubles, and answers text',
  input: z.object({ n: z.number() }),
  output: z.any(),
  run: ({ n }) => (n === 1 ? 'two' : n * 2),
})
const tools = [lookup, wrong]
const grants: GrantInput[] = [{ resource: 'tool', actions: ['call'], names: ['lookup', 'double'] }]

describe.each(WAYS)('%s', (way) => {
  test('a program runs, asks a tool, prints, and ends with its code', async () => {
    const toka = await tokaOf(way)
    const request = { language: 'wasm', module: assembled('command'), tools, grants } as const
    expect(await toka.run(request)).toMatchObject({ status: 'completed', exitCode: 0, stdout: 'customer 7' })
    expect(await toka.run({ ...request, args: ['12'] })).toMatchObject({ exitCode: 0, stdout: 'customer 12' })
    const failed = await toka.run({ ...request, args: ['none'] })
    expect(failed).toMatchObject({ status: 'completed', exitCode: 1 })
    expect(failed.stdout).toContain('no such customer')
  })

  test('of two programs in one component the newer runs', async () => {
    const toka = await tokaOf(way)
    const ended = await toka.run({ language: 'wasm', module: assembled('two-programs') })
    expect(ended).toMatchObject({ status: 'completed', exitCode: 0 })
  })

  test('a tool that takes its time is waited for where something can wait, and else says what is needed', async () => {
    const toka = await tokaOf(way)
    const late = defineTool({
      name: 'double',
      description: 'Doubles, later',
      input: z.object({ n: z.number() }),
      run: async ({ n }) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return n * 2
      },
    })
    const request = { language: 'wasm' as const, module: assembled('command'), tools: [lookup, late], grants }
    const ended = await toka.run({ ...request, call: 'twice', input: [4] })
    if (way === 'inline' && !(await canSuspend())) expect(ended.error?.code).toBe('TOKA_CALL_BLOCKING')
    else expect(ended).toMatchObject({ status: 'completed', value: 8 })
  })

  test('a tool without a grant is denied: an error of the type that can tell it, a trap where none can', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('command'), tools })
    const asked = await sandbox.call('ask', '7')
    expect(asked).toMatchObject({ status: 'completed', value: { tag: 'err' } })
    expect(asked.denials).toMatchObject([{ resource: 'lookup' }])
    const doubled = await sandbox.call('twice', 2)
    expect(doubled).toMatchObject({
      status: 'failed',
      error: { code: expect.stringMatching(/TOKA_(GUEST_TRAP|DENIED)/) },
    })
    await sandbox.dispose()
  })

  test('what a tool answers must be of the type that the component says', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('command'), tools, grants })
    expect((await sandbox.call('twice', 21)).value).toBe(42)
    const ended = await sandbox.call('twice', 1)
    expect(ended.error?.message).toContain('the result of double must be a whole number')
    await sandbox.dispose()
  })

  test('functions are called with values of their types, and keep their state from call to call', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('command'), tools, grants })
    expect((await sandbox.call('ask', '7')).value).toEqual({ tag: 'ok', val: 'customer 7' })
    expect((await sandbox.call('ask', 'none')).value).toMatchObject({ tag: 'err' })
    expect((await sandbox.call('calls')).value).toBe(2)
    expect(await sandbox.call('ask', 7)).toMatchObject({
      status: 'failed',
      error: { code: 'TOKA_VALUE_UNSUPPORTED', message: 'id must be a well-formed string, not 7' },
    })
    expect((await sandbox.call('calls')).value).toBe(2)
    await sandbox.dispose()
  })

  test('a fork and a restored snapshot go on from where the component was', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('resources') })
    const { value: counter } = await sandbox.call('[constructor]counter', 5)
    expect((await sandbox.call('[method]counter.add', counter, 1)).value).toBe(6)
    const twin = await sandbox.fork()
    expect((await twin.call('[method]counter.add', counter, 10)).value).toBe(16)
    expect((await sandbox.call('[method]counter.add', counter, 1)).value).toBe(7)
    const restored = await toka.restore(await sandbox.snapshot(), { module: assembled('resources') })
    expect((await restored.call('[method]counter.add', counter, 1)).value).toBe(8)
    for (const one of [sandbox, twin, restored]) await one.dispose()
  })

  test('what holds an open file cannot be forked, and says so; the root directory and streams can', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('wasi'), files: { '/a': 'x' } })
    const { value } = await sandbox.call('wasi-filesystem-preopens-get-directories')
    const [[root]] = value as [[unknown, string]]
    await sandbox.call('wasi-cli-stdout-get-stdout')
    const open = 'wasi-filesystem-types-method-descriptor-open-at'
    const twin = await sandbox.fork()
    expect((await twin.call(open, root, {}, 'a', {}, { read: true })).value).toMatchObject({ tag: 'ok' })
    await expect(twin.fork()).rejects.toThrow('holds an open descriptor: it cannot be forked or saved')
    for (const one of [sandbox, twin]) await one.dispose()
  })

  test('a sleep is one, and a deadline ends it', async () => {
    const toka = await tokaOf(way)
    const sandbox = await toka.open({ language: 'wasm', module: assembled('wasi'), limits: { timeoutMs: 200 } })
    const sleep = async (nanoseconds: bigint) => {
      const { value } = await sandbox.call('wasi-clocks-monotonic-clock-subscribe-duration', nanoseconds)
      return sandbox.call('wasi-io-poll-poll', [value])
    }
    expect((await sleep(10_000_000n)).value).toEqual([0])
    expect(await sleep(60_000_000_000n)).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
    await sandbox.dispose()
  })

  test('loops, fuel and memory are limited', async () => {
    const toka = await tokaOf(way)
    const open = (limits: object) => toka.open({ language: 'wasm', module: assembled('hostile'), limits })
    const timed = await open({ timeoutMs: 100 })
    expect(await timed.call('swallow')).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
    expect(await timed.call('deep', 1)).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_STACK' } })
    expect(await timed.call('length', 'abc')).toMatchObject({ value: 3 })
    const fuelled = await open({ fuel: 100_000 })
    const burned = await fuelled.call('forever')
    expect(burned).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_FUEL' } })
    const called = await open({ hostCalls: 1_000, timeoutMs: 2_000 })
    expect((await called.call('busy')).status).toBe('limit')
    for (const one of [timed, fuelled, called]) await one.dispose()
  })

  test('exact fuel is the same number for the same call', async () => {
    const toka = await tokaOf(way)
    const fuel = async () => {
      const sandbox = await toka.open({ language: 'wasm', module: assembled('resources'), metering: 'exact' })
      const { usage } = await sandbox.call('sum', 3, 4)
      await sandbox.dispose()
      return usage.fuel
    }
    expect(await fuel()).toBe(EXACT_FUEL)
  })
})

/** Units that `sum` of resources.wat burns: pinned, since it must be the same everywhere. */
const EXACT_FUEL = 326

/** A core module of one function, lifted with the option `async` to a type without it. */
const LIFTED_ASYNC = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00],
  ...[
    1, 31, 0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 4, 1, 2, 0,
    0x0b,
  ],
  ...[2, 4, 1, 0, 0, 0], // core instance 0
  ...[6, 7, 1, 0, 0, 1, 0, 1, 0x66], // core func 0: its export "f"
  ...[7, 5, 1, 0x40, 0, 1, 0], // type 0: (func)
  ...[8, 7, 1, 0, 0, 0, 1, 6, 0], // canon lift async
]

describe('what is no component that runs here is refused, by name', () => {
  const header = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]
  const cases: readonly (readonly [string, readonly number[], string])[] = [
    ['a future version', [0x00, 0x61, 0x73, 0x6d, 0x0e, 0x00, 0x01, 0x00], 'its version is unknown'],
    ['a section that is cut', [...header, 1, 200], 'it ends too early'],
    ['a stream of char', [...header, 7, 4, 1, 0x66, 1, 0x74], 'streams of char are not specified yet'],
    ['a builtin of threads', [...header, 8, 2, 1, 0x26], 'threads of its own are not supported'],
    ['a builtin of a draft', [...header, 8, 2, 1, 0x08], 'backpressure.set is of drafts of WASI 0.3'],
    ['a context that no task has', [...header, 8, 4, 1, 0x0a, 0x7f, 2], 'a task has no context 2'],
    ['a builtin without its type', [...header, 8, 3, 1, 0x0e, 0], 'there is no type 0'],
    ['a function lifted as what it is not', LIFTED_ASYNC, 'a function that is not async is lifted as one'],
    ['an index of nothing', [...header, 8, 3, 1, 0x02, 7], 'there is no type 7'],
    ['a record of nothing', [...header, 7, 3, 1, 0x72, 0], 'a record has no members'],
    ['a label that is none', [...header, 7, 7, 1, 0x6d, 1, 3, 0x5f, 0x5f, 0x70], '"__p" is no label'],
    ['an unknown section', [...header, 99, 0], 'section 99 is unknown'],
    ['the import of a module', [...header, 10, 6, 1, 0, 1, 0x61, 0, 0x11], 'it ends too early'],
  ]

  test.each(cases)('%s', async (_, bytes, reason) => {
    const toka = await createToka({ cache: false })
    const open = toka.open({ language: 'wasm', module: Uint8Array.from(bytes) })
    await expect(open).rejects.toMatchObject({ code: 'TOKA_ENGINE_LOAD', message: expect.stringContaining(reason) })
    await toka.dispose()
  })

  test('a memory that does not fit the limit', async () => {
    const toka = await createToka({ cache: false })
    const open = toka.open({ language: 'wasm', module: assembled('wasi'), limits: { memoryBytes: 2 ** 19 } })
    await expect(open).rejects.toThrow('its memories have 16 pages at first, allowed are 8 (limits.memoryBytes)')
    await toka.dispose()
  })
})
