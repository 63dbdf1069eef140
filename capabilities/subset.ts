/**
 * Grants of a child and of its parent in, the proof that the child allows nothing that the parent does not, or what it
 * does. Quotas and rates are state and need no proof: a call charges every ancestor. But a child that states a larger
 * one, or a later end, is refused, because its reader would believe it.
 */
import { canonicalDomain } from './canonical-domain.ts'
import { widerArgument } from './constraint-subset.ts'
import { parseGlob } from './glob.ts'
import { Effort, proveInclusion, TooHard } from './inclusion.ts'
import type { NetGrant } from './net-shape.ts'
import { widerNet } from './net-subset.ts'
import type { Grant } from './schema.ts'
import { durationMs } from './schema-fields.ts'

/** Where a child is wider. */
export type Widening = {
  /** Index of the child's grant. */
  grant: number
  /** `fs.read` and the like. */
  action: string
  /** The field that is wider: `paths`, `args.id`, `quota.calls`. */
  field: string
  /** Something that the child would allow and the parent refuses, where one is known. */
  witness?: string
}

type Found = Omit<Widening, 'grant' | 'action'>
type Of<R extends Grant['resource']> = Extract<Grant, { resource: R }>

const text = new TextDecoder()

function isAbove(mine: number | undefined, theirs: number | undefined): mine is number {
  return (mine ?? 0) > (theirs ?? Number.POSITIVE_INFINITY)
}

/** What a child states of quotas, rates and times that its parent states smaller. */
function widerConditions(child: Grant, parent: Grant): Found | undefined {
  for (const key of ['calls', 'bytes'] as const) {
    const [mine, theirs] = [quotaOf(child, key), quotaOf(parent, key)]
    if (isAbove(mine, theirs)) return { field: `quota.${key}`, witness: `${mine} of ${theirs}` }
  }
  if (isAbove(child.expires, parent.expires))
    return { field: 'expires', witness: new Date(child.expires! - 1).toISOString() }
  if (isAbove(parent.notBefore, child.notBefore))
    return { field: 'notBefore', witness: new Date(child.notBefore!).toISOString() }
  if (child.rate && parent.rate && isFaster(child.rate, parent.rate))
    return { field: 'rate', witness: `${child.rate.burst} in ${child.rate.per}` }
  return undefined
}

function quotaOf({ quota }: Grant, key: 'calls' | 'bytes'): number | undefined {
  if (!quota) return undefined
  return key === 'calls' ? quota.calls : 'bytes' in quota ? quota.bytes : undefined
}

type Rate = NonNullable<Grant['rate']>
function isFaster(child: Rate, parent: Rate): boolean {
  const perMs = ({ per, burst }: Rate): number => burst / durationMs(per)
  return child.burst > parent.burst || perMs(child) > perMs(parent)
}

function widerPaths(child: Of<'fs'>, parents: readonly Of<'fs'>[], effort: Effort): Found | undefined {
  const patterns = parents.flatMap(({ paths }) => paths)
  // A pattern that the parent has, letter by letter, needs no proof.
  const own = child.paths.filter((pattern) => !patterns.includes(pattern))
  if (own.length === 0) return undefined
  const proof = proveInclusion(own.map(parseGlob), patterns.map(parseGlob), canonicalDomain('path'), effort)
  return proof.included ? undefined : { field: 'paths', witness: text.decode(proof.witness) }
}

function widerNames(child: Of<'env'>, parents: readonly Of<'env'>[]): Found | undefined {
  const known = new Set(parents.flatMap(({ names }) => names))
  const name = child.names.find((one) => !known.has(one))
  return name === undefined ? undefined : { field: 'names', witness: name }
}

function widerTool(child: Of<'tool'>, parents: readonly Of<'tool'>[], effort: Effort): Found | undefined {
  for (const name of child.names) {
    const naming = parents.filter(({ names }) => names.includes(name))
    if (naming.length === 0) return { field: 'names', witness: name }
    const wider = naming.map((parent) => widerArgument(child.args, parent.args, effort))
    if (wider.some((one) => one === undefined)) continue
    const { argument, witness } = wider[0]!
    return { field: `args.${argument}`, ...(witness === undefined ? {} : { witness }) }
  }
  return undefined
}

/** How a child's grant asks for more than all of these of its resource together, whatever their conditions. */
function widerScope(child: Grant, parents: readonly Grant[], effort: Effort): Found | undefined {
  switch (child.resource) {
    case 'fs':
      return widerPaths(child, parents as Of<'fs'>[], effort)
    case 'net':
      return widerNet(child, parents as NetGrant[], effort)
    case 'env':
      return widerNames(child, parents as Of<'env'>[])
    case 'tool':
      return widerTool(child, parents as Of<'tool'>[], effort)
    default:
      return undefined
  }
}

/** A single grant of the parent that covers the scope decides on stated conditions; a union must agree throughout. */
function widerGrant(child: Grant, action: string, parents: readonly Grant[], effort: Effort): Found | undefined {
  const same = parents.filter(
    (parent) => parent.resource === child.resource && (parent.actions as readonly string[]).includes(action),
  )
  if (same.length === 0) return { field: 'actions', witness: `${child.resource}.${action}` }
  const scope = widerScope(child, same, effort)
  if (scope) return scope
  const whole = same.length === 1 ? same : same.filter((parent) => widerScope(child, [parent], effort) === undefined)
  const stated = (whole.length > 0 ? whole : same).map((parent) => widerConditions(child, parent))
  if (whole.length > 0 && stated.some((one) => !one)) return undefined
  return stated.find((one) => one !== undefined)
}

/** A proof that costs too much is none: the child is refused. */
function proved(prove: () => Found | undefined): Found | undefined {
  try {
    return prove()
  } catch (error) {
    if (error instanceof TooHard) return { field: 'patterns' }
    throw error
  }
}

/**
 * Where a child's grants are wider than its parent's.
 * @param effort what the proofs may cost, with all others that share it
 * @returns undefined when the child is proved to allow nothing more
 * @example findWidening(parseGrants([{ resource: 'fs', actions: ['read'], paths: ['/wor*\u002fx'] }]), parent)?.witness // /wor/x
 */
export function findWidening(
  child: readonly Grant[],
  parent: readonly Grant[],
  effort: Effort = new Effort(),
): Widening | undefined {
  for (const [index, grant] of child.entries()) {
    for (const action of grant.actions) {
      const found = proved(() => widerGrant(grant, action, parent, effort))
      if (found) return { grant: index, action: `${grant.resource}.${action}`, ...found }
    }
  }
  return undefined
}

/** A widening in words. */
export function describeWidening({ grant, action, field, witness }: Widening): string {
  const example =
    witness === undefined ? 'it could not be proved to be narrower' : `${witness} is not the parent's to give`
  return `grants[${grant}] (${action}) is wider than its parent in ${field}: ${example}`
}
