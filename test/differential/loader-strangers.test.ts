/** The same programs as they are and rewritten as a stranger's: results, memories, tables and traps are equal. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FREE_ENTRY } from '../../src/loader/costs.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { buildModule, instantiate, type ModuleParts } from '../loader-modules.ts'
import { MAX_DEPTH, nodes, outcome, type ProgramExports, program } from '../random-programs.ts'
import { STRANGER, stranger, type StrangerExports } from '../stranger-rig.ts'

const PLENTY = 2n ** 50n
const SLOTS = 10_000

function armed(original: Uint8Array<ArrayBuffer>, metering: 'fast' | 'exact'): ProgramExports {
  const exports = instantiate(rewriteModule(original, { ...STRANGER, metering }).bytes) as unknown as ProgramExports
  exports.__fuel.value = PLENTY
  exports.__stack.value = SLOTS
  return exports
}

describe('a program of a stranger', () => {
  it('computes what the original computes, throws what it throws, and gives its depth back', () => {
    fc.assert(
      fc.property(nodes(MAX_DEPTH), fc.integer(), (body, argument) => {
        const original = program(body)
        const expected = outcome(instantiate(original) as unknown as ProgramExports, argument)
        for (const metering of ['fast', 'exact'] as const) {
          const guest = armed(original, metering)
          expect(outcome(guest, argument)).toEqual(expected)
          if (expected.result !== 'thrown') expect(guest.__stack.value).toBe(SLOTS)
        }
      }),
      { seed: 20_270, numRuns: 200 },
    )
  })

  it('pays with fast metering for all that exact metering counts', () => {
    fc.assert(
      fc.property(nodes(MAX_DEPTH, false), fc.integer(), (body, argument) => {
        const original = program(body)
        const used = (['fast', 'exact'] as const).map((metering) => {
          const guest = armed(original, metering)
          outcome(guest, argument)
          // The second time: the first pays for compiling, too.
          const [heads, calls] = [guest.heads.value, guest.calls.value]
          guest.__fuel.value = PLENTY
          outcome(guest, argument)
          // One unit of each head and entry is the check itself.
          const checks = guest.heads.value - heads + guest.calls.value - calls + 1
          return { units: Number(PLENTY - guest.__fuel.value), checks }
        })
        const [fast, exact] = used as [{ units: number }, { units: number; checks: number }]
        // The host does not pay what other callers pay for a small function.
        expect(fast.units + FREE_ENTRY).toBeGreaterThanOrEqual(exact.units - exact.checks)
      }),
      { seed: 20_271, numRuns: 200 },
    )
  })
})

function firstDifference(one: Int32Array, other: Int32Array): number {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return at
  return -1
}

type Bulk = { run(to: number, from: number, count: number): unknown }

/** Runs `run` and says what came of it: a result, or the kind of trap. */
function attempt(exports: unknown, operands: readonly [number, number, number]): unknown {
  try {
    return (exports as Bulk).run(...operands)
  } catch (error) {
    return error instanceof WebAssembly.RuntimeError ? 'trap' : String(error)
  }
}

/** Every operation once as it is and once as a stranger's, on one instance each. */
function bothWays(parts: ModuleParts): { plain: WebAssembly.Exports; rewritten: StrangerExports } {
  return { plain: instantiate(buildModule(parts)), rewritten: stranger(parts).exports }
}

function arm({ __fuel, __stack }: StrangerExports): void {
  __fuel.value = PLENTY
  __stack.value = SLOTS
}

const operands = { params: ['i32', 'i32', 'i32'], name: 'run' } as const
const THREE = [0x20, 0, 0x20, 1, 0x20, 2]

