/** A token's report in, lines for a person out. */
import type { LinkReport, TokenReport } from '../security/index.ts'
import type { Paint } from './terminal.ts'
import { visible } from './terminal-text.ts'

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** Such as `2 hours`, of a time that is not negative. */
function span(ms: number): string {
  const [name, unit] = UNITS.find(([, size]) => ms >= size * 2) ?? UNITS[3]
  const count = Math.floor(ms / unit)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

function endOf({ expires }: LinkReport, now: number): string {
  const when = new Date(expires).toISOString()
  return expires > now ? `${when} (in ${span(expires - now)})` : `${when} (${span(now - expires)} ago)`
}

/** Texts of a token are a stranger's: no control of the terminal is in them. */
const safe = (text: string): string => visible(text, true)

function linkLines(link: LinkReport, index: number, now: number, paint: Paint): string[] {
  const line = (name: string, text: string): string => `  ${paint('dim', name.padEnd(10))} ${safe(text)}`
  const state = link.revoked ? paint('red', ' revoked') : link.expires <= now ? paint('red', ' ended') : ''
  return [
    `${paint('bold', `link ${index}`)} ${link.jti}${state}`,
    line('made by', link.by),
    ...(link.subject === undefined ? [] : [line('for', link.subject)]),
    ...(link.notBefore === undefined ? [] : [line('from', new Date(link.notBefore).toISOString())]),
    line('until', endOf(link, now)),
    ...link.allows.map((text, at) => line(at === 0 ? 'allows' : '', text)),
    ...(link.allows.length === 0 ? [line('allows', 'nothing')] : []),
    ...link.quotas.map(({ what, initial, left }) => line('left', `${left ?? '?'} of ${initial} ${what}`)),
    ...link.tookAway.map((text, at) => line(at === 0 ? 'took away' : '', text)),
  ]
}

export function reportLines(report: TokenReport, now: number, paint: Paint): string[] {
  const verdict = report.verified ? paint('green', 'the token holds') : paint('red', safe(report.problem ?? ''))
  const more = report.mayNarrow === 0 ? 'it cannot be narrowed further' : `${report.mayNarrow} more links may follow`
  return [
    verdict,
    `for ${safe(JSON.stringify(report.audience))}; ${more}`,
    ...report.links.flatMap((link, index) => ['', ...linkLines(link, index, now, paint)]),
  ]
}
