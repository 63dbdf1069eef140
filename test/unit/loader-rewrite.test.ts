/** What the rewriter adds to a module, what it takes away, and what it refuses. */
import { describe, expect, it } from 'vitest'
import { readAsset } from '#source'
import { findBodies } from '../../src/loader/code.ts'
import { describeModule } from '../../src/loader/describe.ts'
import { EMPTY_BLOCK, Op } from '../../src/loader/opcodes.ts'
import { Reader } from '../../src/loader/reader.ts'
import { type RewriteOptions, rewriteModule } from '../../src/loader/rewrite.ts'
import { readShape, SectionId } from '../../src/loader/sections.ts'
import { buildModule, COUNT_LOOPS, instantiate, leb, type ModuleParts } from '../loader-modules.ts'

type Metered = {
  __fuel: WebAssembly.Global<'i64'>
  __callout: WebAssembly.Table
  count(loops: number): number
}

/** A wasm function () -> () that calls `host`. */
function wasmFunction(host: () => void): WebAssembly.ExportValue {
  const bytes = buildModule({ imports: [{ module: 'e', name: 'f' }], functions: [{ name: 'call', code: [0x10, 0] }] })
  return instantiate(bytes, { e: { f: host } }).call as WebAssembly.ExportValue
}

function metered(callout: (exports: Metered) => void): Metered {
  const { bytes } = rewriteModule(buildModule({ functions: [{ name: 'count', ...COUNT_LOOPS }] }), { fuel: true })
  const exports = instantiate(bytes) as unknown as Metered
  exports.__callout.set(
    0,
    wasmFunction(() => callout(exports)),
  )
  return exports
}

describe('fuel', () => {
  it('costs one unit a loop head, and the callout comes when it is below zero', () => {
    const left: bigint[] = []
    const guest = metered((exports) => {
      left.push(exports.__fuel.value)
      exports.__fuel.value = 3n
    })
    guest.__fuel.value = 10n
    expect(guest.count(10)).toBe(10)
    expect(left).toEqual([])
    expect(guest.__fuel.value).toBe(0n)
    expect(guest.count(9)).toBe(9)
    // Heads 1, 5 and 9 find less than nothing: three are paid after each callout.
    expect(left).toEqual([-1n, -1n, -1n])
  })

  it('costs one unit for 64 bytes that an instruction moves, and the callout comes at the next loop head', () => {
    const [a, value] = [(index: number) => [0x20, index], [0x41, 7]] as const
    const [copy, fill] = [
      [0xfc, 10, 0, 0],
      [0xfc, 11, 0],
    ]
    const code = [...a(0), ...a(1), ...a(2), ...copy, ...a(0), ...value, ...a(2), ...fill, 0x03, 0x40, 0x0b]
    const { bytes } = rewriteModule(
      buildModule({
        functions: [{ name: 'move', params: ['i32', 'i32', 'i32'], code }],
        memory: { name: 'memory', minimum: 1 },
      }),
      { fuel: true },
    )
    const exports = instantiate(bytes) as unknown as Metered & {
      memory: WebAssembly.Memory
      move(to: number, from: number, length: number): void
    }
    let called = 0
    exports.__callout.set(
      0,
      wasmFunction(() => called++),
    )
    exports.__fuel.value = 1_000n
    exports.move(0, 100, 6_400)
    expect(exports.__fuel.value).toBe(1_000n - 200n - 1n)
    expect(new Uint8Array(exports.memory.buffer, 0, 6_400).every((byte) => byte === 7)).toBe(true)
    exports.move(0, 100, 40_000)
    expect([called, exports.__fuel.value]).toEqual([1, 799n - 1_250n - 1n])
    expect(() => exports.move(0, 0, -1)).toThrow(WebAssembly.RuntimeError)
  })

  it('traps a guest that runs without a callout', () => {
    const { bytes } = rewriteModule(buildModule({ functions: [{ name: 'count', ...COUNT_LOOPS }] }), { fuel: true })
    const guest = instantiate(bytes) as unknown as Metered
    expect(() => guest.count(1)).toThrow(WebAssembly.RuntimeError)
  })

  it('traps instead of going on when the callout traps', () => {
    const trap = instantiate(buildModule({ functions: [{ name: 'trap', code: [0x00] }] }))
      .trap as WebAssembly.ExportValue
    const guest = metered(() => {})
    guest.__callout.set(0, trap)
    guest.__fuel.value = 5n
    expect(() => guest.count(6)).toThrow(WebAssembly.RuntimeError)
  })

  it('turns a start function into an export, so that it runs under fuel too', () => {
    const original = buildModule({
      functions: [{ code: [0x41, 7, 0x24, 0] }],
      globals: [{ name: 'seen', type: 'i32', mutable: true, value: [0x41, 0] }],
      start: 0,
    })
    const { bytes, meta } = rewriteModule(original, { fuel: true })
    const guest = instantiate(bytes) as unknown as { seen: WebAssembly.Global<'i32'>; __start(): void }
    expect([meta.start, meta.description.start, guest.seen.value]).toEqual([true, true, 0])
    guest.__start()
    expect(guest.seen.value).toBe(7)
  })
})

