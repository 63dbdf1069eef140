/** Bytes, characters and repetitions in, a nondeterministic automaton over bytes out. */
import { type Range, utf8Sequences } from './utf8-ranges.ts'

/** States are numbers; an edge is taken on a byte of its range, an empty one on nothing. */
export type Nfa = {
  edges: { low: number; high: number; to: number }[][]
  empty: number[][]
  start: number
  accept: number
}

export class NfaBuilder {
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

  finish(start: number, accept: number): Nfa {
    return { edges: this.edges, empty: this.empty, start, accept }
  }
}
