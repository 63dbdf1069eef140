/** The limits suite: the same hostile guests against Toka and against other sandboxes, each pair in a process of its own. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { GUESTS } from './limits/guests.ts'
import { type Guest, LANGUAGES, type Language } from './limits/guest.ts'
import type { Measured } from './limits/measured.ts'
import { PEERS, type PeerEntry } from './limits/peers.ts'
import { page, partOf } from './limits/page.ts'
import { runCell } from './limits/runner.ts'
import { familySections, type PeerHeading, type Row, summaryTable } from './limits/table.ts'
import { better, isClose, isRed, judge, type Verdict } from './limits/verdict.ts'
import { installPeers, versionOf } from './peers/install.ts'
import type { Circumstances } from './run.ts'

/** On a busy machine a process may be kept waiting for longer than a threshold. */
const TRIES = 3
const USAGE = 'usage: npm run bench -- limits [--quick] [--only GUEST|FAMILY|SANDBOX|javascript|wasm]…\n'

/**
 * Runs the cells one after the other: two at once would delay each other's event loops, which are what is measured.
 * @param options `--quick`: a part of the guests; `--only NAME`: guests, families, sandboxes or languages of that name.
 * Only a run of all guests of a language in all its sandboxes writes its part of docs/limits.md, and its results.
 */
export async function main(options: readonly string[], circumstances: Circumstances): Promise<void> {
  const { guests, peers } = select(options)
  const installError = peers.some((peer) => peer.package) ? installPeers() : undefined
  const rows: Row[] = []
  for (const guest of guests) {
    for (const peer of peers.filter(({ language }) => language === guest.language)) {
      const row = await rowOf(guest, peer, installError)
      rows.push(row)
      const colour = isRed(row.verdict.mark) ? '!' : ' '
      process.stdout.write(`${colour} ${guest.name.padEnd(20)} ${peer.name.padEnd(24)} ${row.verdict.text}\n`)
    }
  }
  for (const language of LANGUAGES) {
    const own = rows.filter(({ guest }) => guest.language === language)
    if (own.length === 0) continue
    const headings = await Promise.all(peers.filter((peer) => peer.language === language).map(headingOf))
    process.stdout.write(`\n${summaryTable(headings, own)}\n\n${familySections(headings, own)}\n`)
    if (wholeLanguages(options).includes(language)) await writeResults(language, headings, own, circumstances)
  }
}

/** The languages of which everything was asked for. */
function wholeLanguages(options: readonly string[]): readonly string[] {
  if (options.length === 0) return LANGUAGES
  const names = options.filter((option) => option !== '--only')
  return names.every((name) => isLanguage(name)) ? names : []
}

const isLanguage = (name: string): boolean => LANGUAGES.some((language) => language === name)

/** @returns what `--only` names, or all */
function select(options: readonly string[]): { guests: readonly Guest[]; peers: readonly PeerEntry[] } {
  const names: string[] = []
  for (let i = 0; i < options.length; i++) {
    if (options[i] === '--only' && options[i + 1] !== undefined) names.push(options[++i] as string)
    else if (options[i] !== '--quick') fail(`unknown option ${options[i]}`)
  }
  const isGuest = ({ name, family, language }: Guest) => [name, family, language].some((word) => names.includes(word))
  const guestWords = GUESTS.flatMap(({ name, family, language }) => [name, family, language])
  const known = new Set([...guestWords, ...PEERS.map(({ name }) => name)])
  const stranger = names.find((name) => !known.has(name))
  if (stranger) fail(`no guest, family or sandbox ${stranger}; there are: ${[...known].join(', ')}`)
  const pool = options.includes('--quick') ? GUESTS.filter(({ quick }) => quick) : GUESTS
  const guests = GUESTS.some(isGuest) ? GUESTS.filter(isGuest) : pool
  const peers = PEERS.filter(({ name }) => names.includes(name))
  return { guests, peers: peers.length > 0 ? peers : PEERS }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n${USAGE}`)
  process.exit(64)
}

async function headingOf({ name, kind, package: from }: PeerEntry): Promise<PeerHeading> {
  return { name, kind, version: from ? ((await versionOf(from)) ?? 'not installed') : '' }
}

/** One cell; what is a little over a threshold is tried again, for every sandbox alike, and the better try counts. */
async function rowOf(guest: Guest, peer: PeerEntry, installError: string | undefined): Promise<Row> {
  const row = (verdict: Verdict, measured: Measured = { grownBytes: 0 }): Row => ({
    guest,
    peer: peer.name,
    verdict,
    measured,
  })
  if (peer.package && installError) return row({ mark: 'failed', text: `not installed: ${installError}` })
  if (guest.language === 'javascript' && guest.prints && peer.language === 'javascript' && !peer.prints)
    return row({ mark: 'absent', text: 'has no console' })
  let best: Row | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    const measured = await runCell(peer, guest)
    const verdict = judge(guest, measured)
    if (!best || better(best.verdict, verdict) === verdict) best = row(verdict, measured)
    if (!isClose(verdict, guest, measured)) break
  }
  return best as Row
}

async function writeResults(
  language: Language,
  peers: PeerHeading[],
  rows: Row[],
  circumstances: Circumstances,
): Promise<void> {
  const cells = rows.map(({ guest, peer, verdict, measured }) => {
    return { family: guest.family, guest: guest.name, peer, ...verdict, red: isRed(verdict.mark), ...measured }
  })
  const guests = [...new Set(rows.map(({ guest }) => guest))]
  const load = Math.round(loadavg()[2] ?? 0)
  const record = { suite: 'limits', language, ...circumstances, load, peers, guests, cells }
  await mkdir(new URL('results/', import.meta.url), { recursive: true })
  await writeFile(new URL(`results/limits-${language}.json`, import.meta.url), `${JSON.stringify(record, null, 2)}\n`)
  const file = new URL('../docs/limits.md', import.meta.url)
  await writeFile(
    file,
    page(await readFile(file, 'utf8'), language, partOf(language, peers, rows, { ...circumstances, load })),
  )
}
