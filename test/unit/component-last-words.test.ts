/** What a component writes last is in its result, however it ends: it returns, traps, exits, is stopped, without waiting for its streams. */
import { describe, expect, test } from 'vitest'
import { assembled } from '../component-bench.ts'
import { tokaOf, WAYS } from '../isolations.ts'

/** The streams of 0.2 without a flush; those of 0.3, written to before the host reads, and after. */
const WRITES = ['old', 'early', 'late'] as const
const STREAMS = ['stdout', 'stderr'] as const
const How = { returns: 0, traps: 1, exits: 2, loops: 3 } as const
type Ending = keyof typeof How

const request = { language: 'wasm', module: assembled('last-words') } as const

describe.each(WAYS)('%s', (way) => {
  async function lastWords(call: string, stream: (typeof STREAMS)[number], length: number, how: Ending) {
    const toka = await tokaOf(way)
    const limits = how === 'loops' ? { fuel: 5_000_000 } : {}
    const input = [stream === 'stderr', length, How[how]]
    const { status, error, [stream]: text } = await toka.run({ ...request, call, input, limits })
    return { status, code: error?.code, text }
  }

  test.each(WRITES)('a piece is passed on before the component ends: %s', async (call) => {
    for (const stream of STREAMS) {
      const text = 'xxxxx'
      const ends = (how: Ending) => lastWords(call, stream, text.length, how)
      expect(await ends('returns')).toEqual({ status: 'completed', code: undefined, text })
      expect(await ends('exits')).toEqual({ status: 'completed', code: undefined, text })
      expect(await ends('traps')).toEqual({ status: 'failed', code: 'TOKA_GUEST_TRAP', text })
      expect(await ends('loops')).toEqual({ status: 'limit', code: 'TOKA_LIMIT_FUEL', text })
    }
  })

  test.each(['early', 'late'] as const)('more than one piece is passed on before a call returns: %s', async (call) => {
    const { status, text } = await lastWords(call, 'stdout', 300_000, 'returns')
    expect({ status, length: text.length }).toEqual({ status: 'completed', length: 300_000 })
  })
})
