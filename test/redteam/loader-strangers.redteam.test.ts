/** Modules that are hostile at the level of the binary: each runs under a deadline of 50 ms and must die of it. */
import { describe, expect, it } from 'vitest'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { buildModule, leb, type ModuleParts, SWALLOW_FOREVER } from '../loader-modules.ts'
import { STRANGER, stranger, type StrangerRig } from '../stranger-rig.ts'

const DEADLINE_MS = 50
/** Generous, for machines that do other things too: what is really reached is measured in bench/. */
const OVERSHOOT_MS = 250

const BOTH = ['fast', 'exact'] as const

/** Runs `run` of a module and sees it die in time. */
function dies(parts: ModuleParts, name = 'run'): void {
  for (const metering of BOTH) {
    const ending = stranger(parts, { metering }).call(name, [], DEADLINE_MS)
    expect(ending.how).toBe('time')
    expect(ending.elapsedMs).toBeLessThan(DEADLINE_MS + OVERSHOOT_MS)
  }
}

const i32 = (value: number) => [0x41, ...leb(value)]
/** Instructions for ever. */
const forever = (...code: number[]) => [0x03, 0x40, ...code, 0x0c, 0, 0x0b]
const MEMORY_FILL = [0xfc, 11, 0]
const MEMORY_COPY = [0xfc, 10, 0, 0]

describe('a stranger with no loop dies', () => {
  it('of a graph of 2^40 calls', () => {
    const functions = Array.from({ length: 41 }, (_, at) => ({
      ...(at === 0 ? { name: 'run' } : {}),
      code: at === 40 ? [] : [0x10, at + 1, 0x10, at + 1],
    }))
    dies({ functions })
  })

  it('of the same graph through a table', () => {
    const functions = Array.from({ length: 41 }, (_, at) => ({
      ...(at === 0 ? { name: 'run' } : {}),
      code: at === 40 ? [] : [...i32(at + 1), 0x11, 0, 0, ...i32(at + 1), 0x11, 0, 0],
    }))
    dies({ functions, tables: [{ minimum: 41 }], elements: functions.map((_, at) => at) })
  })

  it('of a graph whose functions are long and have no calls at its leaves', () => {
    const work = Array.from({ length: 2_000 }, () => [0x23, 0, ...i32(3), 0x6c, 0x24, 0]).flat()
    const functions = Array.from({ length: 31 }, (_, at) => ({
      ...(at === 0 ? { name: 'run' } : {}),
      code: at === 30 ? work : [0x10, at + 1, 0x10, at + 1],
    }))
    dies({ functions, globals: [{ type: 'i32', mutable: true, value: [0x41, 1] }] })
  })

  it('of `return_call` of itself, of another, and through a table', () => {
    dies({ functions: [{ name: 'run', code: [0x12, 0] }] })
    dies({ functions: [{ name: 'run', code: [0x12, 1] }, { code: [0x12, 0] }] })
    const byTable = { functions: [{ name: 'run', code: [...i32(0), 0x13, 0, 0] }], elements: [0] }
    dies({ ...byTable, tables: [{ minimum: 1 }] })
  })
})

