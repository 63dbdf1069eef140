/** The page docs/limits.md, of which a whole run of a language writes its part. */
import type { Circumstances } from '../run.ts'
import { LANGUAGES, type Language } from './guest.ts'
import { familySections, markdownTable, type PeerHeading, type Row, summaryTable } from './table.ts'
import { duration, FROZEN_MS, GRACE_MS, HARD_MEMORY, HOST_BYTES, LATE_MS, size } from './verdict.ts'

const TITLES: Record<Language, { title: string; guests: string; sandboxes: string }> = {
  javascript: { title: 'JavaScript', guests: 'programs', sandboxes: 'other sandboxes for JavaScript' },
  wasm: { title: 'WASI modules', guests: 'modules', sandboxes: 'other hosts of WASI preview 1' },
}

const mark = (language: Language, end: 'begins' | 'ends') => `<!-- ${language} ${end} -->`

/**
 * @param old the page as it is: parts of other languages stay
 * @returns the whole page
 */
export function page(old: string, language: Language, part: string): string {
  const parts = LANGUAGES.map((each) => (each === language ? part : betweenMarks(old, each)))
  return `${INTRODUCTION}\n${parts.join('\n')}`
}

function betweenMarks(text: string, language: Language): string {
  const [begin, end] = [text.indexOf(mark(language, 'begins')), text.indexOf(mark(language, 'ends'))]
  return begin < 0 || end < begin ? '' : `${text.slice(begin, end)}${mark(language, 'ends')}\n`
}

const INTRODUCTION = `<!-- Written by \`npm run bench -- limits\`: do not edit. -->

# Hostile guests

Hostile programs and modules against Toka and against other sandboxes, with the same limits, on the same machine, in the
same run: \`npm run bench -- limits\`. Each sandbox is set up as its own manual says for hostile code: its time limit,
memory limit, stack limit; the few lines of each are in [bench/limits/peers](../bench/limits/peers).

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
- **Escaped**: the guest has a secret that was planted in the host's globals and environment, and for modules in a file
  above their directory; or it changed a global or a prototype of the host, or made something beside that file.
  **Leaked**: it saw a stack of the host.
- **Crashed**: the process died. **Broken afterwards**: a harmless run no longer works.
- **Refused**: this sandbox does not take such programs when its limits are to hold. "-": it has no console.

What is a little over a threshold is tried up to three times, for every sandbox alike, and the best try counts. Red cells
are bold. Delays after "held" are of the caller's view: setting the sandbox up is part of them.
`

/** @returns what a run of all guests of a language says */
export function partOf(
  language: Language,
  peers: readonly PeerHeading[],
  rows: readonly Row[],
  circumstances: Circumstances & { load: number },
): string {
  const { date, machine, versions, load } = circumstances
  const { title, guests, sandboxes } = TITLES[language]
  const count = new Set(rows.map(({ guest }) => guest.name)).size
  const list = peers.map(({ name, version, kind }) => [name, version || versionOf(name, versions), kind])
  return `${mark(language, 'begins')}

## ${title}

${count} ${guests} against Toka and ${sandboxes} (${date.slice(0, 10)}; ${machine}; Node ${versions['node']};
programs that ran or wanted to, at the end: ${load}, this one counted). Each guest counts once for a sandbox, by the worst that it
did. On a machine whose processors are fewer than its programs all that is late is later, in every column.

${markdownTable(['sandbox', 'version', 'kind'], list)}

${summaryTable(peers, rows)}

${familySections(peers, rows)}

${mark(language, 'ends')}
`
}

const versionOf = (name: string, versions: Circumstances['versions']) =>
  (name.startsWith('toka') ? versions['toka'] : versions['node']) ?? ''