describe('exports of the state', () => {
  const original = buildModule({
    functions: [
      { name: 'keep', code: [] },
      { name: 'drop', code: [0x41, 0, 0xd0, 0x70, 0x26, 1] },
    ],
    memory: { minimum: 1 },
    tables: [{ minimum: 2 }, { minimum: 1, name: 'own' }],
    globals: [
      { type: 'i32', mutable: true, value: [0x41, 1] },
      { type: 'i32', value: [0x41, 2] },
      { name: 'g', type: 'f64', mutable: true, value: [0x44, 0, 0, 0, 0, 0, 0, 0, 0] },
    ],
  })

  it('name every mutable global, every table and the memory, and say which tables the code writes', () => {
    const { bytes, meta } = rewriteModule(original, { exportState: true, keepExports: ['keep'] })
    expect(meta.layout).toEqual({
      memory: 'memory',
      globals: [
        { index: 0, type: 'i32' },
        { index: 2, type: 'f64' },
      ],
      tables: [
        { index: 0, written: false, foreign: false },
        { index: 1, written: true, foreign: false },
      ],
      fuel: false,
      stack: false,
      blank: true,
    })
    expect(Object.keys(instantiate(bytes)).sort()).toEqual(['__g0', '__g2', '__t0', '__t1', 'keep', 'memory', 'own'])
  })

  it.each([
    ['table.set', [0x26, 1]],
    ['table.init', [0xfc, 12, 0, 1]],
    ['table.copy', [0xfc, 14, 1, 0]],
    ['table.grow', [0xfc, 15, 1]],
    ['table.fill', [0xfc, 17, 1]],
  ])('say that %s writes the table that it names', (_, code) => {
    const bytes = buildModule({
      functions: [{ code: [0x00, ...code, 0x00] }],
      tables: [{ minimum: 1 }, { minimum: 1 }],
      elements: [0],
    })
    const { meta } = rewriteModule(bytes, { exportState: true })
    expect(meta.layout?.tables.map(({ written }) => written)).toEqual([false, true])
  })

  it.each<[string, ModuleParts, RegExp]>([
    ['a mutable reference', { globals: [{ type: 'funcref', mutable: true, value: [0xd0, 0x70] }] }, /mutable funcref/],
    [
      'a mutable vector',
      { globals: [{ type: 'v128', mutable: true, value: [0xfd, 12, ...new Array<number>(16).fill(0)] }] },
      /mutable v128/,
    ],
    [
      'segments that code drops',
      { functions: [{ code: [0xfc, 9, 0] }], data: [{ bytes: [1] }], dataCount: true },
      /drops segments/,
    ],
  ])('refuse %s', (_, parts, message) => {
    expect(() => rewriteModule(buildModule({ ...parts, memory: { minimum: 1 } }), { exportState: true })).toThrow(
      message,
    )
  })

  it('refuse a module that has an export of a reserved name', () => {
    const bytes = buildModule({ functions: [{ name: '__fuel', code: [] }] })
    expect(() => rewriteModule(bytes)).toThrow(/"__fuel" has a reserved name/)
    expect(() => rewriteModule(bytes, { keepExports: [] })).not.toThrow()
  })

  it('refuse to keep what is not there', () => {
    expect(() => rewriteModule(original, { keepExports: ['keep', 'gone'] })).toThrow(/no export "gone"/)
  })
})

