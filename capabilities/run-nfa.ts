/** An automaton and a text in, whether it accepts out: for what is matched once, where building a table would cost more. */
import type { Nfa } from './nfa.ts'

const encoder = new TextEncoder()

function close(nfa: Nfa, states: Set<number>): Set<number> {
  for (const state of states) for (const to of nfa.empty[state]!) states.add(to)
  return states
}

/** @param nfa of a parser that answers a text for a pattern that is wrong: such accepts nothing */
export function runNfa(nfa: Nfa | string, text: string): boolean {
  if (typeof nfa === 'string') return false
  let states = close(nfa, new Set([nfa.start]))
  for (const byte of encoder.encode(text)) {
    const next = new Set<number>()
    for (const state of states)
      for (const { low, high, to } of nfa.edges[state]!) if (low <= byte && byte <= high) next.add(to)
    states = close(nfa, next)
  }
  return states.has(nfa.accept)
}
