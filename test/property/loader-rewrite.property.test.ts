/** Rewriting changes nothing that a module computes, and its fuel is the number of loop heads passed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeModule } from '../../src/loader/describe.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { instantiate } from '../loader-modules.ts'
import { MAX_DEPTH, nodes, outcome, type ProgramExports, program } from '../random-programs.ts'

const PLENTY = 2n ** 40n

describe('a rewritten module', () => {
  it('computes what the original computes, and pays one unit for each loop head', () => {
    fc.assert(
      fc.property(nodes(MAX_DEPTH), fc.integer(), (body, argument) => {
        const original = program(body)
        // `halve` leaves its result on the stack of the branch too, which validation checks.
        if (!WebAssembly.validate(original)) throw new Error('the generator made an invalid module')
        const plain = instantiate(original) as unknown as ProgramExports
        const { bytes } = rewriteModule(original, { fuel: true, exportState: true, stripData: true })
        const metered = instantiate(bytes) as unknown as ProgramExports
        metered.__fuel.value = PLENTY
        const expected = outcome(plain, argument)
        expect(outcome(metered, argument)).toEqual(expected)
        expect(PLENTY - metered.__fuel.value).toBe(BigInt(expected.heads))
      }),
      { seed: 20_260, numRuns: 150 },
    )
  })

  it('offers what the original offers and the additions, and is not rewritten a second time', () => {
    fc.assert(
      fc.property(nodes(2), (body) => {
        const original = program(body)
        const { bytes } = rewriteModule(original, { fuel: true })
        const own = describeModule(original).exports
        expect(describeModule(bytes).exports.slice(0, own.length)).toEqual(own)
        expect(
          describeModule(bytes)
            .exports.slice(own.length)
            .map(({ name }) => name),
        ).toEqual(['__fuel', '__callout'])
        expect(() => rewriteModule(bytes)).toThrow(/reserved name/)
      }),
      { seed: 20_261, numRuns: 40 },
    )
  })
})
