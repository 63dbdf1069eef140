/** Toka, in both isolations: the adapter is the few lines that a program of a user has. */
import { z } from 'zod'
import { createToka, defineTool } from '../../../src/index.ts'
import { asExpression, type Attempt, type CreatePeer, type HostFunction } from '../peer.ts'

const createWith =
  (isolation: 'inline' | 'worker'): CreatePeer =>
  async (host: HostFunction) => {
    const input = z.looseObject({ want: z.unknown().optional(), data: z.unknown().optional() })
    const tool = defineTool({ name: 'call', description: '', input, run: (request) => host(request) })
    const toka = await createToka({ isolation })
    return {
      async run(attempt: Attempt) {
        const { timeoutMs, memoryBytes, outputBytes } = attempt
        const source = `const call = (request) => tools.call(request); ${attempt.source}`
        const result = await toka.run({
          language: 'javascript',
          source: `export default ${attempt.waits ? 'await ' : ''}${asExpression({ ...attempt, source })}`,
          tools: [tool],
          grants: [{ resource: 'tool', actions: ['call'], names: ['call'] }],
          limits: { timeoutMs, memoryBytes, outputBytes },
        })
        const kept = result.stdout.length + result.stderr.length
        if (result.status === 'completed') return { by: 'value', value: result.value, outputBytes: kept }
        return { by: 'error', message: `${result.error?.code}: ${result.error?.message}`, outputBytes: kept }
      },
    }
  }

export const createInline = createWith('inline')
export const createWorker = createWith('worker')
