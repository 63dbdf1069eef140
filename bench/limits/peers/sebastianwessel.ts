/** @sebastianwessel/quickjs, with the variant and the limits of its manual. */
import { load } from '../../peers/load.ts'
import { asExpression, type Attempt, boundedConsole, type CreatePeer, messageOf } from '../peer.ts'

type Result = { ok: true; data: unknown } | { ok: false; error: unknown }
type Options = {
  executionTimeout: number
  memoryLimit: number
  maxStackSize: number
  env: Record<string, unknown>
  console: { log: (text?: unknown) => void; error: (text?: unknown) => void }
}
type Library = {
  loadQuickJs(variant: unknown): Promise<{
    runSandboxed(
      run: (tools: { evalCode(source: string): Promise<Result> }) => Promise<Result>,
      options: Options,
    ): Promise<Result>
  }>
}

export const create: CreatePeer = async (host) => {
  const { loadQuickJs } = (await load('@sebastianwessel/quickjs')) as Library
  const variant = (await load('@jitl/quickjs-ng-wasmfile-release-sync')) as { default: unknown }
  const { runSandboxed } = await loadQuickJs(variant.default)
  return {
    async run(attempt: Attempt) {
      const { log, error, kept } = boundedConsole(attempt.outputBytes)
      const options = {
        executionTimeout: attempt.timeoutMs,
        memoryLimit: attempt.memoryBytes,
        maxStackSize: 320 * 1024,
        env: { call: async (request: object) => host(request) },
        console: { log, error },
      }
      const source = `const call = (request) => env.call(request); export default ${attempt.waits ? 'await ' : ''}${asExpression(attempt)}`
      const result = await runSandboxed(({ evalCode }) => evalCode(source), options)
      if (result.ok) return { by: 'value', value: result.data, outputBytes: kept() }
      return { by: 'error', message: messageOf(result.error), outputBytes: kept() }
    },
  }
}