describe('memory', () => {
  const grower = (minimum: number, maximum?: number) =>
    buildModule({
      // memory.grow by the parameter
      functions: [{ name: 'grow', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x40, 0] }],
      memory: { minimum, name: 'memory', ...(maximum === undefined ? {} : { maximum }) },
    })

  it('cannot grow beyond the cap', () => {
    const { bytes } = rewriteModule(grower(1), { maximumPages: 4 })
    const { grow } = instantiate(bytes) as unknown as { grow(pages: number): number }
    expect([grow(3), grow(1)]).toEqual([1, -1])
  })

  it('cannot grow beyond the cap of its instance, by no number of pages', () => {
    const { bytes } = rewriteModule(grower(1), { fuel: true, pagesCap: true, maximumPages: 8, exportState: true })
    const exports = instantiate(bytes) as unknown as { grow(pages: number): number; __pages: WebAssembly.Global<'i32'> }
    expect(exports.__pages.value).toBe(65_536)
    exports.__pages.value = 4
    for (const pages of [4, 7, 65_535, 65_536, 2 ** 31, -1, -65_532]) expect(exports.grow(pages)).toBe(-1)
    expect([exports.grow(2), exports.grow(1), exports.grow(0), exports.grow(1)]).toEqual([1, 3, 4, -1])
    exports.__pages.value = 5
    expect([exports.grow(1), exports.grow(1)]).toEqual([4, -1])
    exports.__pages.value = 2
    expect([exports.grow(1), exports.grow(0)]).toEqual([-1, -1])
    for (const other of [{ trust: 'stranger' }, { metering: 'exact' }] as const)
      expect(() => rewriteModule(grower(1), { fuel: true, pagesCap: true, ...other })).toThrow(/capped/)
  })

  it('starts with what is asked for, and keeps a lower cap of its own', () => {
    const { bytes } = rewriteModule(grower(1, 3), { minimumPages: 2, maximumPages: 10 })
    expect(describeModule(bytes).memory).toEqual({ minimum: 2, maximum: 3, imported: false })
  })

  it('is refused when the module needs more at once', () => {
    expect(() => rewriteModule(grower(8), { maximumPages: 4 })).toThrow(/needs 8 pages of memory, allowed are 4/)
  })
})

