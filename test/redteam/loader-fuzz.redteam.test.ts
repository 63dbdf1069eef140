/** Damaged modules and images: only TokaErrors come out, or something that is valid. Every seed is fixed. */
import { beforeAll, describe, expect, it } from 'vitest'
import { readAsset } from '#source'
import { TokaError } from '../../src/errors.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { buildModule, COUNT_LOOPS, SWALLOW_FOREVER } from '../loader-modules.ts'

/** A small generator of numbers (mulberry32), so that a failure can be run again. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const INTERESTING = [0x00, 0x7f, 0x80, 0xff, 0x0b, 0x03, 0x06, 0x10, 0x11, 0xfc, 0xfd, 0xfe, 0x60, 0x40]

/** One to four changes of bytes: other values, cuts, repeats. Most fall into the first `focus` bytes. */
function mutate(
  bytes: Uint8Array<ArrayBuffer>,
  next: (below: number) => number,
  focus: number,
): Uint8Array<ArrayBuffer> {
  let out = bytes.slice()
  for (let left = 1 + next(4); left > 0; left--) {
    const at = next(next(3) === 0 ? out.length : Math.min(focus, out.length))
    const how = next(8)
    if (how < 4) out[at] = INTERESTING[next(INTERESTING.length)] as number
    else if (how < 6) out[at] = next(256)
    else if (how === 6) out = out.slice(0, at)
    else
      out = new Uint8Array([
        ...out.subarray(0, at),
        ...out.subarray(Math.max(0, at - next(16)), at),
        ...out.subarray(at),
      ])
    if (out.length === 0) return out
  }
  return out
}

const OPTIONS = [
  {},
  { fuel: true, exportState: true, maximumPages: 100 },
  { fuel: true, exportState: true, stripData: true, keepExports: [] },
  { fuel: true, trust: 'stranger' },
  { fuel: true, trust: 'stranger', metering: 'exact', exportState: true, maximumPages: 100 },
  { fuel: true, metering: 'exact' },
] as const

/** Rewrites and says whether the module was accepted; anything but a TokaError is a failure of the test. */
function survives(bytes: Uint8Array<ArrayBuffer>, seed: number): boolean {
  try {
    describeModule(bytes)
    const { bytes: rewritten } = rewriteModule(bytes, OPTIONS[seed % OPTIONS.length])
    if (!WebAssembly.validate(rewritten)) throw new Error(`seed ${seed}: an invalid module came out`)
    return true
  } catch (error) {
    if (error instanceof TokaError && error.code === 'TOKA_ENGINE_LOAD') return false
    throw new Error(`seed ${seed}`, { cause: error })
  }
}

const EVERYTHING = buildModule({
  imports: [{ module: 'env', name: 'f', params: ['i32', 'i64'], results: ['f64'] }],
  functions: [
    { name: 'count', ...COUNT_LOOPS },
    { name: 'swallow', ...SWALLOW_FOREVER },
    // br_table, call_indirect, select with a type, memory.fill, a vector constant
    {
      code: [
        0x02,
        0x40,
        0x41,
        0,
        0x0e,
        1,
        0,
        0,
        0x0b,
        0x41,
        0,
        0x41,
        0,
        0x41,
        0,
        0xfc,
        11,
        0,
        0xfd,
        12,
        ...new Array<number>(16).fill(3),
        0x1a,
      ],
    },
    { code: [0x41, 1, 0x41, 2, 0x41, 3, 0x1c, 1, 0x7f, 0x1a] },
    // a tail call, throw, table.grow, memory.grow, memory.init, an `if` with a result
    { code: [0x41, 1, 0x04, 0x7f, 0x41, 2, 0x05, 0x08, 0, 0x0b, 0x40, 0, 0x1a, 0x12, 2] },
    { code: [0xd0, 0x70, 0x41, 1, 0xfc, 15, 0, 0x1a, 0x41, 0, 0x41, 0, 0x41, 1, 0xfc, 8, 1, 0] },
  ],
  tags: [{}],
  memory: { minimum: 1, maximum: 4, name: 'memory' },
  tables: [{ minimum: 2, maximum: 9, name: 'table' }],
  globals: [
    { type: 'i64', mutable: true, value: [0x42, 0] },
    { name: 'g', type: 'funcref', value: [0xd0, 0x70] },
  ],
  elements: [0, 1],
  data: [{ offset: 4, bytes: [1, 2, 3] }, { bytes: [4] }],
  dataCount: true,
})

describe('mutated modules', () => {
  let quickjs: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    quickjs = await readAsset('quickjs')
  })

  it('of a module with one of everything are refused cleanly or rewritten to valid ones', () => {
    let accepted = 0
    for (let seed = 1; seed <= 8_000; seed++) {
      if (survives(mutate(EVERYTHING, numbers(seed), EVERYTHING.length), seed)) accepted++
    }
    // Were none accepted, the fuzzing would never have come past the first check.
    expect(accepted).toBeGreaterThan(100)
    expect(accepted).toBeLessThan(7_000)
  })

  it('of QuickJS are refused cleanly or rewritten to valid ones', () => {
    let accepted = 0
    for (let seed = 1; seed <= 60; seed++) if (survives(mutate(quickjs, numbers(seed), 3_000), seed)) accepted++
    expect(accepted).toBeLessThan(60)
  })

  it('cut at every byte are refused, but where only sections at the end are missing', () => {
    for (let end = 0; end < EVERYTHING.length; end++) {
      const cut = EVERYTHING.slice(0, end)
      if (survives(cut, 0)) expect(WebAssembly.validate(cut)).toBe(true)
    }
  })
})

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
