/** Patterns of a child and of its parent in, the shortest name out that the child matches and the parent does not. */
import type { Nfa } from './nfa.ts'

/** What a proof came to. `witness` are the bytes of a name that the child alone matches. */
export type Inclusion = { included: true } | { included: false; witness: Uint8Array } | { included: 'unknown' }

/** States of the product that are looked at before a proof is given up: about a second, and 50 MB. */
const PRODUCT_STATES = 100_000

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

  constructor(automata: readonly Nfa[]) {
    const starts: number[] = []
    for (const nfa of automata) {
      const base = this.#edges.length
      for (const edges of nfa.edges) this.#edges.push(edges.map((edge) => ({ ...edge, to: edge.to + base })))
      for (const targets of nfa.empty) this.#empty.push(targets.map((to) => to + base))
      starts.push(nfa.start + base)
      this.#accepts.add(nfa.accept + base)
    }
    this.start = this.#number(starts)
  }

  #number(states: Iterable<number>): number {
    const seen = new Set(states)
    for (const state of seen) for (const to of this.#empty[state]!) seen.add(to)
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

  step(state: number, byte: number): number {
    const steps = this.#steps[state]!
    const known = steps[byte]
    if (known !== undefined) return known
    const targets = new Set<number>()
    for (const from of this.#subsets[state]!)
      for (const { low, high, to } of this.#edges[from]!) if (low <= byte && byte <= high) targets.add(to)
    const next = this.#number(targets)
    steps[byte] = next
    return next
  }
}

/** Domains are few and never change: their sets are made once. */
const domains = new WeakMap<Nfa, LazyDfa>()

function lazyDomain(domain: Nfa): LazyDfa {
  const known = domains.get(domain) ?? new LazyDfa([domain])
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
 */
export function proveInclusion(child: readonly Nfa[], parent: readonly Nfa[], domain: Nfa): Inclusion {
  const [left, right, names] = [new LazyDfa(child), new LazyDfa(parent), lazyDomain(domain)]
  const samples = sampleBytes([...child, ...parent, domain])
  const pairs: Pair[] = [{ left: left.start, domain: names.start, right: right.start, from: -1, byte: 0 }]
  const seen = new Set<string>([`${left.start},${names.start},${right.start}`])
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at]!
    if (left.accepts(pair.left) && names.accepts(pair.domain) && !right.accepts(pair.right))
      return { included: false, witness: pathTo(pairs, at) }
    for (const byte of samples) {
      const next = {
        left: left.step(pair.left, byte),
        domain: names.step(pair.domain, byte),
        right: right.step(pair.right, byte),
        from: at,
        byte,
      }
      if (left.isDead(next.left) || names.isDead(next.domain)) continue
      const key = `${next.left},${next.domain},${next.right}`
      if (seen.has(key)) continue
      if (pairs.length >= PRODUCT_STATES) return { included: 'unknown' }
      seen.add(key)
      pairs.push(next)
    }
  }
  return { included: true }
}
