/** The package `run`: a runner with its limits, in workers of its own. */
import { load } from '../../peers/load.ts'
import type { Attempt, CreatePeer } from '../peer.ts'

type Input = {
  source: string
  hostFunctions: Record<string, Record<string, (request: object) => unknown>>
  limits: { timeoutMs: number; memoryLimitBytes: number; maxConsoleOutputBytes: number }
}
type Library = {
  createRunner(): { run(input: Input): Promise<{ status: string; value?: unknown }> }
}

export const create: CreatePeer = async (host) => {
  const { createRunner } = (await load('run')) as Library
  const runner = createRunner()
  return {
    async run({ source, timeoutMs, memoryBytes, outputBytes }: Attempt) {
      const { status, value } = await runner.run({
        source: `const call = (request) => host.call(request);\n${source}`,
        hostFunctions: { host: { call: host } },
        limits: { timeoutMs, memoryLimitBytes: memoryBytes, maxConsoleOutputBytes: outputBytes },
      })
      return status === 'completed' ? { by: 'value', value } : { by: 'error', message: status }
    },
  }
}
