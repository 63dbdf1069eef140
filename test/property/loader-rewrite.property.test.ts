/** Rewriting changes nothing that a module computes, and its fuel is the number of loop heads passed. */
import { describe, expect, it } from 'vitest'
import { describeModule } from '../../src/loader/describe.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { numbers } from '../fuzz/numbers.ts'
import { makeProgram } from '../fuzz/wasm-programs.ts'
import { instantiate } from '../loader-modules.ts'

type Exports = {
  run(argument: number): number
  memory: WebAssembly.Memory
  heads: WebAssembly.Global<'i32'>
  __fuel: WebAssembly.Global<'i64'>
}
const PLENTY = 2n ** 40n

function outcome(exports: Exports, argument: number) {
  return {
    result: exports.run(argument),
    heads: exports.heads.value,
    memory: new Uint8Array(exports.memory.buffer).reduce(
      (hash, byte, at) => (byte === 0 ? hash : (hash * 31 + byte + at) | 0),
      7,
    ),
  }
}

describe('a rewritten module', () => {
  it('computes what the original computes, and pays one unit for each loop head', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const next = numbers(seed)
      const original = makeProgram(next)
      // `halve` leaves its result on the stack of the branch too, which validation checks.
      if (!WebAssembly.validate(original)) throw new Error('the generator made an invalid module')
      const argument = next(2 ** 32) | 0
      const plain = instantiate(original) as unknown as Exports
      const { bytes } = rewriteModule(original, { fuel: true, exportState: true, stripData: true })
      const metered = instantiate(bytes) as unknown as Exports
      metered.__fuel.value = PLENTY
      const expected = outcome(plain, argument)
      expect([seed, outcome(metered, argument)]).toEqual([seed, expected])
      expect([seed, PLENTY - metered.__fuel.value]).toEqual([seed, BigInt(expected.heads)])
    }
  })

  it('offers what the original offers and the additions, and is not rewritten a second time', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const original = makeProgram(numbers(seed), 2)
      const { bytes } = rewriteModule(original, { fuel: true })
      const own = describeModule(original).exports
      const found = describeModule(bytes).exports
      expect(found.slice(0, own.length)).toEqual(own)
      expect(found.slice(own.length).map(({ name }) => name)).toEqual(['__fuel', '__callout'])
      expect(() => rewriteModule(bytes)).toThrow(/reserved name/)
    }
  })
})
