/** Nondeterministic automata in, one minimal automaton out, packed as the CVM reads it. */
import type { Nfa } from './nfa.ts'
import { Bound, Dfa as DfaOffset } from './isa.ts'

/** A complete automaton over classes of bytes. State 0 is dead; `universal` accepts every continuation (0: none). */
export type Dfa = {
  start: number
  universal: number
  accepting: readonly boolean[]
  /** Class of each byte. */
  classes: Uint8Array
  /** Next state by state and class. */
  table: readonly (readonly number[])[]
}

/** Sets of states while determinising; minimal automata of 255 states rarely pass through more. */
const SUBSETS = 1_024

type Partial = { table: number[][]; accepting: boolean[]; start: number }

/** Bytes that no edge tells apart share a class. Answers one byte of each class, and the class of each byte. */
function byteClasses(automata: readonly Nfa[]): { samples: number[]; classes: Uint8Array } {
  const begins = new Uint8Array(257)
  begins[0] = 1
  for (const { edges } of automata) {
    for (const { low, high } of edges.flat()) {
      begins[low] = 1
      begins[high + 1] = 1
    }
  }
  const samples: number[] = []
  const classes = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    if (begins[byte]) samples.push(byte)
    classes[byte] = samples.length - 1
  }
  return { samples, classes }
}

/** All automata as one, each with its own block of state numbers. */
class Union {
  readonly edges: Nfa['edges'] = []
  readonly #empty: number[][] = []
  readonly starts: number[] = []
  readonly accepts = new Set<number>()

  constructor(automata: readonly Nfa[]) {
    for (const nfa of automata) {
      const base = this.edges.length
      for (const edges of nfa.edges) this.edges.push(edges.map((edge) => ({ ...edge, to: edge.to + base })))
      for (const targets of nfa.empty) this.#empty.push(targets.map((to) => to + base))
      this.starts.push(nfa.start + base)
      this.accepts.add(nfa.accept + base)
    }
  }

  close(states: Iterable<number>): number[] {
    const seen = new Set(states)
    for (const state of seen) for (const to of this.#empty[state]!) seen.add(to)
    return [...Uint32Array.from(seen).sort()]
  }
}

/** The subset construction. `undefined` when there are too many subsets. */
function determinise(automata: readonly Nfa[], samples: readonly number[]): Partial | undefined {
  const union = new Union(automata)
  const numbers = new Map<string, number>()
  const subsets: number[][] = []
  const number = (subset: number[]): number => {
    const key = subset.join()
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, subsets.length)
    return subsets.push(subset) - 1
  }
  // The dead state comes first.
  number([])
  const start = number(union.close(union.starts))
  const table: number[][] = []
  for (let at = 0; at < subsets.length; at++) {
    if (subsets.length > SUBSETS) return undefined
    const edges = subsets[at]!.flatMap((state) => union.edges[state]!)
    table.push(
      samples.map((byte) => {
        const targets = new Set<number>()
        for (const { low, high, to } of edges) if (low <= byte && byte <= high) targets.add(to)
        return number(union.close(targets))
      }),
    )
  }
  return { table, accepting: subsets.map((subset) => subset.some((state) => union.accepts.has(state))), start }
}

/** Merges states that no continuation tells apart (Moore's refinement). The dead state stays number 0. */
function minimise({ table, accepting, start }: Partial): Partial {
  let group = accepting.map(Number)
  let count = 0
  for (;;) {
    const numbers = new Map<string, number>()
    const next = table.map((row, state) => {
      const key = `${group[state]}:${row.map((to) => group[to]).join()}`
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, numbers.size)
      return numbers.size - 1
    })
    group = next
    if (numbers.size === count) break
    count = numbers.size
  }
  const rows: number[][] = []
  const accepts: boolean[] = []
  table.forEach((row, state) => {
    rows[group[state]!] ??= row.map((to) => group[to]!)
    accepts[group[state]!] = accepting[state]!
  })
  return { table: rows, accepting: accepts, start: group[start]! }
}

/** Columns that are equal become one class. */
function mergeClasses(table: number[][], classes: Uint8Array): { table: number[][]; classes: Uint8Array } {
  const numbers = new Map<string, number>()
  const kept: number[] = []
  const merged = table[0]!.map((_, column) => {
    const key = table.map((row) => row[column]).join()
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, kept.length)
    return kept.push(column) - 1
  })
  return { table: table.map((row) => kept.map((column) => row[column]!)), classes: classes.map((old) => merged[old]!) }
}

/**
 * Builds the minimal automaton that accepts what any of the given ones accepts.
 * @returns undefined when it needs more than 255 states
 */
export function buildDfa(automata: readonly Nfa[]): Dfa | undefined {
  const { samples, classes } = byteClasses(automata)
  const whole = determinise(automata, samples)
  if (!whole) return undefined
  const minimal = minimise(whole)
  if (minimal.table.length > Bound.STATES) return undefined
  const merged = mergeClasses(minimal.table, classes)
  const universal = merged.table.findIndex((row, state) => minimal.accepting[state] && row.every((to) => to === state))
  return { start: minimal.start, universal: Math.max(universal, 0), accepting: minimal.accepting, ...merged }
}

/** The automaton as the CVM's record (`Dfa` in isa.ts). */
export function packDfa({ start, universal, accepting, classes, table }: Dfa): Uint8Array {
  const width = table[0]!.length
  const bytes = new Uint8Array(DfaOffset.TABLE + table.length * width)
  new DataView(bytes.buffer).setUint16(DfaOffset.CLASSES, width, true)
  bytes[DfaOffset.STATES] = table.length
  bytes[DfaOffset.START] = start
  bytes[DfaOffset.UNIVERSAL] = universal
  accepting.forEach((accepts, state) => {
    if (accepts) bytes[DfaOffset.ACCEPT + (state >> 3)]! |= 1 << (state & 7)
  })
  bytes.set(classes, DfaOffset.MAP)
  table.forEach((row, state) => {
    bytes.set(row, DfaOffset.TABLE + state * width)
  })
  return bytes
}
