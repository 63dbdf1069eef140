/** What kind of name a pattern speaks of in, the automaton of all names that can ever be asked for out: inclusion is proved over these. */
import { NfaBuilder, type Nfa } from './nfa.ts'
import { complement, type Range } from './utf8-ranges.ts'

/** Canonical guest paths, paths of canonical URLs, or canonical host names. */
export type PatternKind = 'path' | 'url' | 'host'

const SLASH = 0x2f
const DOT = 0x2e
const BACKSLASH = 0x5c

/** One or more characters of the ranges. */
function some(builder: NfaBuilder, from: number, ranges: readonly Range[]): number {
  const end = builder.character(from, ranges)
  builder.skip(end, from)
  return end
}

/** `/`, or components that are neither empty nor `.` nor `..`, without NUL and backslash (see canonical-path.ts of the gate). */
function paths(): Nfa {
  const builder = new NfaBuilder()
  const letters: readonly Range[] = complement([
    [0, 0],
    [SLASH, SLASH],
    [BACKSLASH, BACKSLASH],
  ])
  const notDot = complement([
    [0, 0],
    [DOT, DOT],
    [SLASH, SLASH],
    [BACKSLASH, BACKSLASH],
  ])
  const start = builder.state()
  const accept = builder.state()
  builder.skip(builder.byte(start, [SLASH, SLASH]), accept)
  const more = builder.state()
  builder.skip(start, more)
  const component = builder.byte(more, [SLASH, SLASH])
  const end = builder.state()
  const rest = builder.state()
  // A component: a character that is no dot and anything; one dot and such; two dots and at least one more.
  builder.skip(builder.character(component, notDot), rest)
  const dot = builder.byte(component, [DOT, DOT])
  builder.skip(builder.character(dot, notDot), rest)
  const dots = builder.byte(dot, [DOT, DOT])
  builder.skip(builder.character(dots, letters), rest)
  builder.skip(rest, end)
  const loop = builder.state()
  builder.skip(rest, loop)
  builder.skip(some(builder, loop, letters), end)
  builder.skip(end, more)
  builder.skip(end, accept)
  return builder.finish(start, accept)
}

/** A slash and printable ASCII, without what a canonical URL's path never holds. */
function urlPaths(): Nfa {
  const builder = new NfaBuilder()
  const start = builder.state()
  const loop = builder.byte(start, [SLASH, SLASH])
  const end = builder.state()
  builder.skip(loop, end)
  builder.skip(
    some(builder, loop, [
      [0x21, 0x22],
      [0x24, 0x3e],
      [0x40, 0x5b],
      [0x5d, 0x7e],
    ]),
    end,
  )
  return builder.finish(start, end)
}

/** Labels of lower-case letters, digits, hyphens and underscores with dots between; or an address in brackets. */
function hosts(): Nfa {
  const builder = new NfaBuilder()
  const start = builder.state()
  const end = builder.state()
  const label: readonly Range[] = [
    [0x2d, 0x2d],
    [0x30, 0x39],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ]
  const first = builder.state()
  builder.skip(start, first)
  const done = some(builder, first, label)
  builder.skip(done, end)
  builder.skip(builder.byte(done, [DOT, DOT]), first)
  const inside = builder.byte(start, [0x5b, 0x5b])
  const address = some(builder, inside, [
    [0x30, 0x3a],
    [0x61, 0x66],
  ])
  builder.skip(builder.byte(address, [0x5d, 0x5d]), end)
  return builder.finish(start, end)
}

/** The automaton of a kind, made anew. */
export function makeDomain(kind: PatternKind): Nfa {
  return kind === 'path' ? paths() : kind === 'url' ? urlPaths() : hosts()
}

const made: Partial<Record<PatternKind, Nfa>> = {}

/** The automaton of a kind, made once. */
export function canonicalDomain(kind: PatternKind): Nfa {
  return (made[kind] ??= makeDomain(kind))
}
