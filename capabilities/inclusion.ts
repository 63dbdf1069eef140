/** Patterns of a child and of its parent in, the shortest name out that the child matches and the parent does not. */
import type { Nfa } from './nfa.ts'

/** What a proof came to. `witness` are the bytes of a name that the child alone matches. */
export type Inclusion = { included: true } | { included: false; witness: Uint8Array }

/** Steps of a product and states of its sets, of all the proofs that share an effort: a third of a second, and 50 MB. */
const UNITS = 2_000_000
/** What a proof costs before its first step. */
const BEGUN = 50

/** Proofs that share an effort would take more than it. */
export class TooHard extends Error {}

/**
 * What a whole question may cost, of however many proofs. Whoever holds a token can narrow it offline, by hundreds of
 * grants whose proofs are hard each: the bound is of the token, not of a proof.
 */
export class Effort {
  #left: number

  constructor(units: number = UNITS) {
    this.#left = units
  }

  /** @throws TooHard */
  spend(units: number): void {
    this.#left -= units
    if (this.#left < 0) throw new TooHard()
  }
}

/** Sets of states of several automata at once, numbered, with their transitions made as they are asked for. */
class LazyDfa {
  readonly #edges: Nfa['edges'] = []
  readonly #empty: number[][] = []
  readonly #accepts = new Set<number>()
  readonly #numbers = new Map<string, number>()
  readonly #subsets: number[][] = []
  readonly #steps: (number | undefined)[][] = []
  readonly #accepting: boolean[] = []
  readonly start: number

  constructor(automata: readonly Nfa[], effort: Effort) {
    const starts: number[] = []
    for (const nfa of automata) {
      const base = this.#edges.length
      for (const edges of nfa.edges) this.#edges.push(edges.map((edge) => ({ ...edge, to: edge.to + base })))
      for (const targets of nfa.empty) this.#empty.push(targets.map((to) => to + base))
      starts.push(nfa.start + base)
      this.#accepts.add(nfa.accept + base)
    }
    this.start = this.#number(starts, effort)
  }

  #number(states: Iterable<number>, effort: Effort): number {
    const seen = new Set(states)
    for (const state of seen) for (const to of this.#empty[state]!) seen.add(to)
    effort.spend(seen.size)
    const subset = [...Uint32Array.from(seen).sort()]
    const key = subset.join()
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.#subsets.length)
    this.#accepting.push(subset.some((state) => this.#accepts.has(state)))
    this.#steps.push([])
    return this.#subsets.push(subset) - 1
  }

  accepts(state: number): boolean {
    return this.#accepting[state]!
  }

  /** Whether nothing can be accepted from here on: the set is empty. */
  isDead(state: number): boolean {
    return this.#subsets[state]!.length === 0
  }

  step(state: number, byte: number, effort: Effort): number {
    const steps = this.#steps[state]!
    const known = steps[byte]
    if (known !== undefined) return known
    const targets = new Set<number>()
    for (const from of this.#subsets[state]!)
      for (const { low, high, to } of this.#edges[from]!) if (low <= byte && byte <= high) targets.add(to)
    const next = this.#number(targets, effort)
    steps[byte] = next
    return next
  }
}

/** Domains are few and never change: their sets are made once. */
const domains = new WeakMap<Nfa, LazyDfa>()

function lazyDomain(domain: Nfa, effort: Effort): LazyDfa {
  const known = domains.get(domain) ?? new LazyDfa([domain], effort)
  domains.set(domain, known)
  return known
}

/** One byte of each class that no edge of any automaton tells apart. */
function sampleBytes(automata: readonly Nfa[]): number[] {
  const begins = new Uint8Array(257)
  begins[0] = 1
  for (const { edges } of automata) {
    for (const { low, high } of edges.flat()) {
      begins[low] = 1
      begins[high + 1] = 1
    }
  }
  const samples: number[] = []
  for (let byte = 0; byte < 256; byte++) if (begins[byte]) samples.push(readable(begins, byte))
  return samples
}

/** A witness is read by people: of a class that begins with a control character, its first letter. */
function readable(begins: Uint8Array, first: number): number {
  let letter = first
  for (let byte = first + 1; byte < 0x7f && !begins[byte]; byte++) {
    if (byte === 0x61) return byte
    if (byte === 0x30 || (byte > 0x20 && letter <= 0x20)) letter = byte
  }
  return letter
}

type Pair = { left: number; domain: number; right: number; from: number; byte: number }

function pathTo(pairs: readonly Pair[], end: number): Uint8Array {
  const bytes: number[] = []
  for (let at = end; pairs[at]!.from >= 0; at = pairs[at]!.from) bytes.push(pairs[at]!.byte)
  return new Uint8Array(bytes.reverse())
}

/**
 * Whether every name of the domain that a child's pattern matches is matched by one of the parent's. Exact: breadth first
 * over the product of the three automata, so that a witness is the shortest there is.
 * @param child automata, one of which must match
 * @param domain what can be asked for at all
 * @throws TooHard
 */
export function proveInclusion(
  child: readonly Nfa[],
  parent: readonly Nfa[],
  domain: Nfa,
  effort: Effort = new Effort(),
): Inclusion {
  effort.spend(BEGUN)
  const [left, right] = [new LazyDfa(child, effort), new LazyDfa(parent, effort)]
  const names = lazyDomain(domain, effort)
  const samples = sampleBytes([...child, ...parent, domain])
  const pairs: Pair[] = [{ left: left.start, domain: names.start, right: right.start, from: -1, byte: 0 }]
  const seen = new Set<string>([`${left.start},${names.start},${right.start}`])
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at]!
    if (left.accepts(pair.left) && names.accepts(pair.domain) && !right.accepts(pair.right))
      return { included: false, witness: pathTo(pairs, at) }
    effort.spend(samples.length)
    for (const byte of samples) {
      const next = {
        left: left.step(pair.left, byte, effort),
        domain: names.step(pair.domain, byte, effort),
        right: right.step(pair.right, byte, effort),
        from: at,
        byte,
      }
      if (left.isDead(next.left) || names.isDead(next.domain)) continue
      const key = `${next.left},${next.domain},${next.right}`
      if (seen.has(key)) continue
      seen.add(key)
      pairs.push(next)
    }
  }
  return { included: true }
}
