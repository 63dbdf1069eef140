/** Shows that each expression of `endless-python.ts` runs for more than five seconds when nothing stops it before: `npm run endless`. */
import { parseArgs } from 'node:util'
import { createToka } from '../../src/index.ts'
import { ENDLESS_PYTHON } from '../endless-python.ts'

const ALLOWED_MS = 6_000
const LEAST_MS = 5_000

const { values } = parseArgs({ options: { isolation: { type: 'string', default: 'inline' }, only: { type: 'string' } } })
const isolation = values.isolation === 'worker' ? 'worker' : 'inline'
const toka = await createToka({ isolation })
let failed = 0
try {
  for (const { module, source } of ENDLESS_PYTHON) {
    if (values.only !== undefined && !source.includes(values.only)) continue
    const { status, error, usage } = await toka.run({ language: 'python', source, limits: { timeoutMs: ALLOWED_MS } })
    const runs = status === 'limit' && error?.code === 'TOKA_LIMIT_TIME' && usage.wallMs >= LEAST_MS
    if (!runs) failed++
    const shown = source.split('\n').slice(3).join('; ')
    console.log(`${runs ? 'ok    ' : 'FAILED'} ${usage.wallMs.toFixed(0)} ms  ${module}: ${shown}`)
    if (!runs) console.log(`       ${status}: ${error?.message}`)
  }
} finally {
  await toka.dispose()
}
console.log(failed === 0 ? 'all of them run for more than five seconds' : `${failed} ended by themselves`)
process.exitCode = failed === 0 ? 0 : 1
