/** A tenant's bytes after a reset: nowhere, or the instance is discarded. */
import { describe, expect, it } from 'vitest'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { bindState, type State } from '../../src/loader/state.ts'
import { buildModule, COUNT_LOOPS, instantiate } from '../loader-modules.ts'

describe('a tenant that hides a secret', () => {
  const SECRET = [...'0123456789abcdef0123456789abcdef'].map((char) => char.charCodeAt(0))
  const PAGE = 65_536

  /** A guest with a booted state, a writable table and globals of each type. */
  function tenant() {
    const { bytes, meta } = rewriteModule(
      buildModule({
        functions: [
          { name: 'grow', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x40, 0] },
          { name: 'setTable', code: [0x41, 1, 0xd2, 0, 0x26, 0] },
          { name: 'count', ...COUNT_LOOPS },
        ],
        memory: { minimum: 3, name: 'memory' },
        tables: [{ minimum: 4, maximum: 8, name: 'table' }],
        elements: [0],
        globals: (['i32', 'i64', 'f32', 'f64'] as const).map((type) => ({
          type,
          mutable: true,
          value: { i32: [0x41, 1], i64: [0x42, 2], f32: [0x43, 0, 0, 0, 0], f64: [0x44, 0, 0, 0, 0, 0, 0, 0, 0] }[type],
        })),
        data: [
          { offset: 5_000, bytes: [1, 2, 3] },
          { offset: 70_000, bytes: [9] },
        ],
      }),
      { fuel: true, exportState: true, maximumPages: 64 },
    )
    const exports = instantiate(bytes) as unknown as WebAssembly.Exports & {
      memory: WebAssembly.Memory
      table: WebAssembly.Table
      grow(pages: number): number
      setTable(): void
      __fuel: WebAssembly.Global<'i64'>
    }
    if (!meta.layout) throw new Error('no layout')
    const bound = bindState([{ exports, layout: meta.layout }])
    const state = bound.capture()
    const bytesNow = () => new Uint8Array(exports.memory.buffer)
    const globals = () => [0, 1, 2, 3].map((at) => exports[`__g${at}`] as WebAssembly.Global)
    return { exports, bound, state, bytesNow, globals }
  }

  const contains = (bytes: Uint8Array) => {
    for (let at = bytes.indexOf(SECRET[0] as number); at >= 0; at = bytes.indexOf(SECRET[0] as number, at + 1)) {
      if (SECRET.every((byte, offset) => bytes[at + offset] === byte)) return true
    }
    return false
  }
  const BUDGET = { memoryBytes: 8 * PAGE }
  const original = (state: State) => state.globals.map(({ value }) => value)

  it('leaves nothing in memory, wherever it was put, nor in globals and fuel', () => {
    const { exports, bound, state, bytesNow, globals } = tenant()
    const pristine = bytesNow().slice()
    exports.grow(2)
    const places = [0, 4_090, 5_000, 8_191, 65_530, 70_000, 3 * PAGE - 40, 3 * PAGE + 9, 5 * PAGE - 32]
    for (const place of places) bytesNow().set(SECRET, place)
    for (const [at, value] of [77, 77n, 77, 77].entries()) (globals()[at] as WebAssembly.Global).value = value
    exports.__fuel.value = 77n
    expect(contains(bytesNow())).toBe(true)
    expect(bound.reset(state, BUDGET)).toBe(true)
    expect(contains(bytesNow())).toBe(false)
    expect(bytesNow().subarray(0, pristine.length)).toEqual(pristine)
    expect(
      bytesNow()
        .subarray(pristine.length)
        .every((byte) => byte === 0),
    ).toBe(true)
    expect(globals().map(({ value }) => value)).toEqual(original(state))
    expect(exports.__fuel.value).toBe(0n)
  })

  it('costs it the instance when memory grew past the budget', () => {
    const { exports, bound, state } = tenant()
    exports.grow(5)
    expect(bound.reset(state, BUDGET)).toBe(true)
    exports.grow(1)
    expect(bound.reset(state, BUDGET)).toBe(false)
  })

  it('costs it the instance when a table slot or a table size differs', () => {
    const slot = tenant()
    slot.exports.setTable()
    expect(slot.bound.reset(slot.state, BUDGET)).toBe(false)
    expect(() => slot.bound.capture()).toThrow(/changed its tables/)
    const size = tenant()
    size.exports.table.grow(1)
    expect(size.bound.reset(size.state, BUDGET)).toBe(false)
  })
})
