/** A guest that lets the host work for it: such work burns no fuel, and must end the guest's turn all the same. */
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { macrotask } from '../../src/sandbox/macrotask.ts'
import { run } from '../run.ts'
import { skipReasons } from '../skip-reasons.ts'

const CALL_MS = 1
/** A turn is 2 ms, and the call that it ends in is made. */
const MOST_CALLS = 4

/** The most calls of a tool that takes a while which were made in one turn of the event loop. */
async function mostCallsInATurn(source: string): Promise<number> {
  let calls = 0
  let most = 0
  let isOver = false
  const busy = defineTool({
    name: 'busy',
    description: '',
    input: z.object({}),
    run() {
      calls++
      for (const end = performance.now() + CALL_MS; performance.now() < end; );
      return 0
    },
  })
  const turn = (): void => {
    most = Math.max(most, calls)
    calls = 0
    if (!isOver) macrotask(turn)
  }
  turn()
  const grants = [{ resource: 'tool' as const, actions: ['call' as const], names: ['busy'] }]
  const limits = { timeoutMs: 200, hostCalls: 100_000 }
  const result = await run(source, { isolation: 'inline', tools: [busy], grants, limits })
  isOver = true
  expect(result.error?.code).toBe('TOKA_LIMIT_TIME')
  expect(result.usage.hostCalls).toBeGreaterThan(20)
  return most
}

const SOURCES = {
  'one after the other': 'for (;;) tools.busy.sync({})',
  'begun and not awaited': 'for (;;) tools.busy({}).catch(() => {})',
}

for (const [name, source] of Object.entries(SOURCES))
  test(`calls that keep the host busy leave the event loop its turns: ${name}`, async ({ skip }) => {
    skip(!(await canSuspend()), skipReasons.noJspi)
    expect(await mostCallsInATurn(source)).toBeLessThanOrEqual(MOST_CALLS)
  })
