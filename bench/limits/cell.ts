/** The process of one cell: `node cell.ts PEER GUEST` runs one guest in one sandbox and tells its parent what happened. */
import { setTimeout as sleep } from 'node:timers/promises'
import { GUESTS } from './guests.ts'
import { OUTPUT_BYTES, type Guest } from './guest.ts'
import { hostFunction, plantSecret, readAll, watchGlobals, watchLoop } from './host.ts'
import type { Message, Report } from './measured.ts'
import { type Attempt, type Ending, messageOf, type Peer } from './peer.ts'
import { PEERS } from './peers.ts'

/** What may come after the result: finalizers, late jobs. */
const AFTERMATH_MS = 150

const [, , peerName, guestName] = process.argv
const entry = PEERS.find(({ name }) => name === peerName)
const guest = GUESTS.find(({ name }) => name === guestName)
if (!entry || !guest) throw new Error(`no cell ${peerName} ${guestName}`)

const tell = (message: Message) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))

const secret = plantSecret()
try {
  const peer = await (await entry.load())(hostFunction)
  const wrong = (await harmless(peer)) ?? (await harmless(peer))
  if (wrong !== undefined) await tell({ kind: 'unavailable', message: wrong })
  else await attack(peer, guest)
} catch (error) {
  await tell({ kind: 'unavailable', message: messageOf(error) })
}
process.exit(0)

async function attack(peer: Peer, { source, waits, timeoutMs, memoryBytes, family }: Guest): Promise<void> {
  const attempt = { source, waits: waits === true, timeoutMs, memoryBytes, outputBytes: OUTPUT_BYTES }
  globalThis.gc?.()
  const changes = watchGlobals()
  await tell({ kind: 'start', rssBytes: process.memoryUsage.rss() })
  const before = peakRss()
  setInterval(() => process.send?.({ kind: 'beat' }), 50)
  const loop = watchLoop()
  const started = performance.now()
  const { ending, text } = await end(peer, attempt)
  const wallMs = performance.now() - started
  await tell({ kind: 'ran' })
  // Finalizers come after a collection, which is our own doing.
  if (family === 'host') loop.without(() => globalThis.gc?.())
  await sleep(AFTERMATH_MS)
  const report: Report = {
    wallMs,
    frozenMs: loop.worst(),
    ending: { by: ending.by, detail: ending.by === 'value' ? text.slice(0, 160) : ending.message },
    outputBytes: ending.by === 'refused' ? 0 : (ending.outputBytes ?? 0),
    escapes: [...(text.includes(secret) ? ["saw the host's globals"] : []), ...changes()],
    leaks: /\bcell\.ts|\bhost\.ts|node:internal/.test(text) ? ['saw a stack of the host'] : [],
  }
  const peakBytes = peakRss() > before ? peakRss() : 0
  const wrong = (await harmless(peer)) ?? (await harmless(peer))
  if (wrong !== undefined) report.broken = wrong
  await tell({ kind: 'end', report, peakBytes })
}

/** The end of a run, as a program of a user has it: it reads the result, or the error's message. */
async function end(peer: Peer, attempt: Attempt): Promise<{ ending: Ending; text: string }> {
  try {
    const ending = await peer.run(attempt)
    return { ending, text: ending.by === 'value' ? readAll(ending.value) : ending.message }
  } catch (error) {
    const message = messageOf(error)
    return { ending: { by: 'error', message }, text: message }
  }
}

/** Runs a program that does no harm. @returns what went wrong */
async function harmless(peer: Peer): Promise<string | undefined> {
  const limits = { timeoutMs: 5_000, memoryBytes: 64 * 2 ** 20, outputBytes: OUTPUT_BYTES }
  try {
    const ending = await peer.run({ source: 'return 1 + 1', waits: false, ...limits })
    if (ending.by !== 'value') return ending.message
    return ending.value === 2 ? undefined : `1 + 1 is ${String(ending.value)}`
  } catch (error) {
    return messageOf(error)
  }
}

/** The largest that this process has ever been, in bytes. */
function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024
}
