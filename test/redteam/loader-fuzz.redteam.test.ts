/** Damaged modules: only TokaErrors come out, or something that is valid and does the same. Every seed is fixed. */
import { beforeAll, describe, expect, it } from 'vitest'
import { TokaError } from '../../src/errors.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { executeModule, rewriter } from '../fuzz/rewriter.ts'
import { executeSeeds, type Session, type Tally } from '../fuzz/session.ts'
import { EVERYTHING } from '../fuzz/wasm-programs.ts'
import { buildModule } from '../loader-modules.ts'

describe('mutated modules', () => {
  let session: Session
  beforeAll(async () => {
    session = await rewriter.open()
  })

  it('are refused cleanly, or rewritten to valid ones that do the same', async () => {
    const tally = await executeSeeds(session, 1, 4_000)
    // Were none accepted or none run, the fuzzing would never have come past the first checks.
    const refused = countOf(tally, 'refused')
    expect(countOf(tally, 'rewritten')).toBeGreaterThan(300)
    expect(refused).toBeGreaterThan(1_000)
    for (const outcome of ['rewritten, ends', 'rewritten, endless', 'rewritten, traps'])
      expect(tally.get(outcome), outcome).toBeGreaterThan(0)
  }, 60_000)

  it('cut at every byte are refused, but where only sections at the end are missing', () => {
    for (let end = 0; end < EVERYTHING.length; end++) {
      const cut = EVERYTHING.slice(0, end)
      if (!executeModule(cut).startsWith('refused')) expect(WebAssembly.validate(cut)).toBe(true)
    }
  })
})

function countOf(tally: Tally, prefix: string): number {
  return [...tally].reduce((sum, [outcome, count]) => (outcome.startsWith(prefix) ? sum + count : sum), 0)
}

describe('modules that claim to be huge', () => {
  const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f]
  const section = (id: number, ...body: number[]) =>
    new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, body.length, ...body])

  it.each([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13])('in the count of section %i are refused at once', (id) => {
    const start = performance.now()
    expect(() => rewriteModule(section(id, ...HUGE))).toThrow(expect.objectContaining({ code: 'TOKA_ENGINE_LOAD' }))
    expect(performance.now() - start).toBeLessThan(50)
  })

  it('in locals, labels, catch clauses and names are refused at once', () => {
    const start = performance.now()
    for (const code of [
      [0x0e, ...HUGE],
      [0x1f, 0x40, ...HUGE],
      [0x1c, ...HUGE],
    ]) {
      expect(() => rewriteModule(buildModule({ functions: [{ code }] }))).toThrow(TokaError)
    }
    expect(() => rewriteModule(section(7, 1, ...HUGE))).toThrow(/ends too early/)
    expect(performance.now() - start).toBeLessThan(100)
  })
})
