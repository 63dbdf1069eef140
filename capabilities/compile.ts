/** Grants in, one program out: for each link first what is allowed without conditions, then the other grants in the order given. */
import { maskOf, parseNetwork } from './address.ts'
import { Assembler, type Program } from './assembler.ts'
import { buildDfa, packDfa } from './dfa.ts'
import { parseGlob, parseUrlGlob } from './glob.ts'
import { GrantError } from './grant-error.ts'
import { parseHostGlob } from './host-glob.ts'
import { Action, type ActionName, Bound, ONE_CALL, RAISES, Slot } from './isa.ts'
import { SPECIAL_ADDRESS } from './methods.ts'
import type { Nfa } from './nfa.ts'
import { durationMs, type Grant } from './schema.ts'
import { netShape, type NetGrant } from './net-shape.ts'

export type { CellPlan, Program } from './assembler.ts'

const MICROSECONDS = 1_000
const EVERY_ACTION = 0xffff

/** The grants of one link of a chain. */
export type ChainLink = {
  grants: readonly Grant[]
  /** Whether it can be revoked: a cell says that it is alive. */
  revocable?: boolean
  /** When the whole link holds, in milliseconds since 1970. */
  notBefore?: number | undefined
  expires?: number | undefined
  /** Calls and bytes of all its grants together. */
  quota?: { calls?: number | undefined; bytes?: number | undefined } | undefined
}

function actionMask(grant: Grant): number {
  const names = grant.actions.map((action) => `${grant.resource}.${action}` as ActionName)
  return names.reduce((mask, name) => mask | (1 << Action[name]), 0)
}

/** Whether grants may be tested together: nothing but patterns or names tells them apart. */
function isPlain(grant: Grant): boolean {
  const { quota, rate, notBefore, expires, flow } = grant
  if (grant.resource === 'net' || (grant.resource === 'tool' && (grant.args || grant.approval))) return false
  return (
    quota?.calls === undefined &&
    byteQuota(grant) === undefined &&
    !rate &&
    notBefore === undefined &&
    expires === undefined &&
    !flow?.forbiddenAfter
  )
}

function byteQuota({ quota }: Grant): number | undefined {
  return quota && 'bytes' in quota ? quota.bytes : undefined
}

/**
 * As few automata as hold all patterns: one, or halves of it while they need too many states.
 * @throws GrantError when one pattern alone needs too many
 */
function packPatterns(patterns: readonly string[], parse: (text: string) => Nfa): Uint8Array[] {
  const dfa = buildDfa(patterns.map(parse))
  if (dfa) return [packDfa(dfa)]
  if (patterns.length === 1) {
    throw new GrantError(
      `pattern ${JSON.stringify(patterns[0])} needs more than ${Bound.STATES} states: split it or use fewer wildcards`,
    )
  }
  const middle = patterns.length >> 1
  return [...packPatterns(patterns.slice(0, middle), parse), ...packPatterns(patterns.slice(middle), parse)]
}

type Emit = () => void

/** Compiles the grants of one link. */
class LinkCompiler {
  readonly #assembler: Assembler
  readonly #link: number
  readonly #last: boolean
  readonly #encoder = new TextEncoder()
  readonly #clean: () => number
  /** Whether the preamble charges. */
  #charged = false

  /** @param clean answers the cell that says that no secret was read yet */
  constructor(assembler: Assembler, link: number, last: boolean, clean: () => number) {
    this.#assembler = assembler
    this.#link = link
    this.#last = last
    this.#clean = clean
  }

