/** Python in one line, for the tests of what runs inside: one shared Toka a test file. */
import type { RunRequest, RunResult, Sandbox, SandboxOptions } from '../src/index.ts'
import { toka } from './run.ts'

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
