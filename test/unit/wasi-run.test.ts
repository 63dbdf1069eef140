/** Modules of the user's: commands and reactors run, are called, forked, saved, measured and refused by name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createToka, type RunResult, type SandboxOptions, type Toka } from '../../src/index.ts'
import { buildModule, type ModuleParts } from '../loader-modules.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { inEveryWay, isWorker, toka } from '../run.ts'
import { call, catModule, get, helloModule, i32, reactorModule } from '../wasm-guests.ts'

const wasm = (module: Uint8Array, more: Partial<SandboxOptions> = {}): SandboxOptions => ({
  language: 'wasm',
  module,
  ...more,
})

inEveryWay(() => {
  test('a command prints and exits with its own code', async () => {
    const result = await (await toka()).run({ ...wasm(helloModule('out\n', 33)) })
    expect(result).toMatchObject({ status: 'completed', exitCode: 33, stdout: 'out\n', usage: { metering: 'fast' } })
    expect(result.usage.fuel).toBeGreaterThan(0)
  })

  test('stdin is streamed to its end', async () => {
    const pieces = ['one ', 'two ', 'x'.repeat(5_000)]
    const stdin = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 2))
        const piece = pieces.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
    })
    const result = await (await toka()).run({ ...wasm(catModule()), stdin })
    // A guest that cannot be suspended cannot wait for its own thread: its read fails, and this program then ends.
    const canWait = (await canSuspend()) || isWorker()
    expect(result).toMatchObject({ exitCode: 0, stdout: canWait ? `one two ${'x'.repeat(5_000)}` : '' })
  })

  test('exports are called with numbers', async () => {
    const sandbox = await (await toka()).open(wasm(reactorModule()))
    try {
      expect((await sandbox.call('add', 2, 40)).value).toBe(42)
      expect((await sandbox.call('add', 2 ** 32 - 1, 0)).value).toBe(-1)
      expect((await sandbox.call('wide', 2n ** 63n - 2n)).value).toBe(2n ** 63n - 1n)
      expect((await sandbox.call('wide', 41)).value).toBe(42n)
      expect((await sandbox.call('float', 1.5)).value).toBe(2.25)
      expect((await sandbox.call('pair', 3)).value).toEqual([3, 7])
      expect((await sandbox.call('set', 0, 1)).value).toBeUndefined()
    } finally {
      await sandbox.dispose()
    }
  })

  test('what does not fit an export is refused by name', async () => {
    const sandbox = await (await toka()).open(wasm(reactorModule()))
    const refused = (name: string, ...args: unknown[]) =>
      expect(sandbox.call(name, ...args)).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    try {
      await refused('nothing')
      await refused('add', 1)
      await refused('add', 1, 'x')
      await refused('add', 1.5, 1)
      await refused('add', 2 ** 32, 1)
      await refused('wide', 2 ** 60)
      await refused('wide', 2n ** 64n)
      await expect(sandbox.run({ call: 'add', input: 3 })).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
      await expect(sandbox.run({ source: 'x' })).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
      expect((await sandbox.call('add', 1, 2)).value).toBe(3)
    } finally {
      await sandbox.dispose()
    }
  })

  test('forks and snapshots hold memory, globals and tables, and are independent', async () => {
    const it = await toka()
    const sandbox = await it.open(wasm(reactorModule()))
    const valueOf = async (result: Promise<RunResult>): Promise<unknown> => (await result).value
    try {
      const pristine = await it.restore(await sandbox.snapshot(), { module: reactorModule() })
      expect(await valueOf(sandbox.call('count'))).toBe(111)
      await sandbox.call('set', 0, 1)
      await sandbox.call('grow')
      expect(await valueOf(sandbox.call('use', 0))).toBe(2)
      const twin = await sandbox.fork()
      const saved = await it.restore(await sandbox.snapshot(), { module: reactorModule() })
      await sandbox.call('set', 2, 0)
      for (const other of [twin, saved]) {
        expect(await valueOf(other.call('count'))).toBe(212)
        expect(await valueOf(other.call('use', 0))).toBe(2)
        expect((await other.call('use', 2)).error?.code).toBe('TOKA_GUEST_TRAP')
      }
      expect(await valueOf(sandbox.call('use', 2))).toBe(2)
      expect(await valueOf(pristine.call('count'))).toBe(111)
      for (const other of [twin, saved, pristine]) await other.dispose()
    } finally {
      await sandbox.dispose()
    }
  })

  test('a trap or a kill loses the instance, and the next call begins anew', async () => {
    const sandbox = await (await toka()).open(wasm(reactorModule()))
    try {
      await sandbox.call('count')
      expect((await sandbox.call('trap')).error?.code).toBe('TOKA_GUEST_TRAP')
      expect((await sandbox.call('count')).value).toBe(111)
      const looped = await sandbox.run({ call: 'loop', input: [], limits: { timeoutMs: 50 } })
      expect(looped).toMatchObject({ status: 'limit', error: { code: 'TOKA_LIMIT_TIME' } })
      expect(looped.usage.wallMs).toBeLessThan(2_000)
      expect((await sandbox.call('count')).value).toBe(111)
    } finally {
      await sandbox.dispose()
    }
  })

  test('exact metering burns the same fuel in every runtime and every way of running', async () => {
    const options = wasm(reactorModule(), {
      metering: 'exact',
      deterministic: { seed: 's', start: '2026-01-01T00:00:00Z' },
    })
    const sandbox = await (await toka()).open(options)
    try {
      const result = await sandbox.call('count')
      expect(result.usage).toMatchObject({ metering: 'exact', fuel: 20 })
      const hello = await (await toka()).run({ ...wasm(helloModule()), metering: 'exact' })
      expect(hello.usage).toMatchObject({ metering: 'exact', fuel: 143 })
    } finally {
      await sandbox.dispose()
    }
  })
})

describe('beginnings', () => {
  let own: Toka
  beforeAll(async () => {
    own = await createToka()
  })
  afterAll(() => own.dispose())

  test('a start function and _initialize run once, on fuel, before the first call', async () => {
    const count = { results: ['i32'], code: [0x23, 0] } as const
    const add = (name: string | undefined, amount: number) => ({
      ...(name === undefined ? {} : { name }),
      code: [0x23, 0, ...i32(amount), 0x6a, 0x24, 0],
    })
    const module = buildModule({
      memory: { minimum: 1, name: 'memory' },
      globals: [{ type: 'i32', mutable: true, value: i32(0) }],
      functions: [add(undefined, 1), add('_initialize', 10), { name: 'count', ...count }],
      start: 0,
    })
    const sandbox = await own.open(wasm(module))
    expect((await sandbox.call('count')).value).toBe(11)
    expect((await sandbox.call('count')).value).toBe(11)
    const twin = await sandbox.fork()
    expect((await twin.call('count')).value).toBe(11)
    await twin.dispose()
    await sandbox.dispose()
    const endless = buildModule({ functions: [{ code: [0x03, 0x40, 0x0c, 0, 0x0b] }], start: 0 })
    expect(await own.run({ ...wasm(endless), limits: { timeoutMs: 50 } })).toMatchObject({ status: 'limit' })
  })

  test('a command begins anew with each run, and finds the files of the run before', async () => {
    const sandbox = await own.open(wasm(helloModule('again\n')))
    for (let turn = 0; turn < 3; turn++) expect((await sandbox.run({})).stdout).toBe('again\n')
    const twin = await sandbox.fork()
    expect((await twin.run({})).stdout).toBe('again\n')
    await twin.dispose()
    await sandbox.dispose()
  })

  test('a module without memory runs, and its calls have nowhere to write', async () => {
    const module = buildModule({
      imports: [{ module: 'wasi_snapshot_preview1', name: 'args_sizes_get', params: ['i32', 'i32'], results: ['i32'] }],
      functions: [{ name: 'go', results: ['i32'], code: [...i32(0), ...i32(4), ...call(0)] }],
    })
    const sandbox = await own.open(wasm(module))
    expect((await sandbox.call('go')).value).toBe(21)
    await sandbox.dispose()
  })

  test('state that cannot be saved is no reason not to run, and forks of it are refused with the reason', async () => {
    const module = buildModule({
      globals: [{ type: 'funcref', mutable: true, value: [0xd0, 0x70] }],
      functions: [{ name: 'go', results: ['i32'], code: i32(5) }],
    })
    const sandbox = await own.open(wasm(module))
    const before = await sandbox.fork()
    expect((await sandbox.call('go')).value).toBe(5)
    await expect(sandbox.fork()).rejects.toMatchObject({
      code: 'TOKA_ENGINE_LOAD',
      message: /mutable funcref/ as never,
    })
    expect((await before.call('go')).value).toBe(5)
    await before.dispose()
    await sandbox.dispose()
  })

  test('memory is held to the limit, and a module that needs more at once is refused', async () => {
    const grows = buildModule({
      memory: { minimum: 1, name: 'memory' },
      functions: [{ name: 'grow', params: ['i32'], results: ['i32'], code: [...get(0), 0x40, 0] }],
    })
    const limits = { memoryBytes: 2 ** 20 }
    const sandbox = await own.open(wasm(grows, { limits }))
    expect((await sandbox.call('grow', 15)).value).toBe(1)
    expect((await sandbox.call('grow', 1)).value).toBe(-1)
    expect((await sandbox.call('grow', 0)).usage.memoryBytes).toBe(2 ** 20)
    await sandbox.dispose()
    const large = buildModule({ memory: { minimum: 17, name: 'memory' }, functions: [] })
    await expect(own.open(wasm(large, { limits }))).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
  })
})

describe('features', () => {
  let own: Toka
  beforeAll(async () => {
    own = await createToka()
  })
  afterAll(() => own.dispose())

  const run = async (parts: ModuleParts): Promise<unknown> => {
    const sandbox = await own.open(wasm(buildModule(parts)))
    try {
      const result = await sandbox.call('go')
      if (result.error) throw new Error(result.error.message)
      return result.value
    } finally {
      await sandbox.dispose()
    }
  }
  const go = (code: readonly number[], more: object = {}) => [{ name: 'go', results: ['i32'] as const, code, ...more }]

  test('multi-value, SIMD, bulk memory, exceptions, tail calls and reference types run', async () => {
    expect(
      await run({ functions: [...go([...call(1), 0x6a]), { results: ['i32', 'i32'], code: [...i32(40), ...i32(2)] }] }),
    ).toBe(42)
    // i32x4.splat 21; i32x4.add with itself; i32x4.extract_lane 0
    const splat = [...i32(21), 0xfd, 0x11]
    expect(await run({ functions: go([...splat, ...splat, 0xfd, 0xae, 0x01, 0xfd, 0x1b, 0]) })).toBe(42)
    // memory.init, memory.copy, memory.fill, then data.drop
    const bulk = [
      ...[...i32(0), ...i32(0), ...i32(4), 0xfc, 8, 0, 0, 0xfc, 9, 0],
      ...[...i32(8), ...i32(0), ...i32(4), 0xfc, 10, 0, 0, ...i32(9), ...i32(0), ...i32(3), 0xfc, 11, 0],
      ...[...i32(8), 0x28, 2, 0],
    ]
    const data = [{ bytes: [42, 1, 1, 1] }]
    expect(await run({ memory: { minimum: 1 }, data, dataCount: true, functions: go(bulk) })).toBe(42)
    const thrown = [0x06, 0x7f, ...i32(42), 0x08, 0, 0x07, 0, 0x0b]
    expect(await run({ tags: [{ params: ['i32'] }], functions: go(thrown) })).toBe(42)
    expect(await run({ functions: [...go([0x12, 1]), { results: ['i32'], code: i32(42) }] })).toBe(42)
    const table = { tables: [{ minimum: 1, element: 'externref' as const }] }
    expect(await run({ ...table, functions: go([...i32(0), 0x25, 0, 0xd1, ...i32(41), 0x6a]) })).toBe(42)
  })

  const memory = (flags: number, ...limits: number[]) => [5, 2 + limits.length, 1, flags, ...limits]
  const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const refusals: [string, number[] | Uint8Array, RegExp][] = [
    ['nothing', [], /does not begin as WebAssembly/],
    ['text', [...new TextEncoder().encode('hello world')], /does not begin as WebAssembly/],
    ['another version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], /version is 2/],
    ['half a module', helloModule().subarray(0, 60), /refused/],
    ['memory64', [...HEAD, ...memory(4, 1)], /64|memory/i],
    ['shared memory (threads)', [...HEAD, ...memory(3, 1, 1)], /shared/],
    ['several memories', [...HEAD, 5, 5, 2, 0, 1, 0, 1], /several memories/],
    ['garbage collection', [...HEAD, 1, 4, 1, 0x5f, 0, 0], /0x5f|type/],
    ['an import of nobody', importing('env', 'print'), /env\.print/],
    ['an older WASI', importing('wasi_unstable', 'fd_write'), /older WASI/],
    ['an import of another type', importing('wasi_snapshot_preview1', 'fd_write'), /fd_write as \(\)/],
    [
      'a data segment outside',
      buildModule({
        memory: { minimum: 1 },
        functions: [],
        data: [{ offset: 65_530, bytes: [1, 2, 3, 4, 5, 6, 7, 8] }],
      }),
      /outside/,
    ],
    [
      'an element segment outside',
      buildModule({ tables: [{ minimum: 0 }], functions: [{ code: [] }], elements: [0] }),
      /refused/,
    ],
  ]
  test.each(refusals)('%s is refused with the reason', async (_what, bytes, reason) => {
    const refused = own.open(wasm(Uint8Array.from(bytes)))
    await expect(refused).rejects.toMatchObject({ code: 'TOKA_ENGINE_LOAD', message: expect.stringMatching(reason) })
  })

  test('a run in which nothing would happen is refused, with the functions that could be called', async () => {
    const idle = buildModule({
      functions: [
        { name: 'add', code: [] },
        { name: 'sub', code: [] },
      ],
    })
    await expect(own.run(wasm(idle))).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
      message: 'the module is no program: it does not export _start. Call one of its functions: add, sub',
    })
    const sandbox = await own.open(wasm(idle))
    await expect(sandbox.run({})).rejects.toThrow('no program')
    expect(await sandbox.call('add')).toMatchObject({ status: 'completed' })
    await expect(sandbox.call('mul')).rejects.toThrow('exports no function "mul"; it has: add, sub')
    await sandbox.dispose()
  })

  test('a compiled module is refused, and so is a module for another language', async () => {
    const module = new WebAssembly.Module(helloModule()) as unknown as Uint8Array
    await expect(own.open({ language: 'wasm', module })).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    await expect(own.open({ language: 'wasm' })).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    const mixed = own.run({ language: 'javascript', source: '1', module: helloModule() })
    await expect(mixed).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
    const called = own.run({ language: 'javascript', call: 'x' })
    await expect(called).rejects.toMatchObject({ code: 'TOKA_REQUEST_INVALID' })
  })

  test('a module that calls what is only there to be linked ends, and the result says what it called', async () => {
    const module = buildModule({
      imports: [{ module: 'rb-js-abi-host', name: 'eval', params: ['i32'] }],
      functions: [{ name: '_start', code: [...i32(0), ...call(0)] }],
    })
    const { error } = await own.run(wasm(module))
    expect(error).toMatchObject({ code: 'TOKA_GUEST_TRAP', message: expect.stringContaining('rb-js-abi-host.eval') })
  })
})

function importing(module: string, name: string): Uint8Array<ArrayBuffer> {
  return buildModule({ imports: [{ module, name }], functions: [] })
}
