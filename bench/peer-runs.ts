/** A program of its own with one sandbox: what an isolated run of it takes, and a call of the host. Prints microseconds as JSON. */
import { PEERS } from './limits/peers.ts'
import type { Attempt } from './limits/peer.ts'

const LIMITS = { timeoutMs: 10_000, memoryBytes: 64 * 2 ** 20, outputBytes: 65_536 }
const CALLS = 200
const [name = '', times = '60'] = process.argv.slice(2)

const entry = PEERS.find((peer) => peer.name === name && peer.language === 'javascript')
if (entry?.language !== 'javascript') throw new Error(`no sandbox is named ${name}`)
const peer = await (await entry.load())((request) => request?.data ?? null)

/** Microseconds of each of some runs, after a fifth as many unmeasured ones. */
async function timed(rounds: number, attempt: Attempt, wanted: unknown): Promise<number[]> {
  const taken: number[] = []
  for (let round = -Math.ceil(rounds / 5); round < rounds; round++) {
    const started = performance.now()
    const ending = await peer.run(attempt)
    const took = performance.now() - started
    if (ending.by !== 'value' || ending.value !== wanted) throw new Error(`${name}: ${JSON.stringify(ending)}`)
    if (round >= 0) taken.push(took * 1_000)
  }
  return taken
}

const runs = await timed(Number(times), { ...LIMITS, source: 'return 1 + 1', waits: false }, 2)
const source = `let sum = 0; for (let i = 0; i < ${CALLS}; i++) sum += await call({ want: 'data', data: 1 }); return sum`
const waiting = await timed(Math.ceil(Number(times) / 4), { ...LIMITS, source, waits: true }, CALLS).catch(
  () => undefined,
)
process.stdout.write(JSON.stringify({ runs, calls: waiting?.map((us) => us / CALLS) }))
process.exit(0)