  /** What every call needs of this link, before any of its grants. */
  preamble({ revocable, notBefore, expires, quota }: ChainLink): void {
    const assembler = this.#assembler
    const link = this.#link
    const tests: Emit[] = []
    if (revocable) {
      const alive = assembler.cell({ kind: 'alive', initial: 1, link })
      tests.push(() => assembler.emit('ALIVE', 0, alive))
    }
    if (notBefore !== undefined) tests.push(() => this.#time('AFTER', notBefore))
    if (expires !== undefined) tests.push(() => this.#time('BEFORE', expires))
    for (const [kind, slot] of [
      ['calls', ONE_CALL],
      ['bytes', Slot.AMOUNT],
    ] as const) {
      const initial = quota?.[kind]
      if (initial === undefined) continue
      const charged = assembler.cell({ kind, initial, link })
      tests.push(() => assembler.emit('CHARGE', slot, charged))
      this.#charged = true
    }
    if (tests.length === 0) return
    // What fails goes to a refusal of its own; what holds jumps over it, by a test that never holds.
    assembler.emit('ACT', this.#link, EVERY_ACTION)
    for (const test of tests) test()
    assembler.jump('link-body', this.#link)
    assembler.end()
    assembler.emit('RET')
    assembler.land('link-body')
  }

  compile(grants: readonly Grant[]): void {
    // Grants without conditions come first and together: they are decided fastest, and never spend another's quota.
    const plain = Map.groupBy(grants.filter(isPlain), (grant) => actionMask(grant))
    for (const [mask, group] of plain) for (const tests of this.#tests(group)) this.#alternative(mask, tests)
    for (const grant of grants) {
      if (isPlain(grant)) continue
      const charges = this.#charges(grant)
      for (const tests of this.#tests([grant])) this.#alternative(actionMask(grant), tests, { grant, charges })
      if (grant.resource === 'net') this.#lookups(grant)
    }
  }

  /** Asks whether a grant that raises the flow of secrets covers a request: an action of its own. */
  raises(grants: readonly Grant[]): void {
    for (const grant of grants) {
      if (!grant.flow?.raises) continue
      for (const tests of this.#tests([grant])) {
        this.#assembler.emit('ACT', 0, actionMask(grant) << RAISES)
        for (const test of tests) test()
        this.#assembler.emit('RET', 0, 1)
        this.#assembler.end()
      }
    }
  }

  /** The tests of what is asked for; one list for each alternative. All grants have one resource. */
  #tests(grants: readonly Grant[]): Emit[][] {
    const first = grants[0]!
    if (first.resource === 'net') return this.#requests(first, this.#addresses(first))
    const paths = new Set(grants.flatMap((grant) => (grant.resource === 'fs' ? grant.paths : [])))
    if (paths.size > 0) return this.#automata(Slot.NAME, packPatterns([...paths], parseGlob)).map((test) => [test])
    const names = new Set(grants.flatMap((grant) => ('names' in grant ? grant.names : [])))
    if (names.size === 0) return [[]]
    const offset = this.#assembler.blobs([...names].map((name) => this.#encoder.encode(name)))
    const byName = () => this.#assembler.emit('IN', Slot.NAME, offset)
    if (first.resource !== 'tool' || !first.args) return [[byName]]
    const predicate = this.#assembler.predicate(first.args)
    return [[byName, () => this.#assembler.emit('CIDR6', Slot.PREDICATES, predicate)]]
  }

  #automata(slot: number, packed: readonly Uint8Array[]): Emit[] {
    return packed.map((bytes) => {
      const offset = this.#assembler.constant(bytes)
      return () => this.#assembler.emit('DFA', slot, offset)
    })
  }

  /** A request: method and scheme, port, host, path, and the address where there is one to test. */
  #requests(grant: NetGrant, addresses: readonly (Emit | undefined)[]): Emit[][] {
    const { methods, paths } = netShape(grant)
    const special = grant.cidrs ? methods.map((number) => number + SPECIAL_ADDRESS) : []
    const offset = this.#assembler.integerSet([...methods, ...special])
    const byMethod = () => this.#assembler.emit('IN', Slot.METHOD, offset)
    const byPath = paths ? this.#automata(Slot.PATH, packPatterns(paths, parseUrlGlob)) : [undefined]
    const hosts = this.#automata(Slot.HOST, packPatterns(grant.hosts, parseHostGlob))
    return this.#ports(grant).flatMap((port) =>
      hosts.flatMap((host) =>
        byPath.flatMap((path) =>
          addresses.map((address) => [byMethod, ...port, host, path, address].filter((test) => test !== undefined)),
        ),
      ),
    )
  }

  #ports(grant: NetGrant): Emit[][] {
    const assembler = this.#assembler
    return netShape(grant).ports.map(([low, high]) => {
      const [least, most] = [assembler.integers(low), assembler.integers(high)]
      if (low === high) return [() => assembler.emit('EQ', Slot.PORT, least)]
      return [() => assembler.emit('GE', Slot.PORT, least), () => assembler.emit('LE', Slot.PORT, most)]
    })
  }

  /** Looking up a host: whatever address a request could have, without its charges and its approval. */
  #lookups(grant: NetGrant): void {
    const { approval: _, ...rest } = grant
    for (const tests of this.#requests(grant, [undefined]))
      this.#alternative(1 << Action['net.resolve'], tests, { grant: rest, charges: () => false })
  }

  #addresses({ cidrs }: NetGrant): (Emit | undefined)[] {
    const assembler = this.#assembler
    if (!cidrs) return [undefined]
    return cidrs.map((text) => {
      const network = parseNetwork(text)
      const offset = assembler.constant(new Uint8Array([...network.address, ...maskOf(network)]))
      return () => assembler.emit(network.address.length === 4 ? 'CIDR4' : 'CIDR6', Slot.ADDRESS, offset)
    })
  }

  /** Cells are the grant's own: all its alternatives charge the same ones. Answers what emits the charges. */
  #charges(grant: Grant): () => boolean {
    const assembler = this.#assembler
    const link = this.#link
    const emits: Emit[] = []
    if (grant.rate) {
      const { per, burst } = grant.rate
      const interval = Math.ceil((durationMs(per) * MICROSECONDS) / burst)
      const cell = assembler.cell({ kind: 'rate', initial: 0, link })
      const offset = assembler.integers(cell, interval, interval * (burst - 1))
      emits.push(() => assembler.emit('RATE', 0, offset))
    }
    if (grant.quota?.calls !== undefined) {
      const cell = assembler.cell({ kind: 'calls', initial: grant.quota.calls, link })
      emits.push(() => assembler.emit('CHARGE', ONE_CALL, cell))
    }
    const bytes = byteQuota(grant)
    if (bytes !== undefined) {
      const cell = assembler.cell({ kind: 'bytes', initial: bytes, link })
      emits.push(() => assembler.emit('CHARGE', Slot.AMOUNT, cell))
    }
    return () => {
      for (const emit of emits) emit()
      return emits.length > 0
    }
  }

  #time(opcode: 'AFTER' | 'BEFORE', milliseconds: number): void {
    this.#assembler.emit(opcode, 0, this.#assembler.integers(milliseconds * MICROSECONDS))
  }

