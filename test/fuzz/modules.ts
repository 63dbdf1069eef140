/** Modules of the user's, valid and damaged, through the whole engine: refused by name, or run to an end within their limits. */
import { TokaError } from '../../src/errors.ts'
import { createToka, type Toka } from '../../src/index.ts'
import { catModule, helloModule, reactorModule } from '../wasm-guests.ts'
import { mutateBytes } from './mutate.ts'
import { numbers, pick } from './numbers.ts'
import type { Session, Target } from './session.ts'
import { EVERYTHING, makeProgram } from './wasm-programs.ts'

const LIMITS = { timeoutMs: 50, memoryBytes: 2 ** 22, outputBytes: 10_000, fileBytes: 2 ** 20 }
/** What an execution may take over its deadline, on a machine that does something else: then the guest was not stopped. */
const SLACK_MS = 5_000
/** What a caller is told of a module that cannot be used. */
const REFUSALS: ReadonlySet<string> = new Set(['TOKA_ENGINE_LOAD', 'TOKA_REQUEST_INVALID', 'TOKA_HOST_MEMORY'])

const ENDINGS: ReadonlySet<string> = new Set(['completed', 'failed', 'limit'])

async function open(): Promise<Session> {
  const toka = await createToka({ isolation: 'inline', cache: false })
  const seeds = [helloModule(), catModule(), reactorModule()]
  return {
    make(seed) {
      const next = numbers(seed)
      const other = next(2) === 0 ? EVERYTHING : makeProgram(next, 2)
      return next(4) === 0 ? makeProgram(next) : mutateBytes(pick(next, seeds), next, { other })
    },

    async execute(input) {
      const started = performance.now()
      const outcome = await outcomeOf(toka, input)
      if (performance.now() - started > LIMITS.timeoutMs + SLACK_MS) throw new Error('it was not stopped in time')
      return outcome
    },
  }
}

async function outcomeOf(toka: Toka, module: Uint8Array): Promise<string> {
  try {
    const result = await toka.run({ language: 'wasm', module, stdin: 'abc', files: { '/x': 'y' }, limits: LIMITS })
    if (!ENDINGS.has(result.status)) throw new Error(`it ended as ${result.status}`)
    if (result.error?.code === 'TOKA_INTERNAL') throw new Error('a fault of ours')
    return result.status === 'failed' ? `failed: ${result.error?.code}` : result.status
  } catch (error) {
    if (error instanceof TokaError && REFUSALS.has(error.code)) return `refused: ${error.code}`
    throw error
  }
}

export const modules: Target = { name: 'modules', open }