describe('data segments', () => {
  const parts = { memory: { minimum: 1, name: 'memory' }, data: [{ offset: 8, bytes: [1, 2, 3] }] }
  const first = (bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array((instantiate(bytes).memory as WebAssembly.Memory).buffer)[8]

  it('are there or are stripped, as asked', () => {
    for (const dataCount of [false, true]) {
      const original = buildModule({ ...parts, dataCount })
      const plain = rewriteModule(original, { exportState: true })
      const stripped = rewriteModule(original, { exportState: true, stripData: true })
      expect([first(plain.bytes), first(stripped.bytes)]).toEqual([1, 0])
      expect([plain.meta.layout?.blank, stripped.meta.layout?.blank]).toEqual([false, true])
    }
  })

  it('are not stripped when code names them', () => {
    const code = [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0]
    const original = buildModule({ ...parts, functions: [{ code }], data: [{ bytes: [1] }], dataCount: true })
    expect(() => rewriteModule(original, { stripData: true })).toThrow(/cannot be stripped/)
    expect(() => rewriteModule(original)).not.toThrow()
  })
})

describe('the pinned QuickJS', () => {
  it('is described with the full types of its imports', async () => {
    const description = describeModule(await readAsset('quickjs'))
    expect(description.functionImports).toHaveLength(12)
    expect(description.functionImports.find(({ name }) => name === 'clock_time_get')).toEqual({
      module: 'wasi_snapshot_preview1',
      name: 'clock_time_get',
      params: ['i32', 'i64', 'i32'],
      results: ['i32'],
    })
    expect(description.otherImports).toEqual([])
    expect(description.exports).toHaveLength(450)
    expect(description.mutableGlobals).toEqual([{ index: 0, type: 'i32', imported: false }])
  })

  it('is rewritten to the same bytes each time, and compiles', async () => {
    const bytes = await readAsset('quickjs')
    const options = { fuel: true, exportState: true, maximumPages: 1024, keepExports: ['malloc'] }
    const { bytes: rewritten, meta } = rewriteModule(bytes, options)
    expect(rewriteModule(bytes, options).bytes).toEqual(rewritten)
    expect(meta.loopHeads).toBe(1278)
    expect(rewritten.length).toBeLessThan(bytes.length * 1.05)
    expect(
      WebAssembly.Module.exports(await WebAssembly.compile(rewritten))
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['__callout', '__fuel', '__g0', '__indirect_function_table', '__t0', 'malloc', 'memory'])
  })
})

it('bytes that are no module are refused with one stable code', () => {
  for (const bytes of [new Uint8Array(), new Uint8Array([0, 0x61, 0x73]), new Uint8Array(leb(1 << 20))]) {
    expect(() => rewriteModule(bytes)).toThrow(expect.objectContaining({ code: 'TOKA_ENGINE_LOAD' }))
  }
})

describe('branches that the rewriter puts in', () => {
  /** A loop in a function that calls itself: charges, and the depth of calls. */
  const code = [0x03, 0x40, 0x20, 0, 0x10, 0, 0x20, 0, 0x0d, 0, 0x0b]
  const parts: ModuleParts = { functions: [{ name: 'run', params: ['i32'], code }] }
  const options: Record<string, RewriteOptions> = {
    pinned: { fuel: true },
    'pinned, exact': { fuel: true, metering: 'exact' },
    stranger: { fuel: true, trust: 'stranger' },
    'stranger, exact': { fuel: true, trust: 'stranger', metering: 'exact' },
  }

  it.each(Object.keys(options))('are told to compilers as hardly ever taken (%s)', (name) => {
    const { bytes } = rewriteModule(buildModule(parts), options[name])
    const module = new WebAssembly.Module(bytes)
    const [section] = WebAssembly.Module.customSections(module, 'metadata.code.branch_hint')
    const reader = new Reader(new Uint8Array(section as ArrayBuffer), 0, (section as ArrayBuffer).byteLength)
    const body = findBodies(bytes, readShape(bytes).sections.get(SectionId.code))[0] as { start: number; end: number }
    expect([reader.u32(), reader.u32()]).toEqual([1, 0])
    const places: number[] = []
    for (let left = reader.u32(); left > 0; left--) {
      places.push(reader.u32())
      expect([reader.u32(), reader.byte()]).toEqual([1, 0])
    }
    expect(reader.done).toBe(true)
    // The module has no `if` of its own.
    const found = Array.from(bytes.subarray(body.start, body.end), (byte, at) =>
      byte === Op.if && bytes[body.start + at + 1] === EMPTY_BLOCK ? at : -1,
    ).filter((at) => at >= 0)
    expect(places).toEqual(found)
    expect(places.length).toBeGreaterThan(0)
  })
})
