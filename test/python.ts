/** Python in a sandbox of its own, in one line. */
import type { RunRequest, RunResult } from '../src/index.ts'
import { toka } from './run.ts'

export async function python(source: string, request: Partial<RunRequest> = {}): Promise<RunResult> {
  return (await toka()).run({ language: 'python', source, ...request })
}

/** The value of a run that must complete. */
export async function valueOfPython(source: string, request: Partial<RunRequest> = {}): Promise<unknown> {
  const result = await python(source, request)
  if (result.status !== 'completed')
    throw new Error(`${result.status}: ${JSON.stringify(result.error)}\n${result.stderr}`)
  return result.value
}
