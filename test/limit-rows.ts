/** A guest driven into one limit: what its result must be, how far it may have gone, and what proves that the pool is unharmed. */
import { expect } from 'vitest'
import { z } from 'zod'
import { defineTool, type Limits, type RunRequest, type RunResult } from '../src/index.ts'
import { tokaOf, type Way } from './isolations.ts'

export type LimitRow = {
  limit: keyof Limits
  limits: Partial<Limits>
  /** The guest; the source of one of a language. */
  guest: Partial<RunRequest> | string
  /** What the result must be. */
  ends: object
  /** How far it went: at most `within`, in the limit's unit. */
  measured?: (result: RunResult) => number
  within?: number
}

const atOnce = { now: 0, most: 0 }

/** Answers after a turn of the host, with as many bytes as it was asked for. */
export const give = defineTool({
  name: 'give',
  description: 'Gives bytes, later.',
  input: z.object({ bytes: z.number(), pad: z.string().optional() }),
  run: async ({ bytes }) => {
    atOnce.most = Math.max(atOnce.most, ++atOnce.now)
    await new Promise((resolve) => setTimeout(resolve, 20))
    atOnce.now--
    return 'x'.repeat(bytes)
  },
})

/** Calls of `give` that were under way at once, at most. */
export const mostAtOnce = (): number => atOnce.most

/** What a request needs for `give`. */
export const GIVEN: Pick<RunRequest, 'tools' | 'grants'> = {
  tools: [give],
  grants: [{ resource: 'tool', actions: ['call'], names: ['give'] }],
}

export const killed = (code: string): object => ({ status: 'limit', exitCode: 1, error: { code } })
export const is = (value: unknown): object => ({ status: 'completed', value })

/**
 * Runs the guest of a row, then another of the same language on the same pool.
 * @param next whose value must be 3
 */
export async function driveInto(
  way: Way,
  { limits, guest, ends, measured, within = 0 }: LimitRow,
  request: RunRequest,
  next: Partial<RunRequest>,
): Promise<void> {
  const toka = await tokaOf(way)
  atOnce.most = 0
  const result = await toka.run({ ...request, ...(typeof guest === 'string' ? { source: guest } : guest), limits })
  expect(result).toMatchObject(ends)
  if (measured) expect(measured(result)).toBeLessThanOrEqual(within)
  expect(await toka.run({ ...request, ...next })).toMatchObject(is(3))
}
