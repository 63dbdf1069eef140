/** The process of one cell: `node cell.ts PEER GUEST DIRECTORY` runs one guest in one sandbox and tells its parent what happened. */
import { setTimeout as sleep } from 'node:timers/promises'
import { GUESTS } from './guests.ts'
import type { Guest } from './guest.ts'
import { plantSecret, readAll, watchGlobals, watchLoop } from './host.ts'
import type { Message, Report } from './measured.ts'
import { type Ending, messageOf } from './peer.ts'
import { PEERS } from './peers.ts'
import { makeSubject, type Subject } from './subject.ts'

/** What may come after the result: finalizers, late jobs. */
const AFTERMATH_MS = 150

const [, , peerName, guestName, scratch] = process.argv
const guest = GUESTS.find(({ name }) => name === guestName)
const entry = PEERS.find(({ name, language }) => name === peerName && language === guest?.language)
if (!entry || !guest || scratch === undefined) throw new Error(`no cell ${peerName} ${guestName}`)

const tell = (message: Message) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))

const secret = plantSecret()
try {
  const subject = await makeSubject(entry, guest, scratch, secret)
  const wrong = (await subject.harmless()) ?? (await subject.harmless())
  if (wrong !== undefined) await tell({ kind: 'unavailable', message: wrong })
  else await attack(subject, guest)
} catch (error) {
  await tell({ kind: 'unavailable', message: messageOf(error) })
}
process.exit(0)

async function attack(subject: Subject, { family }: Guest): Promise<void> {
  globalThis.gc?.()
  const changes = watchGlobals()
  await tell({ kind: 'start', rssBytes: process.memoryUsage.rss() })
  const before = peakRss()
  setInterval(() => process.send?.({ kind: 'beat' }), 50)
  const loop = watchLoop()
  const started = performance.now()
  const { ending, text } = await end(subject)
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
    escapes: [...(text.includes(secret) ? [sawWhat(family)] : []), ...changes(), ...subject.changes()],
    leaks: /\bcell\.ts|\bhost\.ts|node:internal/.test(text) ? ['saw a stack of the host'] : [],
  }
  const peakBytes = peakRss() > before ? peakRss() : 0
  const wrong = (await subject.harmless()) ?? (await subject.harmless())
  if (wrong !== undefined) report.broken = wrong
  await tell({ kind: 'end', report, peakBytes })
}

/** The end of a run, as a program of a user has it: it reads the result, or the error's message. */
async function end(subject: Subject): Promise<{ ending: Ending; text: string }> {
  try {
    const ending = await subject.attack()
    return { ending, text: ending.by === 'value' ? readAll(ending.value) : ending.message }
  } catch (error) {
    const message = messageOf(error)
    return { ending: { by: 'error', message }, text: message }
  }
}

function sawWhat(family: Guest['family']): string {
  return family === 'files' ? 'read a file above its directory' : "saw the host's globals"
}

/** The largest that this process has ever been, in bytes. */
function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024
}
