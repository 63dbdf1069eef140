/** Grants in, one program out: first what is allowed without conditions, then the other grants in the order given. */
import { Assembler, type Program } from './assembler.ts'
import { buildDfa, packDfa } from './dfa.ts'
import { type Nfa, parseGlob } from './glob.ts'
import { GrantError } from './grant-error.ts'
import { Action, type ActionName, Bound, ONE_CALL, Slot } from './isa.ts'
import { durationMs, type Grant } from './schema.ts'

export type { CellPlan, Program } from './assembler.ts'

const MICROSECONDS = 1_000

function actionMask(grant: Grant): number {
  const names = grant.actions.map((action) => `${grant.resource}.${action}` as ActionName)
  return names.reduce((mask, name) => mask | (1 << Action[name]), 0)
}

function isPlain(grant: Grant): boolean {
  const { quota, rate, notBefore, expires } = grant
  return quota?.calls === undefined && !hasByteQuota(grant) && !rate && notBefore === undefined && expires === undefined
}

function hasByteQuota(grant: Grant): boolean {
  return (grant.resource === 'fs' || grant.resource === 'tool') && grant.quota?.bytes !== undefined
}

/**
 * As few automata as hold all patterns: one, or halves of it while they need too many states.
 * @throws GrantError when one pattern alone needs too many
 */
function packPatterns(patterns: readonly { text: string; nfa: Nfa }[]): Uint8Array[] {
  const dfa = buildDfa(patterns.map(({ nfa }) => nfa))
  if (dfa) return [packDfa(dfa)]
  if (patterns.length === 1) {
    throw new GrantError(
      `pattern ${JSON.stringify(patterns[0]!.text)} needs more than ${Bound.STATES} states: split it or use fewer wildcards`,
    )
  }
  const middle = patterns.length >> 1
  return [...packPatterns(patterns.slice(0, middle)), ...packPatterns(patterns.slice(middle))]
}

/** Compiles the grants of one link. */
class LinkCompiler {
  readonly #assembler: Assembler
  readonly #link: number
  readonly #encoder = new TextEncoder()

  constructor(assembler: Assembler, link: number) {
    this.#assembler = assembler
    this.#link = link
  }

  compile(grants: readonly Grant[]): void {
    // Grants without conditions come first and together: they are decided fastest, and never spend another's quota.
    const plain = Map.groupBy(grants.filter(isPlain), actionMask)
    for (const [mask, group] of plain) for (const test of this.#tests(group)) this.#alternative(mask, test, undefined)
    for (const grant of grants) {
      if (isPlain(grant)) continue
      const charges = this.#charges(grant)
      for (const test of this.#tests([grant])) this.#alternative(actionMask(grant), test, { grant, charges })
    }
  }

  /** The tests of what is asked for; one alternative each. All grants have one resource. */
  #tests(grants: readonly Grant[]): (() => void)[] {
    const paths = new Set(grants.flatMap((grant) => (grant.resource === 'fs' ? grant.paths : [])))
    const names = new Set(grants.flatMap((grant) => ('names' in grant ? grant.names : [])))
    if (paths.size > 0) {
      const packed = packPatterns([...paths].map((text) => ({ text, nfa: parseGlob(text) })))
      return packed.map((bytes) => {
        const offset = this.#assembler.constant(bytes)
        return () => this.#assembler.emit('DFA', Slot.NAME, offset)
      })
    }
    if (names.size > 0) {
      const offset = this.#assembler.blobs([...names].map((name) => this.#encoder.encode(name)))
      return [() => this.#assembler.emit('IN', Slot.NAME, offset)]
    }
    return [() => {}]
  }

  /** Cells are the grant's own: all its alternatives charge the same ones. Answers what emits the charges. */
  #charges(grant: Grant): () => boolean {
    const assembler = this.#assembler
    const emits: (() => void)[] = []
    if (grant.rate) {
      const { per, burst } = grant.rate
      const interval = Math.ceil((durationMs(per) * MICROSECONDS) / burst)
      const cell = assembler.cell({ kind: 'rate', initial: 0 })
      const offset = assembler.integers(cell, interval, interval * (burst - 1))
      emits.push(() => assembler.emit('RATE', 0, offset))
    }
    if (grant.quota?.calls !== undefined) {
      const cell = assembler.cell({ kind: 'calls', initial: grant.quota.calls })
      emits.push(() => assembler.emit('CHARGE', ONE_CALL, cell))
    }
    if (grant.quota && 'bytes' in grant.quota && grant.quota.bytes !== undefined) {
      const cell = assembler.cell({ kind: 'bytes', initial: grant.quota.bytes })
      emits.push(() => assembler.emit('CHARGE', Slot.AMOUNT, cell))
    }
    return () => {
      for (const emit of emits) emit()
      return emits.length > 0
    }
  }

  #alternative(mask: number, test: () => void, conditions: { grant: Grant; charges: () => boolean } | undefined): void {
    const assembler = this.#assembler
    assembler.begin()
    assembler.emit('ACT', this.#link, mask)
    test()
    if (conditions) {
      const { notBefore, expires } = conditions.grant
      if (notBefore !== undefined) assembler.emit('AFTER', 0, assembler.integers(notBefore * MICROSECONDS))
      if (expires !== undefined) assembler.emit('BEFORE', 0, assembler.integers(expires * MICROSECONDS))
      if (conditions.charges()) assembler.emit('COMMIT')
    }
    assembler.emit('RET', 0, 1)
    assembler.end()
  }
}

/**
 * Compiles grants to a program that denies what none of them allows.
 * @throws GrantError when a pattern needs more than 255 states, or the program would be too large
 */
export function compileGrants(grants: readonly Grant[]): Program {
  const assembler = new Assembler()
  new LinkCompiler(assembler, 0).compile(grants)
  assembler.emit('RET')
  return assembler.finish()
}
