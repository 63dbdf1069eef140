/** CPython's trampoline: a function gets as many arguments as it takes, and what is no such function is told. */
import { expect, it } from 'vitest'
import { encodeTrampoline } from '../../engines/pyodide/trampoline.ts'
import type { ValueType } from '../../src/loader/opcodes.ts'
import { buildModule, instantiate } from '../loader-modules.ts'

const SUCCESS = 16

/** Functions of zero to three numbers that answer a number made of what they got, and two of other types. */
function makeTable() {
  const sum = (arity: number): number[] => {
    const add = Array.from({ length: arity }, (_, at) => [0x20, at, 0x6a]).flat()
    return [0x41, arity * 10, ...add]
  }
  const of = (arity: number, type: ValueType = 'i32') => Array<ValueType>(arity).fill(type)
  const exports = instantiate(
    buildModule({
      functions: [
        ...[0, 1, 2, 3].map((arity) => ({ params: of(arity), results: of(1), code: sum(arity) })),
        { params: of(4), results: of(1), code: [0x41, 1] },
        { params: of(1, 'i64'), results: of(1), code: [0x41, 1] },
      ],
      memory: { minimum: 1, name: 'memory' },
      tables: [{ minimum: 8, name: 'table' }],
      elements: [0, 1, 2, 3, 4, 5],
    }),
  )
  const { memory, table } = exports as unknown as { memory: WebAssembly.Memory; table: WebAssembly.Table }
  const module = new WebAssembly.Module(encodeTrampoline())
  const { call } = new WebAssembly.Instance(module, { env: { memory, table } }).exports
  return { memory, call: call as (success: number, fn: number, ...args: number[]) => number }
}

it('calls with three, two, one and no argument, and says so', () => {
  const { call, memory } = makeTable()
  const success = () => new DataView(memory.buffer).getInt32(SUCCESS, true)
  for (const [fn, answer] of [0, 10 + 1, 20 + 3, 30 + 6].entries()) {
    new DataView(memory.buffer).setInt32(SUCCESS, 7, true)
    expect(call(SUCCESS, fn, 1, 2, 3)).toBe(answer)
    expect(success()).toBe(1)
  }
})

it('a function of another type, and an empty slot, are not called', () => {
  const { call, memory } = makeTable()
  for (const fn of [4, 5, 6]) {
    new DataView(memory.buffer).setInt32(SUCCESS, 7, true)
    expect(call(SUCCESS, fn, 1, 2, 3)).toBe(0)
    expect(new DataView(memory.buffer).getInt32(SUCCESS, true)).toBe(0)
  }
})

it('a number beyond the table traps', () => {
  expect(() => makeTable().call(SUCCESS, 99, 1, 2, 3)).toThrow(WebAssembly.RuntimeError)
})
