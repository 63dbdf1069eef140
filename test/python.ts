/** Python for test files: the start image, made once a machine, and a Toka of each way in which a sandbox can run. */
import { beforeAll } from 'vitest'
import { createToka, type RunRequest, type RunResult, type Sandbox, type SandboxOptions } from '../src/index.ts'
import { tokaOf, type Way } from './isolations.ts'
import { toka } from './run.ts'

/** Milliseconds that a slow machine takes to make the image: CPython imports its library from source. */
const BUILD_MS = 240_000

/** Makes the image before the file's tests, so that none of them waits for it. It stays in the cache. */
export function preparePython(): void {
  beforeAll(async () => {
    const toka = await createToka({ isolation: 'inline' })
    try {
      await (await toka.open({ language: 'python' })).dispose()
    } finally {
      await toka.dispose()
    }
  }, BUILD_MS)
}

/** Runs Python in a sandbox of its own. */
export async function runPython(way: Way, request: Omit<RunRequest, 'language'>): Promise<RunResult> {
  return (await tokaOf(way)).run({ language: 'python', ...request })
}

type Options = Omit<Partial<RunRequest>, 'language' | 'source'>

/** Runs a program in a sandbox of its own. */
export async function python(source: string, request: Options = {}): Promise<RunResult> {
  return (await toka()).run({ language: 'python', source, ...request })
}

/** The value of a program that must complete. */
export async function pythonValue(source: string, request: Options = {}): Promise<unknown> {
  return valueIn(await python(source, request))
}

export function valueIn(result: RunResult): unknown {
  if (result.status === 'completed') return result.value
  throw new Error(`${result.status}: ${JSON.stringify(result.error)}\n${result.stderr}`)
}

/** A notebook for one test: state stays in it from run to run. */
export async function notebook(
  work: (cell: (source: string) => Promise<RunResult>, sandbox: Sandbox) => Promise<void>,
  options: Omit<SandboxOptions, 'language'> = {},
): Promise<void> {
  const sandbox = await (await toka()).open({ language: 'python', ...options })
  try {
    await work((source) => sandbox.run({ source }), sandbox)
  } finally {
    await sandbox.dispose()
  }
}
