/** Rows of judged cells go in, Markdown comes out: one summary, and one table for each family. */
import { FAMILIES, type Family, type Guest, HELD } from './guest.ts'
import type { Measured } from './measured.ts'
import { duration, isRed, type Mark, size, type Verdict } from './verdict.ts'

export type Row = { guest: Guest; peer: string; verdict: Verdict; measured: Measured }
export type PeerHeading = { name: string; kind: string; version: string }

/** A table of Markdown, its columns padded. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(escaped))
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const [first = [], ...others] = all
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n')
}

/** What a guest wrote may end up in an ending's text: it must stay in its cell. */
const escaped = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/[|<>`\\]/g, (char) => `\\${char}`)

/** How often each sandbox held, and the worst of each kind. */
export function summaryTable(peers: readonly PeerHeading[], rows: readonly Row[]): string {
  const head = [
    'sandbox',
    'held',
    'froze the host',
    'late or ran on',
    'over its memory',
    'crashed, broken',
    'escaped, leaked',
    'worst delay',
    'longest freeze',
    'most memory',
  ]
  const lines = peers.map(({ name, version }) => {
    const own = rows.filter((row) => row.peer === name && row.verdict.mark !== 'absent')
    const count = (...marks: Mark[]) => String(own.filter(({ verdict }) => marks.includes(verdict.mark)).length)
    const ended = own.filter(({ verdict }) => verdict.mark !== 'refused')
    const worst = (of: (row: Row) => number) => Math.max(0, ...ended.map(of))
    const memoryKills = own.filter(({ measured }) => measured.killed?.for === 'memory').length
    const timeKills = own.filter(({ measured }) => measured.killed?.for === 'time').length
    return [
      `${name} ${version}`.trim(),
      `${count('held')} of ${own.length}${count('refused') === '0' ? '' : ` (${count('refused')} refused)`}`,
      count('froze'),
      String(Number(count('late')) + timeKills),
      String(Number(count('memory', 'output')) + memoryKills),
      count('crashed', 'broken', 'failed'),
      count('escaped', 'leaked'),
      duration(worst(delayOf)),
      duration(worst(frozenOf)),
      size(worst(({ measured }) => measured.grownBytes)),
    ]
  })
  return markdownTable(head, lines)
}

const delayOf = ({ guest, measured: { report, killed } }: Row) =>
  Math.max(0, (report?.wallMs ?? (killed?.for === 'time' ? killed.afterMs : 0)) - guest.timeoutMs)

const frozenOf = ({ measured: { report, killed } }: Row) => report?.frozenMs ?? killed?.frozenMs ?? 0

/** One family: a line for each guest, a column for each sandbox; red cells are bold. */
export function familyTable(of: Family, peers: readonly PeerHeading[], rows: readonly Row[]): string {
  const own = rows.filter(({ guest }) => guest.family === of)
  const guests = [...new Map(own.map(({ guest }) => [guest.name, guest])).values()]
  const lines = guests.map(({ name, attack }) => [
    `${name}: ${attack}`,
    ...peers.map((peer) => cell(own.find((row) => row.peer === peer.name && row.guest.name === name)?.verdict)),
  ])
  return markdownTable(['guest', ...peers.map(({ name }) => name)], lines)
}

function cell(verdict: Verdict | undefined): string {
  if (!verdict) return ''
  const text = verdict.text.slice(0, 120)
  if (isRed(verdict.mark)) return `**${text}**`
  return verdict.mark === 'absent' ? '-' : text
}

/** The families that have rows, with their tables. */
export function familySections(peers: readonly PeerHeading[], rows: readonly Row[]): string {
  return FAMILIES.filter((of) => rows.some(({ guest }) => guest.family === of))
    .map((of) => `### ${of}\n\nHeld: ${HELD[of]}.\n\n${familyTable(of, peers, rows)}`)
    .join('\n\n')
}