describe('a stranger with long operations dies', () => {
  const memory = { minimum: 4_096, maximum: 4_096 }

  it('of forty fills of 256 MB in line, and of one that is repeated', () => {
    const fill = [...i32(0), ...i32(7), ...i32(2 ** 28), ...MEMORY_FILL]
    const forty = Array.from({ length: 40 }, () => fill).flat()
    dies({ functions: [{ name: 'run', code: forty }], memory })
    dies({ functions: [{ name: 'run', code: forever(...fill) }], memory })
  })

  it.each([
    ['upwards', 2 ** 20, 0],
    ['downwards', 0, 2 ** 20],
  ])('of copies of 255 MB %s', (_, to, from) => {
    const copy = [...i32(to), ...i32(from), ...i32(255 * 2 ** 20), ...MEMORY_COPY]
    dies({ functions: [{ name: 'run', code: forever(...copy) }], memory })
  })

  it('of a segment of 4 MB that is put into memory again and again', () => {
    const length = 4 * 2 ** 20
    const init = [...i32(0), ...i32(0), ...i32(length), 0xfc, 8, 0, 0]
    const data = [{ bytes: new Uint8Array(length) }]
    dies({ functions: [{ name: 'run', code: forever(...init) }], memory, data, dataCount: true })
  })

  it('of fills, copies and segments of tables', () => {
    const slots = 100_000
    const tables = [{ minimum: slots, maximum: slots }]
    const fill = [...i32(0), 0xd2, 0, ...i32(slots), 0xfc, 17, 0]
    const copy = [...i32(1), ...i32(0), ...i32(slots - 1), 0xfc, 14, 0, 0]
    dies({ functions: [{ name: 'run', code: forever(...fill) }], tables, elements: [0] })
    dies({ functions: [{ name: 'run', code: forever(...copy) }], tables })
  })

  it('of memory that is touched page by page, and of a chase through it', () => {
    const stride = [0x20, 0, ...i32(1), 0x3a, 0, 0, 0x20, 0, ...i32(4_096), 0x6a, ...i32(2 ** 28 - 1), 0x71, 0x21, 0]
    dies({ functions: [{ name: 'run', locals: ['i32'], code: forever(...stride) }], memory })
    const mix = [0x20, 0, ...i32(1_103_515_245), 0x6c, ...i32(12_345), 0x6a, 0x21, 0]
    const chase = [...mix, 0x20, 0, ...i32(2 ** 28 - 4), 0x71, 0x28, 2, 0, 0x20, 0, 0x6a, 0x21, 0]
    dies({ functions: [{ name: 'run', locals: ['i32'], code: forever(...chase) }], memory })
  })

  it('of growing that always fails', () => {
    const grow = [...i32(70_000), 0x40, 0, 0x1a]
    dies({ functions: [{ name: 'run', code: forever(...grow) }], memory: { minimum: 1, maximum: 2 } })
  })
})

describe('a stranger cannot grow', () => {
  it('a table beyond its cap: eight times ten million slots are refused eight times', () => {
    const tables = Array.from({ length: 8 }, () => ({ minimum: 0 }))
    const code = tables.flatMap((_, at) => [0xd0, 0x70, ...i32(10_000_000), 0xfc, 15, at, 0x6a])
    const ending = stranger({
      functions: [{ name: 'run', results: ['i32'], code: [...i32(0), ...code] }],
      tables,
    }).call('run')
    expect(ending.result).toBe(-8)
    expect(ending.elapsedMs).toBeLessThan(OVERSHOOT_MS)
  })

  it('memory beyond the cap that it was given', () => {
    const grow = { name: 'run', results: ['i32' as const], code: [...i32(4_096), 0x40, 0] }
    expect(stranger({ functions: [grow], memory: { minimum: 1 } }).call('run').result).toBe(-1)
  })
})

