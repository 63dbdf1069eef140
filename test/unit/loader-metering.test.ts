/** What strangers and exact metering cost: fixed numbers, which every runtime must reproduce. */
import { describe, expect, it } from 'vitest'
import { readAsset } from '#source'
import { describeModule } from '../../src/loader/describe.ts'
import { SIMD_SHAPES } from '../../src/loader/opcodes.ts'
import { rewriteModule, rewriteModuleInTurns } from '../../src/loader/rewrite.ts'
import { bindState } from '../../src/loader/state.ts'
import { buildModule, COUNT_LOOPS, leb, type ModuleParts } from '../loader-modules.ts'
import { STRANGER, stranger, StrangerRig } from '../stranger-rig.ts'

/** fib(n): n < 2 ? n : fib(n - 1) + fib(n - 2). */
const FIB = {
  name: 'fib',
  params: ['i32'],
  results: ['i32'],
  code: [
    ...[0x20, 0, 0x41, 2, 0x48, 0x04, 0x7f, 0x20, 0, 0x05],
    ...[0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x20, 0, 0x41, 2, 0x6b, 0x10, 0, 0x6a, 0x0b],
  ],
} as const

/** 10,946 calls that end at once, 6 units each, and 10,945 others, 20 each: five to decide, two calls at 4, 7 more. */
const FIB_20 = 10_946 * 6 + 10_945 * 20
/** Of quickjs-wasi 3.6.2, and these prices. */
const QUICKJS_BOOT = 2_242_393

const exactPinned = (parts: ModuleParts) =>
  new StrangerRig(rewriteModule(buildModule(parts), { fuel: true, metering: 'exact' }).bytes)

describe('exact metering', () => {
  it('counts a loop and a recursion to the same number in every runtime and for both classes', () => {
    const parts = {
      functions: [
        { ...COUNT_LOOPS, name: 'count' },
        { ...FIB, code: FIB.code.map(callSecond) },
      ],
    }
    for (const rig of [exactPinned(parts), stranger(parts, { metering: 'exact' })]) {
      // One for the entry, nine instructions and one for the head in each round, one to read the result.
      expect(rig.call('count', [1]).units).toBe(1 + 10 + 1)
      expect(rig.call('count', [100_000]).units).toBe(1 + 100_000 * 10 + 1)
      expect(rig.call('fib', [20])).toMatchObject({ result: 6_765, units: FIB_20 })
    }
  })

  it('counts bulk operations by their length, in pieces or not', () => {
    const code = [0x41, 0, 0x41, 1, 0x20, 0, 0xfc, 11, 0]
    const parts = { functions: [{ name: 'fill', params: ['i32'] as const, code }], memory: { minimum: 100 } }
    for (const rig of [exactPinned(parts), stranger(parts, { metering: 'exact' })]) {
      const base = rig.call('fill', [0]).units
      expect(base).toBe(1 + 3 + 4)
      expect(rig.call('fill', [1]).units).toBe(base + 1)
      expect(rig.call('fill', [100 * 65_536]).units).toBe(base + (100 * 65_536) / 16)
    }
  })

  it('counts the same however often the callout comes', () => {
    const rig = stranger({ functions: [FIB] }, { metering: 'exact' })
    const { units, callouts } = rig.call('fib', [24])
    expect(callouts).toBeGreaterThan(5)
    expect(units).toBe(rig.call('fib', [24]).units)
  })

  it('of QuickJS counts its boot to one number', async () => {
    const bytes = await readAsset('quickjs')
    const { bytes: rewritten } = rewriteModule(bytes, { fuel: true, metering: 'exact' })
    const imports: Record<string, Record<string, () => unknown>> = {}
    for (const { module, name, results } of describeModule(bytes).functionImports) {
      const members = (imports[module] ??= {})
      members[name] = () => (results[0] === 'i64' ? 0n : 0)
    }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(rewritten), imports)
    const { _initialize, qjs_init } = exports as Record<string, () => number>
    const fuel = exports.__fuel as WebAssembly.Global<'i64'>
    fuel.value = 2n ** 60n
    _initialize?.()
    expect(qjs_init?.()).toBe(0)
    expect(Number(2n ** 60n - fuel.value)).toBe(QUICKJS_BOOT)
  })
})

/** FIB as the second function of a module calls itself by another index. */
function callSecond(byte: number, at: number, code: readonly number[]): number {
  return byte === 0 && code[at - 1] === 0x10 ? 1 : byte
}

