/**
 * A path pattern in, a nondeterministic automaton over canonical bytes out.
 *
 * `*` any characters of one component, `?` one of them, `[a-z]` and `[!a-z]` one of a class, `{a,b}` alternatives.
 * A component that is `**` stands for any number of components, none too: `/data/**` is everything beneath `/data` and
 * `/data` itself. There is no escape: a class of one character (`[*]`) means that character.
 */
import { GrantError } from './grant-error.ts'
import { type Nfa, NfaBuilder } from './nfa.ts'
import { complement, type Range } from './utf8-ranges.ts'

/** UTF-16 units of a pattern: longer ones are mistakes. */
const PATTERN_LENGTH = 1_024
const BRACE_DEPTH = 8
const SLASH = 0x2f

const WITHIN_COMPONENT: readonly Range[] = [
  [0, SLASH - 1],
  [SLASH + 1, 255],
]
const NOT_SLASH = complement([[SLASH, SLASH]])

class PatternError extends Error {}

class GlobParser {
  readonly #points: string[]
  readonly #builder = new NfaBuilder()
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#points = [...text]
  }

  parse(): Nfa {
    const start = this.#builder.state()
    const accept = this.#sequence(start)
    return this.#builder.finish(start, accept)
  }

  #fail(problem: string): never {
    throw new PatternError(problem)
  }

  #sequence(start: number): number {
    let state = start
    while (this.#at < this.#points.length) {
      const point = this.#points[this.#at]!
      if (this.#depth > 0 && (point === ',' || point === '}')) break
      this.#at++
      state = this.#item(point, state)
    }
    return state
  }

  #item(point: string, state: number): number {
    switch (point) {
      case '/':
        return this.#slash(state)
      case '*':
        if (this.#points[this.#at] === '*') this.#fail('has "**" that is not a whole component, as in /data/**')
        return this.#builder.repeat(state, WITHIN_COMPONENT)
      case '?':
        return this.#builder.character(state, NOT_SLASH)
      case '[':
        return this.#builder.character(state, this.#class())
      case '{':
        return this.#braces(state)
      case '}':
        return this.#fail('has "}" without "{" (write [}] for the character)')
      default:
        return this.#literal(point, state)
    }
  }

  #literal(point: string, state: number): number {
    const code = point.codePointAt(0)!
    return this.#builder.character(state, [[code, code]])
  }

  /** A slash, or `/**`: nothing, or a slash and anything. */
  #slash(state: number): number {
    if (this.#points[this.#at] !== '*' || this.#points[this.#at + 1] !== '*') return this.#literal('/', state)
    this.#at += 2
    const next = this.#points[this.#at]
    const ends = next === undefined || next === '/' || (this.#depth > 0 && (next === ',' || next === '}'))
    if (!ends) this.#fail('has "**" that is not a whole component, as in /data/**/file')
    const end = this.#builder.repeat(this.#builder.byte(state, [SLASH, SLASH]), [[0, 255]])
    this.#builder.skip(state, end)
    return end
  }

  #class(): Range[] {
    const negated = this.#points[this.#at] === '!'
    if (negated) this.#at++
    const ranges: Range[] = []
    for (;;) {
      const first = this.#points[this.#at++]
      if (first === undefined) this.#fail('has "[" without "]" (write [[] for the character)')
      if (first === ']' && ranges.length > 0) break
      const isRange = this.#points[this.#at] === '-' && this.#points[this.#at + 1] !== ']'
      let last = first
      if (isRange) {
        last = this.#points[this.#at + 1] ?? this.#fail('has "[" without "]" (write [[] for the character)')
        this.#at += 2
      }
      ranges.push(this.#range(first, last))
    }
    return negated ? complement([...ranges, [SLASH, SLASH]]) : ranges
  }

  #range(first: string, last: string): Range {
    const low = first.codePointAt(0)!
    const high = last.codePointAt(0)!
    if (low > high) this.#fail(`has an empty range ${first}-${last}`)
    if (low <= SLASH && SLASH <= high) this.#fail(`has a class that holds "/" (in ${first}-${last})`)
    return [low, high]
  }

  #braces(state: number): number {
    if (++this.#depth > BRACE_DEPTH) this.#fail(`has more than ${BRACE_DEPTH} braces in each other`)
    const end = this.#builder.state()
    for (;;) {
      const branch = this.#builder.state()
      this.#builder.skip(state, branch)
      this.#builder.skip(this.#sequence(branch), end)
      const closing = this.#points[this.#at++]
      if (closing === '}') break
      if (closing === undefined) this.#fail('has "{" without "}" (write [{] for the character)')
    }
    this.#depth--
    return end
  }
}

/** What is wrong with a pattern at first sight, whatever it is of. */
function textProblem(pattern: string): string | undefined {
  if (pattern.length > PATTERN_LENGTH) return `is longer than ${PATTERN_LENGTH} characters`
  if (!pattern.isWellFormed()) return 'is not valid Unicode'
  if (!pattern.startsWith('/')) return 'must begin with "/": patterns are absolute paths'
  if (/[\u0000-\u001f\u007f]/.test(pattern)) return 'has a control character'
  if (pattern.includes('\\')) return 'has a backslash: there are no escapes, write a class such as [*]'
  return undefined
}

/** What no canonical path can match. */
function pathProblem(pattern: string): string | undefined {
  if (pattern.includes('//')) return 'has an empty component ("//")'
  if (pattern !== '/' && pattern.endsWith('/')) return 'ends in "/": write /** for what is beneath a directory'
  if (/\/\.{1,2}(\/|$)/.test(pattern)) return 'has a component "." or ".."'
  return undefined
}

/** What no path of a canonical URL can match. */
function urlProblem(pattern: string): string | undefined {
  if (/[^\u0021-\u007e]/.test(pattern)) return 'has a character that a URL writes with "%": write it so'
  if (pattern.includes('#')) return 'has "#": a fragment is never sent'
  if (/\/\.{1,2}(\/|$)/.test(pattern)) return 'has a component "." or ".."'
  if (/%(?![0-9A-F]{2})/.test(pattern)) return 'has "%" that is not followed by two capital hexadecimal digits'
  return undefined
}

function parsePattern(pattern: string, problem: string | undefined): Nfa | string {
  if (problem) return problem
  try {
    return new GlobParser(pattern).parse()
  } catch (error) {
    if (error instanceof PatternError) return error.message
    throw error
  }
}

/**
 * Parses a pattern of absolute guest paths.
 * @returns the automaton, or what is wrong with the pattern, in words
 */
export function tryParseGlob(pattern: string): Nfa | string {
  return parsePattern(pattern, textProblem(pattern) ?? pathProblem(pattern))
}

/** The same for paths of canonical URLs: they may end in a slash, and have empty components. */
export function tryParseUrlGlob(pattern: string): Nfa | string {
  return parsePattern(pattern, textProblem(pattern) ?? urlProblem(pattern))
}

/**
 * The same for a pattern that should be right.
 * @throws GrantError with the pattern and what is wrong with it
 */
export function parseGlob(pattern: string): Nfa {
  return mustParse(pattern, tryParseGlob)
}

/** @throws GrantError */
export function parseUrlGlob(pattern: string): Nfa {
  return mustParse(pattern, tryParseUrlGlob)
}

function mustParse(pattern: string, parse: (pattern: string) => Nfa | string): Nfa {
  const parsed = parse(pattern)
  if (typeof parsed === 'string') throw new GrantError(`pattern ${JSON.stringify(pattern.slice(0, 100))} ${parsed}`)
  return parsed
}