describe('a stranger that recurses', () => {
  /** `dive(n)`: n ? dive(n - 1) + 1 : 0, as many levels deep as it is told. */
  const DIVE = {
    name: 'dive',
    params: ['i32'],
    results: ['i32'],
    code: [0x20, 0, 0x04, 0x7f, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x41, 1, 0x6a, 0x05, 0x41, 0, 0x0b],
  } as const
  const deepest = (rig: StrangerRig, slots?: number) => {
    let [fits, fails] = [0, 100_000]
    while (fails - fits > 1) {
      const middle = (fits + fails) >> 1
      const { how } = rig.call('dive', [middle], 5_000, slots)
      if (how !== 'returned' && how !== 'stack') throw new Error(how)
      if (how === 'returned') fits = middle
      else fails = middle
    }
    return fits
  }

  it('dies at the same depth in every runtime, before the stack of the host is full', () => {
    const rig = stranger({ functions: [DIVE] })
    expect(deepest(rig)).toBe(3_845)
    expect(deepest(rig, 1_000)).toBe(75)
    expect(rig.call('dive', [3_845]).result).toBe(3_845)
  })

  it('dies in a circle of functions, through a table, and where its frames are large', () => {
    const circle = Array.from({ length: 30 }, (_, at) => ({ name: `f${at}`, code: [0x10, (at + 1) % 30] }))
    expect(stranger({ functions: circle }).call('f7').how).toBe('stack')
    const byTable = { functions: [{ name: 'run', code: [...i32(0), 0x11, 0, 0] }], tables: [{ minimum: 1 }] }
    expect(stranger({ ...byTable, elements: [0] }).call('run').how).toBe('stack')
    const locals = new Array<'i64'>(1_900).fill('i64')
    const keep = locals.flatMap((_, at) => [0x20, ...leb128(at), 0x50, 0x1a])
    const large = { name: 'run', locals, code: [0x10, 0, ...keep] }
    expect(stranger({ functions: [large] }).call('run').how).toBe('stack')
  })

  it('dies of a long way down that nowhere turns back', () => {
    const locals = new Array<'i64'>(1_000).fill('i64')
    const functions = Array.from({ length: 200 }, (_, at) => ({
      ...(at === 0 ? { name: 'run' } : {}),
      locals,
      code: at === 199 ? [] : [0x10, ...leb128(at + 1), 0x20, 0, 0x50, 0x1a],
    }))
    expect(stranger({ functions }).call('run').how).toBe('stack')
  })

  it('cannot swallow its end and go on', () => {
    const code = [0x06, 0x40, 0x10, 0, 0x19, 0x0b, ...forever()]
    const ending = stranger({ functions: [{ name: 'run', code }] }).call('run', [], DEADLINE_MS)
    expect(ending.how).toBe('stack')
  })

  it('gets its depth back when exceptions unwind it', () => {
    // throw(n): n ? throw(n - 1) : throw; catching(): try { throw(1000) } catch_all {}; then dive(n)
    const unwind = {
      params: ['i32'],
      code: [0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x10, 1, 0x05, 0x08, 0, 0x0b],
    } as const
    const once = [0x06, 0x40, ...i32(1_000), 0x10, 1, 0x19, 0x0b]
    const catching = {
      name: 'run',
      results: ['i32'],
      code: [...once, ...once, ...once, ...once, ...once, ...i32(3_000), 0x10, 0],
    } as const
    const rig = stranger({ functions: [DIVE, unwind, catching], tags: [{}] })
    expect(rig.call('run').result).toBe(3_000)
  })
})

function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)]
}

describe('a stranger that catches', () => {
  it('dies although it swallows every exception', () => {
    dies({ functions: [{ name: 'run', ...SWALLOW_FOREVER }] })
  })

  it('dies of exceptions that it throws to itself for ever', () => {
    dies({ functions: [{ name: 'run', code: forever(0x06, 0x40, 0x08, 0, 0x19, 0x0b) }], tags: [{}] })
  })

  it('dies in `try_table`, or is refused where the engine does not know it', () => {
    const landing = [0x02, 0x40, 0x1f, 0x40, 1, 2, 0, 0x08, 0, 0x0b, 0x0b]
    const parts: ModuleParts = { functions: [{ name: 'run', code: forever(...landing) }], tags: [{}] }
    if (WebAssembly.validate(buildModule(parts))) dies(parts)
    else expect(() => stranger(parts)).toThrow(/not valid WebAssembly/)
  })
})

describe('a stranger with a start function', () => {
  it('is instantiated at once, and dies when it is started', () => {
    dies({ functions: [{ code: forever() }], start: 0 }, '__start')
  })
})