describe('bulk operations on memory', () => {
  const PAGES = 24
  const BYTES = PAGES * 65_536
  const PIECE = 2 ** 18
  const segment = Uint8Array.from({ length: 3 * PIECE }, (_, at) => (at * 7) ^ (at >> 8))
  const near = (places: readonly number[]) =>
    fc.tuple(fc.constantFrom(...places), fc.integer({ min: -3, max: 3 })).map(([place, by]) => (place + by) | 0)
  const address = fc.oneof(
    near([0, PIECE, 2 * PIECE, BYTES - PIECE, BYTES]),
    fc.integer({ min: 0, max: BYTES }),
    near([-1]),
  )
  const length = fc.oneof(near([0, 1, PIECE, 2 * PIECE, 3 * PIECE, BYTES, -1]), fc.integer({ min: 0, max: 3 * PIECE }))

  it.each([
    ['memory.fill', [0xfc, 11, 0]],
    ['memory.copy', [0xfc, 10, 0, 0]],
    ['memory.init', [0xfc, 8, 1, 0]],
  ])('%s does the same, traps where it did, and writes nothing then', (_, instruction) => {
    const { plain, rewritten } = bothWays({
      functions: [{ ...operands, code: [...THREE, ...instruction] }],
      memory: { minimum: PAGES, maximum: PAGES, name: 'memory' },
      data: [{ offset: 0, bytes: segment }, { bytes: segment }],
      dataCount: true,
    })
    const memoryOf = ({ memory }: WebAssembly.Exports) => new Int32Array((memory as WebAssembly.Memory).buffer)
    fc.assert(
      fc.property(address, address, length, (to, from, count) => {
        arm(rewritten)
        const expected = attempt(plain, [to, from, count])
        expect(attempt(rewritten, [to, from, count])).toEqual(expected)
        expect(firstDifference(memoryOf(rewritten), memoryOf(plain))).toBe(-1)
      }),
      { seed: 20_272, numRuns: 60 },
    )
  })

  it('memory.init of a segment that was dropped traps but for a length of zero', () => {
    const { plain, rewritten } = bothWays({
      functions: [
        { ...operands, code: [...THREE, 0xfc, 8, 0, 0] },
        { name: 'drop', code: [0xfc, 9, 0] },
      ],
      memory: { minimum: PAGES, maximum: PAGES },
      data: [{ bytes: segment }],
      dataCount: true,
    })
    for (const { drop } of [plain, rewritten]) (drop as () => void)()
    for (const count of [0, 1, PIECE, 2 * PIECE, 3 * PIECE + 1]) {
      arm(rewritten)
      expect(attempt(plain, [0, 0, count])).toBe(count === 0 ? undefined : 'trap')
      expect(attempt(rewritten, [0, 0, count])).toBe(count === 0 ? undefined : 'trap')
    }
  })

  it('memory.grow answers the same', () => {
    const grow = { ...operands, results: ['i32' as const], code: [0x20, 0, 0x40, 0] }
    const { plain, rewritten } = bothWays({ functions: [grow], memory: { minimum: 1, maximum: 30 } })
    for (const pages of [0, 1, 4, 30, 24, 1, -1, 65_536, 0]) {
      arm(rewritten)
      expect(attempt(rewritten, [pages, 0, 0])).toBe(attempt(plain, [pages, 0, 0]))
    }
  })
})

describe('bulk operations on tables', () => {
  const SIZE = 5_000
  const PIECE = 1_024
  const index = fc.oneof(fc.integer({ min: 0, max: SIZE }), fc.constantFrom(0, 1, SIZE - PIECE, SIZE, -1))
  const count = fc.oneof(fc.integer({ min: 0, max: SIZE }), fc.constantFrom(0, PIECE, PIECE + 1, 2 * PIECE, SIZE, -1))
  /** Functions that answer their own number, so that slots of two instances can be compared. */
  const numbered = Array.from({ length: 40 }, (_, at) => ({ results: ['i32' as const], code: [0x41, at] }))
  const slotsOf = ({ table }: WebAssembly.Exports) => {
    const slots = table as WebAssembly.Table
    return Array.from({ length: slots.length }, (_, at) => (slots.get(at) as (() => number) | null)?.() ?? -1)
  }
  const elements = Array.from({ length: SIZE }, (_, at) => 1 + (at % 40))

  it.each([
    ['table.fill', [0x20, 0, 0xd2, 7, 0x20, 2, 0xfc, 17, 0]],
    ['table.copy', [...THREE, 0xfc, 14, 0, 0]],
    ['table.copy between two', [...THREE, 0xfc, 14, 0, 1]],
    ['table.init', [...THREE, 0xfc, 12, 1, 0]],
  ])('%s does the same, traps where it did, and writes nothing then', (_, code) => {
    const { plain, rewritten } = bothWays({
      functions: [{ ...operands, code }, ...numbered],
      tables: [{ minimum: SIZE, name: 'table' }, { minimum: SIZE }],
      elements: elements.slice(0, 100),
      passiveElements: elements,
    })
    fc.assert(
      fc.property(index, index, count, (to, from, slots) => {
        arm(rewritten)
        expect(attempt(rewritten, [to, from, slots])).toEqual(attempt(plain, [to, from, slots]))
        arm(rewritten)
        expect(slotsOf(rewritten).join()).toBe(slotsOf(plain).join())
      }),
      { seed: 20_273, numRuns: 25 },
    )
  })

  it('table.grow answers the same, up to the maximum', () => {
    const grow = { ...operands, results: ['i32' as const], code: [0xd2, 1, 0x20, 0, 0xfc, 15, 0] }
    const tables = [{ minimum: 1, maximum: 9_000, name: 'table' }]
    const { plain, rewritten } = bothWays({ functions: [grow, ...numbered], tables, elements: [1] })
    for (const slots of [0, 1, PIECE, 3 * PIECE + 5, 9_000, -1, 9_000 - 4 * PIECE - 7, 1, 0]) {
      arm(rewritten)
      expect(attempt(rewritten, [slots, 0, 0])).toBe(attempt(plain, [slots, 0, 0]))
    }
    arm(rewritten)
    expect(slotsOf(rewritten)).toEqual(slotsOf(plain))
  })
})
