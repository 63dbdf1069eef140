/** The embedding thread's side of a worker's calls: how many of each kind there may be at once. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { encodeValue } from '../../src/kernel/values.ts'
import { DEFAULT_LIMITS, NETWORK } from '../../src/limits.ts'
import type { ToWorker } from '../../src/sandbox/protocol.ts'
import { ToolCalls } from '../../src/sandbox/tool-calls.ts'
import { defineTool, Toolbox } from '../../src/tool.ts'

const never = defineTool({ name: 'never', description: '', input: z.object({}), run: () => new Promise(() => {}) })
const limits = { ...DEFAULT_LIMITS, concurrentCalls: 2 }

function callsOf(): { make: (tool: string) => boolean; answers: ToWorker[] } {
  const answers: ToWorker[] = []
  const service = { call: () => new Promise<Uint8Array>(() => {}) }
  const toolbox = new Toolbox([never], limits, () => new Map([['toka:service', service]]))
  const calls = new ToolCalls(toolbox, limits, { post: (message) => answers.push(message), mailed: () => {} })
  let last = 0
  const make = (tool: string): boolean =>
    calls.make({ kind: 'call', run: 1, call: ++last, tool, input: new Uint8Array(encodeValue({})) })
  return { make, answers }
}

test('a worker has no more tools under way than it may: one that asks for more is none of ours', () => {
  const { make } = callsOf()
  expect([1, 2, 3].map(() => make('never'))).toEqual([true, true, false])
})

test('every call may be a question to a service, and every open request be given up beside them; more is refused', () => {
  const { make, answers } = callsOf()
  const most = limits.concurrentCalls + NETWORK.concurrent
  for (let asked = 0; asked < most; asked++) expect(make('toka:service')).toBe(true)
  expect(answers).toEqual([])
  expect(make('toka:service')).toBe(true)
  expect(answers).toMatchObject([{ kind: 'answer', call: most + 1, failed: true }])
})
