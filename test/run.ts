/** One shared Toka for a test file, and a run in one line. */
import { afterAll, beforeAll, describe } from 'vitest'
import { createToka, type RunRequest, type RunResult, type Toka } from '../src/index.ts'
import { tokaOf, type Way, WAYS } from './isolations.ts'

let shared: Promise<Toka> | undefined

let way: Way | undefined

/** The same tests in every way in which a sandbox runs: `toka`, `run` and `valueOf` go that way in them. */
export function inEveryWay(tests: (way: Way) => void): void {
  describe.each(WAYS)('%s', (each) => {
    beforeAll(() => {
      way = each
    })
    afterAll(() => {
      way = undefined
    })
    tests(each)
  })
}

/** Whether sandboxes live in workers just now. */
export const isWorker = (): boolean => way !== undefined && way !== 'inline'

/** The file's Toka, made at first use and disposed at its end. */
export function toka(): Promise<Toka> {
  if (way) return tokaOf(way)
  if (!shared) {
    shared = createToka()
    afterAll(async () => {
      await (await shared)?.dispose()
      shared = undefined
    })
  }
  return shared
}

/** Runs JavaScript in a sandbox of its own. */
export async function run(source: string, request: Partial<RunRequest> = {}): Promise<RunResult> {
  return (await toka()).run({ language: 'javascript', source, ...request })
}

/** The value of a run that must complete. */
export async function valueOf(source: string, request: Partial<RunRequest> = {}): Promise<unknown> {
  const result = await run(source, request)
  if (result.status !== 'completed')
    throw new Error(`${result.status}: ${JSON.stringify(result.error)}\n${result.stderr}`)
  return result.value
}
