/** Runs each endless expression of Python without stopping it for five seconds, and tells those that ended by themselves. */
import { createToka } from '../src/index.ts'
import { ENDLESS, ENDLESS_IMPORTS } from './python-builtins.ts'

const UNSTOPPED_MS = 5_000

const toka = await createToka({ isolation: 'worker', workers: 2 })
let failures = 0
const queue = [...ENDLESS]
await Promise.all(
  Array.from({ length: 2 }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const source = `${ENDLESS_IMPORTS}\n${next.expression}`
      const { status, error, usage } = await toka.run({
        language: 'python',
        source,
        limits: { timeoutMs: UNSTOPPED_MS + 1_000 },
      })
      const still = error?.code === 'TOKA_LIMIT_TIME' && usage.cpuMs > UNSTOPPED_MS * 0.9
      if (!still) failures++
      const how = still ? 'still running' : `ended: ${status} ${error?.message ?? ''}`
      console.log(
        `${still ? 'ok    ' : 'FAILED'} ${next.module}: ${next.expression}: ${how} after ${Math.round(usage.cpuMs)} ms`,
      )
    }
  }),
)
await toka.dispose()
console.log(
  `${ENDLESS.length} expressions of ${new Set(ENDLESS.map(({ module }) => module)).size} modules, ${failures} failed`,
)
process.exitCode = failures === 0 ? 0 : 1
