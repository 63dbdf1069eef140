/**
 * A pattern of host names in, an automaton over canonical hosts out.
 *
 * `*` stands for any characters of one label, `**` as the first label for any number of labels, none too:
 * `**.example.com` is `example.com` and everything beneath it. An address is itself alone: `192.0.2.7`, `[2001:db8::1]`.
 */
import { GrantError } from './grant-error.ts'
import { NfaBuilder, type Nfa } from './nfa.ts'
import type { Range } from './utf8-ranges.ts'

/** Bytes of a host name (RFC 1035, section 2.3.4). */
const HOST_BYTES = 253
const LABEL: readonly Range[] = [
  [0x2d, 0x2d],
  [0x30, 0x39],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]
const NAME: readonly Range[] = [...LABEL, [0x2e, 0x2e]]
const DOT: Range = [0x2e, 0x2e]

/** What is wrong with a pattern at first sight. */
function shapeProblem(pattern: string): string | undefined {
  if (pattern === '' || pattern.length > HOST_BYTES) return `must have 1 to ${HOST_BYTES} characters`
  if (/^\[[0-9a-f:.]+\]$/.test(pattern))
    return sameHost(pattern) ? undefined : 'is no IPv6 address in its canonical form'
  if (/[^a-z0-9\-_.*]/.test(pattern)) {
    const host = pattern.includes('*') ? undefined : canonicalHost(pattern)
    return `is not in canonical form: lower-case ASCII letters, digits, "-", "_" and "*"${host ? ` (write ${JSON.stringify(host)})` : ''}`
  }
  if (pattern.split('.').some((label) => label === '')) return 'has an empty label (a dot at the start or end, or two)'
  if (pattern.split('.').some((label) => label.length > 63)) return 'has a label of more than 63 characters'
  if (/\*\*/.test(pattern.replace(/^\*\*(\.|$)/, '')))
    return 'has "**" that is not the whole first label, as in **.example.com'
  if (!pattern.includes('*') && !sameHost(pattern))
    return `is no host in its canonical form (write ${JSON.stringify(canonicalHost(pattern) ?? 'a name')})`
  return undefined
}

/** The host as a URL holds it; undefined when a URL cannot. */
function canonicalHost(text: string): string | undefined {
  return URL.parse(`http://${text}/`)?.hostname || undefined
}

function sameHost(text: string): boolean {
  return canonicalHost(text) === text
}

function literal(builder: NfaBuilder, from: number, text: string): number {
  let at = from
  for (const byte of new TextEncoder().encode(text)) at = builder.byte(at, [byte, byte])
  return at
}

function build(pattern: string): Nfa {
  const builder = new NfaBuilder()
  const start = builder.state()
  const rest = pattern.startsWith('**') ? pattern.slice(2) : pattern
  let at = start
  if (rest !== pattern && rest === '') {
    const end = builder.repeat(start, NAME)
    return builder.finish(start, end)
  }
  if (rest !== pattern) {
    // Nothing, or labels and the dot behind them.
    const labels = builder.state()
    builder.skip(start, labels)
    const end = builder.byte(builder.repeat(builder.character(labels, LABEL), NAME), DOT)
    builder.skip(start, end)
    at = end
  }
  for (const [index, part] of rest
    .replace(/^\./, rest === pattern ? '.' : '')
    .split('*')
    .entries()) {
    if (index > 0) at = builder.repeat(at, LABEL)
    at = literal(builder, at, part)
  }
  return builder.finish(start, at)
}

/**
 * Parses a pattern of hosts.
 * @returns the automaton, or what is wrong with the pattern, in words
 */
export function tryParseHostGlob(pattern: string): Nfa | string {
  return shapeProblem(pattern) ?? build(pattern)
}

/**
 * The same for a pattern that should be right.
 * @throws GrantError
 */
export function parseHostGlob(pattern: string): Nfa {
  const parsed = tryParseHostGlob(pattern)
  if (typeof parsed === 'string') throw new GrantError(`host ${JSON.stringify(pattern.slice(0, 100))} ${parsed}`)
  return parsed
}
