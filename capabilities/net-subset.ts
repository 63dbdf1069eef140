/** A child's net grant and its parent's in, a request out that the child alone allows. */
import {
  type AddressRange,
  complementOf,
  formatAddress,
  outside,
  parseNetwork,
  rangeOf,
  SPECIAL_RANGES,
} from './address.ts'
import { canonicalDomain } from './canonical-domain.ts'
import { parseUrlGlob } from './glob.ts'
import { parseHostGlob } from './host-glob.ts'
import { type Effort, proveInclusion } from './inclusion.ts'
import { METHODS, SCHEMES } from './methods.ts'
import { type NetGrant, netShape } from './net-shape.ts'

/** Which part of the grant is wider, and a value of it that the parent refuses, where one is known. */
export type Wider = { field: string; witness?: string }

const EVERY_PATH = ['/**']
const text = new TextDecoder()

function rangesOf({ cidrs }: NetGrant): readonly AddressRange[] {
  return cidrs ? cidrs.map((network) => rangeOf(parseNetwork(network))) : complementOf(SPECIAL_RANGES)
}

function methodName(number: number): string {
  return `${METHODS[number >> 1]} ${SCHEMES[number & 1]}`
}

function widerPorts(child: readonly [number, number][], parent: readonly [number, number][]): Wider | undefined {
  const asRanges = (ports: readonly [number, number][]): AddressRange[] =>
    ports.map(([low, high]) => ({ family: 4, low: BigInt(low), high: BigInt(high) }))
  const found = outside(asRanges(child), asRanges(parent))
  return found && { field: 'ports', witness: String(found.address) }
}

function widerAddresses(child: NetGrant, parents: readonly NetGrant[]): Wider | undefined {
  const found = outside(
    rangesOf(child),
    parents.flatMap((parent) => rangesOf(parent)),
  )
  return found && { field: 'cidrs', witness: formatAddress(found) }
}

function widerPattern(
  field: 'hosts' | 'paths',
  child: readonly string[],
  parent: readonly string[],
  effort: Effort,
): Wider | undefined {
  const parse = field === 'hosts' ? parseHostGlob : parseUrlGlob
  const domain = canonicalDomain(field === 'hosts' ? 'host' : 'url')
  const proof = proveInclusion(child.map(parse), parent.map(parse), domain, effort)
  return proof.included ? undefined : { field, witness: text.decode(proof.witness) }
}

/** What comparing two grants costs beside their proofs, in units of an effort. */
const COMPARED = 20

/** How a child's grant is wider than one grant of its parent. */
function widerThan(child: NetGrant, parent: NetGrant, effort: Effort): Wider | undefined {
  effort.spend(COMPARED)
  const [mine, theirs] = [netShape(child), netShape(parent)]
  const method = mine.methods.find((number) => !theirs.methods.includes(number))
  if (method !== undefined) return { field: 'methods', witness: methodName(method) }
  return (
    widerPorts(mine.ports, theirs.ports) ??
    widerPattern('hosts', child.hosts, parent.hosts, effort) ??
    widerPattern('paths', mine.paths ?? EVERY_PATH, theirs.paths ?? EVERY_PATH, effort) ??
    widerAddresses(child, [parent])
  )
}

/** The grant as many that each have one host and one method: a parent may cover them one by one. */
function parts(grant: NetGrant): NetGrant[] {
  const { methods = ['GET', 'HEAD'], schemes = ['https'] } = grant
  return grant.hosts.flatMap((host) =>
    methods.flatMap((method) =>
      schemes.map((scheme) => ({
        ...grant,
        hosts: [host],
        methods: [method],
        schemes: [scheme],
        ports: netShape(grant).ports.map(([low, high]) => `${low}-${high}`),
      })),
    ),
  )
}

/** A part is covered by one grant of the parent, or by several that differ in their paths alone. */
function coveredByPaths(part: NetGrant, parents: readonly NetGrant[], effort: Effort): boolean {
  const fitting = parents.filter(
    (parent) => !widerThan({ ...part, paths: netShape(parent).paths ?? EVERY_PATH }, parent, effort),
  )
  const paths = fitting.flatMap((parent) => netShape(parent).paths ?? EVERY_PATH)
  return widerPattern('paths', netShape(part).paths ?? EVERY_PATH, paths, effort) === undefined
}

/** How a child's grant is wider than all of its parent's together; undefined when it is proved not to be. @throws TooHard */
export function widerNet(child: NetGrant, parents: readonly NetGrant[], effort: Effort): Wider | undefined {
  const single = parents.map((parent) => widerThan(child, parent, effort))
  if (single.includes(undefined) || parts(child).every((part) => coveredByPaths(part, parents, effort)))
    return undefined
  return single[0] ?? { field: 'resource' }
}