describe('a stranger is refused by name', () => {
  const sections = (...parts: readonly number[][]) =>
    new Uint8Array([
      0,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      ...parts.flatMap(([id, ...body]) => [id ?? 0, body.length, ...body]),
    ])
  const withCode = (...code: number[]) => buildModule({ functions: [{ code }], memory: { minimum: 1 } })
  const refused = (bytes: Uint8Array<ArrayBuffer>, why: RegExp) =>
    expect(() => rewriteModule(bytes, STRANGER)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(why) }),
    )

  it.each([
    ['a shared memory', sections([5, 1, 3, 1, 1]), /threads: a shared memory is not allowed \(offset 0x/],
    ['an atomic wait', withCode(0x41, 0, 0x41, 0, 0x42, 0, 0xfe, 1, 2, 0, 0x1a), /0xfe 0x1 \(threads\) is not allowed/],
    ['several memories', sections([5, 2, 0, 1, 0, 1]), /several memories are not allowed/],
    ['memory64', sections([5, 1, 4, 1]), /memory64 is not allowed/],
    ['garbage collection', withCode(0xd0, 0x6e, 0x1a), /garbage collection is not allowed/],
    ['a struct', sections([1, 1, 0x5f, 0]), /garbage collection is not allowed: type 0x5f/],
    ['relaxed SIMD', withCode(0xfd, 0x80, 2, 0x1a), /0xfd 0x100 \(relaxed SIMD\) is not allowed/],
    ['an unknown opcode', withCode(0x27), /opcode 0x27 is unknown/],
    ['stack switching', withCode(0xe0, 0), /stack switching/],
    ['typed function references', withCode(0x14, 0), /typed function references/],
    [
      'an imported memory',
      sections([2, 1, 1, 101, 1, 109, 2, 0, 1]),
      /imports e\.m, and a stranger may import functions/,
    ],
  ])('for %s', (_, bytes, why) => refused(bytes as Uint8Array<ArrayBuffer>, why))

  it('for a function of 7.5 MB', () => {
    refused(
      buildModule({ functions: [{ code: new Uint8Array(7_500_000).fill(1) as never }] }),
      /function 0 is 7500002 bytes long, allowed are 262144/,
    )
  })

  it('for 100,000 functions, and for 50,000 locals', () => {
    refused(buildModule({ functions: new Array(100_000).fill({ code: [] }) }), /100000 functions, allowed are 20000/)
    refused(
      buildModule({ functions: [{ locals: new Array(50_000).fill('i32'), code: [] }] }),
      /function 0 has 50000 locals/,
    )
  })

  it('for branches that compilers would merge too many locals at', () => {
    const locals = new Array<'i32'>(1_900).fill('i32')
    const code = Array.from({ length: 2_000 }, () => [0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b]).flat()
    refused(buildModule({ functions: [{ locals, code }] }), /slots merged between its branches/)
    const targets = [0x02, 0x40, 0x20, 0, 0x0e, ...leb128(20_000), ...new Array<number>(20_001).fill(0), 0x0b]
    refused(buildModule({ functions: [{ locals, code: targets }] }), /slots merged between its branches/)
  })

  it('for operands that would not fit a frame', () => {
    const code = [...new Array<number>(9_000).fill(0).flatMap(() => [0x41, 0]), ...new Array<number>(9_000).fill(0x1a)]
    refused(buildModule({ functions: [{ code }] }), /function 0 has 9000 slots in its frame, allowed are 4000/)
  })

  it('for tables, segments, types, globals, exports and imports without number', () => {
    const many = <Item>(count: number, item: Item) => new Array<Item>(count).fill(item)
    refused(buildModule({ tables: many(9, { minimum: 1 }) }), /9 tables, allowed are 8/)
    refused(buildModule({ tables: [{ minimum: 200_000 }] }), /200000 slots in table 0/)
    refused(
      buildModule({ functions: [{ code: [] }], tables: [{ minimum: 1 }], elements: many(200_001, 0) }),
      /functions in its element segments/,
    )
    refused(buildModule({ memory: { minimum: 1 }, data: many(50_001, { bytes: [] }) }), /50001 data segments/)
    refused(buildModule({ globals: many(10_001, { type: 'i32' as const, value: [0x41, 0] }) }), /10001 globals/)
    refused(buildModule({ imports: many(1_001, { module: 'e', name: 'f' }) }), /1001 imports/)
    refused(buildModule({ functions: [{ params: many(129, 'i32' as const), code: [] }] }), /129 parameters and results/)
    refused(buildModule({ data: [{ bytes: new Uint8Array(65 * 2 ** 20) }] }), /bytes long, allowed are 67108864/)
  })

  it('without fuel', () => {
    expect(() => rewriteModule(buildModule({}), { trust: 'stranger' })).toThrow(/runs on fuel only/)
  })
})
