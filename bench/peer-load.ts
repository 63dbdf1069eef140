/** A program of its own with one sandbox under load: prints one figure of those below as JSON. */
import { PEERS } from './limits/peers.ts'
import type { Attempt, Peer, Request } from './limits/peer.ts'

const MiB = 2 ** 20
const LIMITS = { timeoutMs: 60_000, memoryBytes: 64 * MiB, outputBytes: 65_536 }
const GUESTS = 20
const WAITING = 50
const [name = '', figure = ''] = process.argv.slice(2)

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How late a timer of one millisecond is at most, in milliseconds, until something has happened. */
async function worstLag(act: () => Promise<unknown>): Promise<number> {
  let worst = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    worst = Math.max(worst, now - last - 1)
    last = now
  }, 1)
  await act()
  // What ran to the very end is seen by one more look.
  await new Promise((resolve) => setTimeout(resolve, 5))
  clearInterval(timer)
  return worst
}

const endless: Attempt = { ...LIMITS, timeoutMs: 250, source: 'for (;;) {}', waits: false }
const waiting: Attempt = { ...LIMITS, source: 'return await call({ want: "never" })', waits: true }
const bomb: Attempt = {
  ...LIMITS,
  source: 'const a = []; for (;;) a.push(new Uint8Array(65536).fill(1))',
  waits: false,
}

const resident = (): number => {
  ;(globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().rss
}

const FIGURES: Record<string, (peer: Peer) => Promise<number>> = {
  /** Milliseconds, with guests that are begun one after the other, every five milliseconds. */
  lag: (peer) =>
    worstLag(() =>
      Promise.all(
        Array.from({ length: GUESTS }, async (_, at) => {
          await later(at * 5)
          await peer.run(endless).catch(() => {})
        }),
      ),
    ),
  /** KiB of each of some guests that are alive and wait for the host. */
  alive: async (peer) => {
    const before = resident()
    for (let i = 0; i < WAITING; i++) void peer.run(waiting).catch(() => {})
    await later(3_000)
    return (resident() - before) / WAITING / 1_024
  },
  /** Memory that the process took at most, over the limit of the guest. */
  bomb: async (peer) => {
    const before = resident()
    await peer.run(bomb).catch(() => {})
    return (process.resourceUsage().maxRSS * 1_024 - before) / bomb.memoryBytes
  },
}

const entry = PEERS.find((peer) => peer.name === name && peer.language === 'javascript')
const measured = FIGURES[figure]
if (entry?.language !== 'javascript' || !measured)
  throw new Error(`no sandbox is named ${name}, or no figure ${figure}`)
const answer = (request: Request | undefined) => (request?.want === 'never' ? new Promise(() => {}) : null)
const peer = await (await entry.load())(answer)
// A program that has served some guests: what is compiled or loaded at first use is there.
for (let round = 0; round < GUESTS; round++) {
  const harmless = await peer.run({ ...LIMITS, source: 'return 1 + 1', waits: false })
  if (harmless.by !== 'value') throw new Error(`${name}: ${JSON.stringify(harmless)}`)
}
process.stdout.write(JSON.stringify(await measured(peer)))
process.exit(0)
