/** A refused call of a tool in, the argument that stands between it and a grant out: for the host's eyes. */
import { type Constraints, predicateBits, refusedArgument } from '../../capabilities/arguments.ts'
import { constraintText } from '../../capabilities/format-grant.ts'
import { Reason } from '../../capabilities/isa.ts'

/** An argument that a grant does not allow; `(input)` where a call gives no plain object. */
export type ArgumentRefusal = {
  name: string
  /** What the grant allows: `1..100`, `path "/data/**"`; `nothing` for one that it does not name. */
  expected: string
}

/** UTF-16 units kept of a name, which may be the guest's own, and of what is expected. */
const SHOWN = 200

const shown = (text: string): string => text.slice(0, SHOWN).toWellFormed()

/**
 * Finds the argument whose constraint a call fails, where a grant covers the tool with other arguments.
 * @param input the call's argument, decoded
 * @param reasonWith what is decided when these predicates hold; 0 for allowed
 */
export function refusedBy(
  input: unknown,
  predicates: readonly Constraints[],
  reasonWith: (bits: Uint8Array) => number,
): ArgumentRefusal | undefined {
  const bits = predicateBits(input, predicates)
  const unmet = [...predicates.keys()].filter((index) => (bits[index >> 3]! & (1 << (index & 7))) === 0)
  const flip = (index: number): void => void (bits[index >> 3]! ^= 1 << (index & 7))
  for (const index of unmet) flip(index)
  if (reasonWith(bits) === Reason.NO_GRANT) return undefined
  // Of several grants the first is told: the constraints of those behind it are given up before.
  const needed = unmet.toReversed().filter((index) => {
    flip(index)
    if (reasonWith(bits) !== Reason.NO_GRANT) return false
    flip(index)
    return true
  })
  const constraints = needed.length === 0 ? undefined : predicates[needed.at(-1)!]
  const name = constraints && refusedArgument(input, constraints)
  if (name === undefined) return undefined
  const expected = Object.hasOwn(constraints!, name) ? constraintText(constraints![name]!) : 'nothing'
  return { name: shown(name), expected: name === '(input)' ? 'a plain object' : shown(expected) }
}