  #conditions(grant: Grant): void {
    const assembler = this.#assembler
    if (grant.notBefore !== undefined) this.#time('AFTER', grant.notBefore)
    if (grant.expires !== undefined) this.#time('BEFORE', grant.expires)
    if ('approval' in grant && grant.approval) assembler.emit('GE', Slot.APPROVED, assembler.integers(1))
    if (grant.flow?.forbiddenAfter) assembler.emit('ALIVE', 0, this.#clean())
  }

  #alternative(mask: number, tests: readonly Emit[], conditions?: { grant: Grant; charges: () => boolean }): void {
    const assembler = this.#assembler
    assembler.emit('ACT', this.#link, mask)
    for (const test of tests) test()
    if (conditions) this.#conditions(conditions.grant)
    const charging = conditions?.charges() ?? false
    if (!this.#last) assembler.jump('next-link', this.#link)
    else {
      if (charging || assembler.isChargedBefore(this.#link) || this.#charged) assembler.emit('COMMIT')
      assembler.emit('RET', 0, 1)
    }
    assembler.end()
  }
}

/**
 * Compiles a chain to a program that allows what every one of its links allows, and charges all of them.
 * @throws GrantError when a pattern needs more than 255 states, or the program would be too large
 */
export function compileChain(links: readonly ChainLink[]): Program {
  const assembler = new Assembler()
  let clean: number | undefined
  const cleanCell = () => (clean ??= assembler.cell({ kind: 'clean', initial: 1, link: 0 }))
  if (links.some(({ grants }) => grants.some((grant) => grant.flow?.raises))) cleanCell()
  const compilers = links.map((_, link) => new LinkCompiler(assembler, link, link === links.length - 1, cleanCell))
  compilers.forEach((compiler, link) => compiler.raises(links[link]!.grants))
  compilers.forEach((compiler, link) => {
    compiler.preamble(links[link]!)
    compiler.compile(links[link]!.grants)
    assembler.emit('RET')
    assembler.land('next-link')
  })
  const approvals = links.some(({ grants }) => grants.some((grant) => 'approval' in grant && grant.approval))
  return { ...assembler.finish(), approvals }
}

/**
 * Compiles grants to a program that denies what none of them allows.
 * @throws GrantError as `compileChain`
 */
export function compileGrants(grants: readonly Grant[]): Program {
  return compileChain([{ grants }])
}
