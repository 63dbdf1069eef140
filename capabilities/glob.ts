/**
 * A path pattern in, a nondeterministic automaton over canonical bytes out.
 *
 * `*` any characters of one component, `?` one of them, `[a-z]` and `[!a-z]` one of a class, `{a,b}` alternatives.
 * A component that is `**` stands for any number of components, none too: `/data/**` is everything beneath `/data` and
 * `/data` itself. There is no escape: a class of one character (`[*]`) means that character.
 */
import { GrantError } from './grant-error.ts'
import { complement, type Range, utf8Sequences } from './utf8-ranges.ts'

/** States are numbers; an edge is taken on a byte of its range, an empty one on nothing. */
export type Nfa = {
  edges: { low: number; high: number; to: number }[][]
  empty: number[][]
  start: number
  accept: number
}

/** UTF-16 units of a pattern: longer ones are mistakes. */
const PATTERN_LENGTH = 1_024
const BRACE_DEPTH = 8
const SLASH = 0x2f

class Builder {
  readonly edges: Nfa['edges'] = []
  readonly empty: number[][] = []

  state(): number {
    this.empty.push([])
    return this.edges.push([]) - 1
  }

  skip(from: number, to: number): void {
    this.empty[from]!.push(to)
  }

  byte(from: number, [low, high]: Range): number {
    const to = this.state()
    this.edges[from]!.push({ low, high, to })
    return to
  }

  /** One character of the ranges. */
  character(from: number, ranges: readonly Range[]): number {
    const end = this.state()
    for (const sequence of utf8Sequences(ranges)) {
      let at = from
      sequence.forEach(([low, high], index) => {
        const to = index === sequence.length - 1 ? end : this.state()
        this.edges[at]!.push({ low, high, to })
        at = to
      })
    }
    return end
  }

  /** Any number of bytes of the ranges. Canonical names are UTF-8, so bytes need no grouping here. */
  repeat(from: number, ranges: readonly Range[]): number {
    const loop = this.state()
    this.skip(from, loop)
    for (const [low, high] of ranges) this.edges[loop]!.push({ low, high, to: loop })
    const end = this.state()
    this.skip(loop, end)
    return end
  }
}

const WITHIN_COMPONENT: readonly Range[] = [
  [0, SLASH - 1],
  [SLASH + 1, 255],
]
const NOT_SLASH = complement([[SLASH, SLASH]])

class PatternError extends Error {}

class GlobParser {
  readonly #points: string[]
  readonly #builder = new Builder()
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#points = [...text]
  }

  parse(): Nfa {
    const start = this.#builder.state()
    const accept = this.#sequence(start)
    return { edges: this.#builder.edges, empty: this.#builder.empty, start, accept }
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

/** What is wrong with a pattern at first sight: what no canonical path can match. */
function shapeProblem(pattern: string): string | undefined {
  if (pattern.length > PATTERN_LENGTH) return `is longer than ${PATTERN_LENGTH} characters`
  if (!pattern.isWellFormed()) return 'is not valid Unicode'
  if (!pattern.startsWith('/')) return 'must begin with "/": patterns are absolute guest paths'
  if (/[\u0000-\u001f\u007f]/.test(pattern)) return 'has a control character'
  if (pattern.includes('\\')) return 'has a backslash: there are no escapes, write a class such as [*]'
  if (pattern.includes('//')) return 'has an empty component ("//")'
  if (pattern.length > 1 && pattern.endsWith('/')) return 'ends in "/": write /** for what is beneath a directory'
  if (/(^|\/)\.{1,2}(\/|$)/.test(pattern)) return 'has a component "." or ".."'
  return undefined
}

/**
 * Parses a pattern of absolute guest paths.
 * @returns the automaton, or what is wrong with the pattern, in words
 */
export function tryParseGlob(pattern: string): Nfa | string {
  const problem = shapeProblem(pattern)
  if (problem) return problem
  try {
    return new GlobParser(pattern).parse()
  } catch (error) {
    if (error instanceof PatternError) return error.message
    throw error
  }
}

/**
 * The same for a pattern that should be right.
 * @throws GrantError with the pattern and what is wrong with it
 */
export function parseGlob(pattern: string): Nfa {
  const parsed = tryParseGlob(pattern)
  if (typeof parsed === 'string') throw new GrantError(`pattern ${JSON.stringify(pattern.slice(0, 100))} ${parsed}`)
  return parsed
}
