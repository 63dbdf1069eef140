/** The page docs/limits.md, made of the rows of a whole run. */
import type { Circumstances } from '../run.ts'
import { GRACE_MS, HARD_MEMORY } from './runner.ts'
import { familySections, markdownTable, type PeerHeading, type Row, summaryTable } from './table.ts'
import { duration, FROZEN_MS, HOST_BYTES, LATE_MS, size } from './verdict.ts'

/** @returns the whole page */
export function page(peers: readonly PeerHeading[], rows: readonly Row[], circumstances: Circumstances): string {
  const { date, machine, versions } = circumstances
  const guests = new Set(rows.map(({ guest }) => guest.name)).size
  const list = peers.map(({ name, version, kind }) => [name, version || versionOf(name, versions), kind])
  return `<!-- Written by \`npm run bench -- limits\`: do not edit. -->

# Hostile guests

${guests} hostile programs against Toka and against other sandboxes for JavaScript, with the same limits, on the same
machine, in the same run: \`npm run bench -- limits\` (${date.slice(0, 10)}; ${machine}; Node ${versions['node']}).

${markdownTable(['sandbox', 'version', 'kind'], list)}

Each is set up as its own manual says for hostile code: its time limit, memory limit, stack limit; the few lines of each
are in [bench/limits/peers](../bench/limits/peers).

## How it is measured

Each pair of guest and sandbox has a process of its own. Two harmless runs come first, then the guest, then a pause, then
two harmless runs again. Pairs run one after the other: two at once would disturb each other's event loops.

- **Late**: the caller has its answer more than ${duration(LATE_MS)} after the deadline. The start of the sandbox counts.
- **Ran on**: it did not end within ${duration(GRACE_MS)} of its deadline, or nothing else could run after it: the whole
  process was ended from outside.
- **Froze**: the event loop of the caller's thread stood still for more than ${duration(FROZEN_MS)}: no timer, no request,
  no signal of the program is served in that time. Not red: some sandboxes do not promise more.
- **Memory**: the process grew by more than 110 % of the guest's limit and ${size(HOST_BYTES)} for the host itself. At
  ${size(HARD_MEMORY)} the process was ended.
- **Escaped**: the guest returned a secret that was planted in the host's globals and environment, or changed a global or
  a prototype of the host. **Leaked**: it saw a stack of the host.
- **Crashed**: the process died. **Broken afterwards**: a harmless run no longer works.
- **Refused**: this sandbox does not take such programs when its limits are to hold. "-": it has no console.

What is a little over a threshold is tried up to three times, for every sandbox alike, and the best try counts. Red cells
are bold. Delays after "held" are of the caller's view: setting the sandbox up is part of them.

## Summary

Each guest counts once for a sandbox, by the worst that it did.

${summaryTable(peers, rows)}

## Each guest

${familySections(peers, rows)}
`
}

const versionOf = (name: string, versions: Circumstances['versions']) =>
  (name.startsWith('toka') ? versions['toka'] : versions['node']) ?? ''
