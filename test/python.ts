/** Python for test files: the start image, made once a machine, and a Toka of each way in which a sandbox can run. */
import { beforeAll } from 'vitest'
import { createToka, type RunRequest, type RunResult } from '../src/index.ts'
import { tokaOf, type Way } from './isolations.ts'

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
