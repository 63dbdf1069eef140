/** The JavaScript rows: a fresh process, run, fork, and calls of host tools. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { createToka, defineTool } from '../src/index.ts'
import { type Measure, measure, summary } from './measure.ts'

const input = z.object({ id: z.string() })
const lookup = defineTool({ name: 'lookup', description: '', input, run: () => ({ name: 'x' }) })
const later = defineTool({ name: 'later', description: '', input, run: async () => ({ name: 'x' }) })
const CALLS = 2_000

/** Milliseconds of a process of its own, with the built package. */
function freshProcess(cache: string): number {
  const program = fileURLToPath(new URL('fresh-process.mjs', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, cache], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

async function* freshRows(): AsyncGenerator<Measure> {
  const cold: number[] = []
  const warm: number[] = []
  for (let i = 0; i < 7; i++) {
    const cache = await mkdtemp(join(tmpdir(), 'toka-bench-'))
    cold.push(freshProcess(cache))
    warm.push(freshProcess(cache))
    await rm(cache, { recursive: true })
  }
  yield summary('a fresh process, import to first result: no cache', 'ms', cold)
  yield summary('a fresh process, import to first result: image cached', 'ms', warm)
}

export async function* measures(): AsyncGenerator<Measure> {
  yield* freshRows()
  const toka = await createToka()
  const sandbox = await toka.open({
    language: 'javascript',
    tools: [lookup, later],
    grants: [{ resource: 'tool', actions: ['call'], names: ['lookup', 'later'] }],
  })
  const calls = (call: string) => async () => {
    const result = await sandbox.run({ source: `for (let i = 0; i < ${CALLS}; i++) ${call}` })
    if (result.status !== 'completed') throw new Error(`${result.status}: ${result.error?.message}`)
  }
  try {
    yield await measure('1+1 in a sandbox of its own (fork, run, dispose)', 'ms', 60, () =>
      toka.run({ language: 'javascript', source: '1+1' }),
    )
    yield await measure('1+1 in a sandbox that is open', 'us', 300, () => sandbox.run({ source: '1+1' }))
    yield await measure('fork and dispose of a sandbox', 'ms', 60, async () => (await sandbox.fork()).dispose())
    yield await measure('blocking call of a tool', 'us', 9, calls("tools.lookup.sync({ id: '7' })"), CALLS)
    yield await measure('awaited call of a tool', 'us', 9, calls("await tools.lookup({ id: '7' })"), CALLS)
    yield await measure('awaited call of an asynchronous tool', 'us', 9, calls("await tools.later({ id: '7' })"), CALLS)
  } finally {
    await toka.dispose()
  }
}