describe('a stranger', () => {
  it('pays for compiling a function when it is first called', () => {
    const work = Array.from({ length: 400 }, () => [0x20, 0, 0x41, 3, 0x6a, 0x21, 0]).flat()
    const rig = stranger({ functions: [{ name: 'run', locals: ['i32'], code: work }] })
    const [first, second, third] = [rig.call('run').units, rig.call('run').units, rig.call('run').units]
    expect(second).toBe(third)
    expect(first - second).toBeGreaterThan(work.length)
  })

  it('has one start function, which is called by its host', () => {
    const parts: ModuleParts = {
      functions: [{ code: [0x41, 7, 0x24, 0] }],
      globals: [{ name: 'seen', type: 'i32', mutable: true, value: [0x41, 0] }],
      start: 0,
    }
    const rig = stranger(parts)
    const seen = rig.exports.seen as WebAssembly.Global<'i32'>
    expect(seen.value).toBe(0)
    rig.call('__start')
    expect(seen.value).toBe(7)
  })

  it('has functions with several results, blocks with parameters, and vectors', () => {
    const parts: ModuleParts = {
      functions: [
        {
          params: ['i32'],
          results: ['i32', 'i64'],
          code: [0x20, 0, 0x04, 0x40, 0x20, 0, 0x10, 1, 0x1a, 0x0b, 0x20, 0, 0x42, 5],
        },
        { params: ['i32'], results: ['i32'], code: [0x41, 0, 0x10, 0, 0xa7, 0x6a] },
        { name: 'run', results: ['i32'], code: [0x41, 3, 0x10, 0, 0x1a, 0xfd, 17, 0xfd, 27, 0, 0x0f] },
      ],
    }
    // The last one gives back the lane of a splat of an i32: its operand is the first result.
    expect(stranger(parts).call('run')).toMatchObject({ how: 'returned', result: 3 })
  })

  it('can be saved and forked, and is never reset', () => {
    const parts: ModuleParts = {
      functions: [{ name: 'next', results: ['i32'], code: [0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x23, 0] }],
      globals: [{ type: 'i32', mutable: true, value: [0x41, 40] }],
      memory: { minimum: 1 },
    }
    const { bytes, meta } = rewriteModule(buildModule(parts), { ...STRANGER, exportState: true })
    if (!meta.layout) throw new Error('no layout')
    expect(meta.layout.stack).toBe(true)
    const rig = new StrangerRig(bytes)
    const state = bindState([{ exports: rig.exports, layout: meta.layout }])
    expect(rig.call('next').result).toBe(41)
    const fork = new StrangerRig(bytes)
    bindState([{ exports: fork.exports, layout: meta.layout }]).restore(state.capture())
    expect(fork.call('next').result).toBe(42)
    expect(state.reset(state.capture(), { memoryBytes: 2 ** 30 })).toBe(false)
  })

  it('is not saved when its state holds references or drops segments', () => {
    const saved = { ...STRANGER, exportState: true }
    const reference = buildModule({ globals: [{ type: 'externref', mutable: true, value: [0xd0, 0x6f] }] })
    expect(() => rewriteModule(reference, saved)).toThrow(/mutable externref, which cannot be saved/)
    expect(() => rewriteModule(reference, STRANGER)).not.toThrow()
    const drop = buildModule({ functions: [{ code: [0xfc, 9, 0] }], data: [{ bytes: [1] }], dataCount: true })
    expect(() => rewriteModule(drop, saved)).toThrow(/drops segments/)
  })
})

describe('rewriting in turns', () => {
  it('gives the same module', async () => {
    const bytes = await readAsset('quickjs')
    const options = { ...STRANGER, metering: 'exact' as const }
    const turns = await rewriteModuleInTurns(bytes, options, new AbortController().signal)
    expect(turns.bytes).toEqual(rewriteModule(bytes, options).bytes)
  })

  it('ends between two turns when it is aborted', async () => {
    const bytes = await readAsset('quickjs')
    const stop = new AbortController()
    const rewriting = rewriteModuleInTurns(bytes, STRANGER, stop.signal)
    stop.abort(new Error('enough'))
    await expect(rewriting).rejects.toThrow('enough')
  })
})

describe('operands are counted right', () => {
  it('for every vector instruction that the engine knows: a wrong count would refuse the function', () => {
    const signatures = [[], [0], [0, 0], [0, 0, 0], [1], [1, 0], [0, 1], [0, 2], [2], [0, 3], [3], [0, 4], [4]]
    const constants = [
      [0xfd, 12, ...new Array<number>(16).fill(1)],
      [0x41, 0],
      [0x42, 0],
      [0x43, 0, 0, 0, 0],
      [0x44, ...new Array<number>(8).fill(0)],
    ]
    let found = 0
    SIMD_SHAPES.forEach((shape, opcode) => {
      if (shape === 0) return
      const instruction = [0xfd, ...(opcode < 0x80 ? [opcode] : [(opcode & 0x7f) | 0x80, 1]), ...immediates(opcode)]
      const codes = signatures.flatMap((operands) => {
        const code = [...operands.flatMap((at) => constants[at] as number[]), ...instruction]
        return [code, [...code, 0x1a]]
      })
      const valid = codes
        .map((code) => buildModule({ functions: [{ code }], memory: { minimum: 1 } }))
        .filter((bytes) => WebAssembly.validate(bytes))
      expect(valid.length).toBeGreaterThan(0)
      for (const bytes of valid) expect(() => rewriteModule(bytes, STRANGER)).not.toThrow()
      found++
    })
    expect(found).toBe(236)
  })
})

/** Of a vector instruction: a memory argument without alignment, a lane, sixteen bytes. */
function immediates(opcode: number): number[] {
  if (opcode <= 11 || opcode === 92 || opcode === 93) return [0, 0]
  if (opcode === 12 || opcode === 13) return new Array<number>(16).fill(0)
  if (opcode >= 84 && opcode <= 91) return [0, 0, 0]
  return opcode >= 21 && opcode <= 34 ? leb(0) : []
}
