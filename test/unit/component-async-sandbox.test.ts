/** Components of WASI 0.3 in sandboxes: programs with streams, asynchronous calls, tools that are asked at once, limits. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { componentTools, createToka, defineTool, type GrantInput } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { assembled } from '../component-bench.ts'
import { tokaOf, WAYS } from '../isolations.ts'

const grants: GrantInput[] = [{ resource: 'tool', actions: ['call'], names: ['lookup'] }]

/** A tool that takes its time, and how many of its calls were under way at once. */
function lateLookup(ms = 30): { tool: ReturnType<typeof defineTool>; most: () => number } {
  let now = 0
  let most = 0
  const tool = defineTool({
    name: 'lookup',
    description: 'Find a customer',
    input: z.object({ customerId: z.string() }),
    output: z.string(),
    run: async ({ customerId }) => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, ms))
      now--
      if (customerId === 'none') throw new Error('no such customer')
      return `customer ${customerId};`
    },
  })
  return { tool, most: () => most }
}

describe.each(WAYS)('%s', (way) => {
  test('a program copies its input to its output by streams, waits, and ends with its code', async () => {
    const toka = await tokaOf(way)
    const request = { language: 'wasm', module: assembled('async-command') } as const
    expect(await toka.run({ ...request, stdin: 'hello' })).toMatchObject({
      status: 'completed',
      exitCode: 0,
      stdout: 'hello',
    })
    expect(await toka.run({ ...request, stdin: '!no' })).toMatchObject({
      status: 'completed',
      exitCode: 1,
      stdout: '!no',
    })
    const long = 'x'.repeat(300_000)
    const ended = await toka.run({ ...request, stdin: long })
    expect(ended.stdout === long).toBe(true)
    expect(await toka.run({ ...request, stdin: '' })).toMatchObject({ status: 'completed', exitCode: 0, stdout: '' })
  })

  test('an asynchronous function asks two tools and joins their answers; its state stays, and is forked', async () => {
    const toka = await tokaOf(way)
    const { tool } = lateLookup()
    const sandbox = await toka.open({ language: 'wasm', module: assembled('async-tools'), tools: [tool], grants })
    expect((await sandbox.call('both', '1', '2')).value).toBe('customer 1;customer 2;')
    const fork = await sandbox.fork()
    expect((await fork.call('both', '3', '4')).value).toBe('customer 3;customer 4;')
    expect((await sandbox.call('both', '5', '6')).value).toBe('customer 5;customer 6;')
    await fork.dispose()
    await sandbox.dispose()
  })

  test('a tool that fails where the type cannot tell of it is a trap, also when it was not waited for', async () => {
    const toka = await tokaOf(way)
    const { tool } = lateLookup()
    const sandbox = await toka.open({ language: 'wasm', module: assembled('async-tools'), tools: [tool], grants })
    const ended = await sandbox.call('both', '1', 'none')
    expect(ended.error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringContaining('lookup failed') })
    expect((await sandbox.call('both', '1', '2')).value).toBe('customer 1;customer 2;')
    await sandbox.dispose()
  })

  test('a deadline ends a call that waits for others', async () => {
    const toka = await tokaOf(way)
    const { tool } = lateLookup(60_000)
    const request = { language: 'wasm' as const, module: assembled('async-tools'), tools: [tool], grants }
    const ended = await toka.run({ ...request, call: 'both', input: ['1', '2'], limits: { timeoutMs: 300 } })
    expect(ended).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
  })
})

test('tools that are asked asynchronously work at the same time', async () => {
  const toka = await createToka({ isolation: 'inline' })
  const { tool, most } = lateLookup()
  const request = { language: 'wasm' as const, module: assembled('async-tools'), tools: [tool], grants }
  expect(await toka.run({ ...request, call: 'both', input: ['a', 'b'] })).toMatchObject({
    value: 'customer a;customer b;',
  })
  expect(most()).toBe(2)
  await toka.dispose()
})

test('an asynchronous function that waits on its stack needs suspension, and says so', async () => {
  const toka = await createToka({ isolation: 'inline' })
  const { tool } = lateLookup(1)
  const request = { language: 'wasm' as const, module: assembled('async-tools'), tools: [tool], grants }
  const ended = await toka.run({ ...request, call: 'one', input: ['7'] })
  if (await canSuspend()) expect(ended.value).toBe('customer 7;')
  else expect(ended.error?.code).toBe('TOKA_CALL_BLOCKING')
  await toka.dispose()
})

test('asynchronous functions are tools like others', async () => {
  const toka = await createToka({ isolation: 'inline' })
  const { tool } = lateLookup(1)
  const tools = await componentTools(toka, {
    module: assembled('async-tools'),
    exports: ['both'],
    tools: [tool],
    grants,
  })
  const ended = await toka.run({
    language: 'javascript',
    source: "export default await tools.both({ one: '1', other: '2' })",
    tools,
    grants: [{ resource: 'tool', actions: ['call'], names: ['both'] }],
  })
  expect(ended.value).toBe('customer 1;customer 2;')
  await toka.dispose()
})
