/** Constraints of a child and of its parent in, the first argument out that the child leaves wider. */
import { type Constraint, type Constraints, satisfies, type Scalar } from './arguments.ts'
import { canonicalDomain, type PatternKind } from './canonical-domain.ts'
import { parseGlob } from './glob.ts'
import { parseHostGlob } from './host-glob.ts'
import { type Effort, proveInclusion } from './inclusion.ts'
import type { Nfa } from './nfa.ts'

/** Where a child is wider: the argument, and a value of it that the parent refuses, where one is known. */
export type WiderArgument = { argument: string; witness?: string }

type Patterns = { parse: (text: string) => Nfa; kind: PatternKind }
const PATHS: Patterns = { parse: parseGlob, kind: 'path' }
const HOSTS: Patterns = { parse: parseHostGlob, kind: 'host' }

function patternWitness(child: string, parent: string, { parse, kind }: Patterns, effort: Effort) {
  const proof = proveInclusion([parse(child)], [parse(parent)], canonicalDomain(kind), effort)
  return proof.included ? undefined : { witness: JSON.stringify(new TextDecoder().decode(proof.witness)) }
}

function valuesOf({ equals, oneOf }: Constraint): readonly Scalar[] | undefined {
  return oneOf ?? (equals === undefined ? undefined : [equals])
}

function isRange({ min, max }: Constraint): boolean {
  return min !== undefined || max !== undefined
}

function rangeWitness(child: Constraint, parent: Constraint): { witness?: string } | undefined {
  if (!isRange(parent)) return { witness: String(child.min ?? child.max) }
  if ((child.min ?? -Infinity) < (parent.min ?? -Infinity)) return { witness: String(child.min ?? -Infinity) }
  if ((child.max ?? Infinity) > (parent.max ?? Infinity)) return { witness: String(child.max ?? Infinity) }
  return undefined
}

/** How a child's constraint is wider than its parent's; undefined when it is proved not to be. */
function widerConstraint(child: Constraint, parent: Constraint, effort: Effort): { witness?: string } | undefined {
  if (child.optional && !parent.optional) return { witness: 'missing' }
  if (parent.any) return undefined
  const values = valuesOf(child)
  if (values) {
    const value = values.find((one) => !satisfies(one, parent))
    return value === undefined ? undefined : { witness: JSON.stringify(value) }
  }
  if (isRange(child)) return rangeWitness(child, parent)
  if (child.path !== undefined && parent.path !== undefined)
    return patternWitness(child.path, parent.path, PATHS, effort)
  if (child.host !== undefined && parent.host !== undefined)
    return patternWitness(child.host, parent.host, HOSTS, effort)
  if (child.prefix !== undefined && parent.prefix !== undefined)
    return child.prefix.startsWith(parent.prefix) ? undefined : { witness: JSON.stringify(child.prefix) }
  return {}
}

/**
 * Whether every set of arguments that the child takes is taken by the parent. Sound; not complete between kinds (a path
 * pattern under a prefix is not proved).
 * @throws TooHard
 */
export function widerArgument(
  child: Constraints | undefined,
  parent: Constraints | undefined,
  effort: Effort,
): WiderArgument | undefined {
  if (!parent) return undefined
  if (!child) return { argument: Object.keys(parent)[0] ?? '(any)', witness: 'anything' }
  for (const argument of Object.keys(child)) {
    if (!Object.hasOwn(parent, argument)) return { argument, witness: 'an argument that the parent does not know' }
    const wider = widerConstraint(child[argument]!, parent[argument]!, effort)
    if (wider) return { argument, ...wider }
  }
  const dropped = Object.keys(parent).find((argument) => !parent[argument]!.optional && !Object.hasOwn(child, argument))
  return dropped === undefined ? undefined : { argument: dropped, witness: 'missing' }
}
