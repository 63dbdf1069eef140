/** A child that is proved narrower allows nothing that its parent refuses; chains decide as their links do. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { predicateBits } from '../../capabilities/arguments.ts'
import { isSpecial, parseAddress } from '../../capabilities/address.ts'
import { type ChainLink, compileChain } from '../../capabilities/compile.ts'
import { Action, type ActionName } from '../../capabilities/isa.ts'
import { methodNumber, SPECIAL_ADDRESS } from '../../capabilities/methods.ts'
import { type ModelRequest, runModel } from '../../capabilities/model.ts'
import type { Program } from '../../capabilities/assembler.ts'
import { findWidening } from '../../capabilities/subset.ts'
import { verifyProgram } from '../../capabilities/verify.ts'
import { type Asked, allows, asked, grant } from '../random-grants.ts'

const encoder = new TextEncoder()
const grants = fc.array(grant, { minLength: 1, maxLength: 3 })
const requests = fc.array(asked, { minLength: 12, maxLength: 12 })

function ask(
  program: Program,
  action: ActionName,
  parts: Partial<Record<'name' | 'path' | 'host', string>>,
  last: Uint8Array,
  integers: number[],
): boolean {
  const bytes = [parts.name ?? '', parts.path ?? '', parts.host ?? ''].map((text) => encoder.encode(text))
  const request: ModelRequest = {
    action: Action[action],
    bytes: [...bytes, last],
    integers,
    now: 1_000,
    flags: 0,
    subtree: false,
  }
  return runModel(
    program,
    request,
    program.cells.map(({ initial }) => initial),
  ).allowed
}

/** What a program decides, with the slots filled as the gate fills them. */
function decides(program: Program, one: Asked): boolean {
  if (one.operation !== 'net.fetch') {
    const bits = predicateBits('input' in one ? one.input : undefined, program.predicates ?? [])
    return ask(program, one.operation, { name: one.name }, bits, [0, 0, 0, 0])
  }
  const address = parseAddress(one.address)!
  const parts = { name: 'url', path: one.path, host: one.host }
  const method = methodNumber(one.method, one.scheme)
  const special = isSpecial(address) ? SPECIAL_ADDRESS : 0
  return (
    ask(program, 'net.resolve', parts, new Uint8Array(), [0, one.port, method, 0]) &&
    ask(program, 'net.fetch', parts, address, [0, one.port, method + special, 0])
  )
}

test('ten thousand random children: what is proved narrower allows no request that its parent refuses', () => {
  let [pairs, proved] = [0, 0]
  fc.assert(
    fc.property(grants, grants, requests, fc.boolean(), (parent, other, all, extends_) => {
      pairs++
      const child = extends_ ? [...other.slice(0, 1), ...parent.slice(0, 1)] : other
      if (findWidening(child, parent)) return
      proved++
      for (const one of all) {
        if (!child.some((each) => allows(each, one))) continue
        expect(
          parent.some((each) => allows(each, one)),
          JSON.stringify({ child, parent, one }),
        ).toBe(true)
      }
    }),
    { numRuns: 10_000 },
  )
  expect(proved / pairs).toBeGreaterThan(0.03)
}, 120_000)

test('a grant is never wider than itself, nor than a list that holds it', () => {
  fc.assert(
    fc.property(grants, grants, (some, more) => {
      expect(findWidening(some, [...more, ...some])).toBeUndefined()
    }),
    { numRuns: 1_500 },
  )
}, 60_000)

test('the program of a chain allows what every link allows by its words, and nothing else', () => {
  const tally = { allowed: 0, denied: 0 }
  fc.assert(
    fc.property(fc.array(grants, { minLength: 1, maxLength: 4 }), requests, (chain, all) => {
      const links: ChainLink[] = chain.map((one, index) => ({ grants: one, revocable: index > 0 }))
      const program = compileChain(links)
      expect(verifyProgram(program)).toBeUndefined()
      for (const one of all) {
        const expected = chain.every((link) => link.some((each) => allows(each, one)))
        expect(decides(program, one), JSON.stringify({ chain, one })).toBe(expected)
        tally[expected ? 'allowed' : 'denied']++
      }
    }),
    { numRuns: 1_500 },
  )
  expect(tally.allowed / (tally.allowed + tally.denied)).toBeGreaterThan(0.005)
  expect(tally.denied / (tally.allowed + tally.denied)).toBeGreaterThan(0.005)
}, 120_000)
