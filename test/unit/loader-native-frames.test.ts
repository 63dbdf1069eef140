/** Frames on the engine's stack, told by a module's own stack pointer: how far it moves, and that it comes back. */
import { describe, expect, it } from 'vitest'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { buildModule, instantiate, type ModuleParts } from '../loader-modules.ts'

const TOP = 4_096
const local = (index: number) => [0x20, index]
const number = (value: number) => [0x41, value]
const [POINTER, SECOND] = [0, 1]
const pointer = [0x23, POINTER]
const less = [0x41, 1, 0x6b]
const self = [0x10, 0]

type Deep = {
  __stack_pointer: WebAssembly.Global<'i32'>
  seen: WebAssembly.Global<'i32'>
  dive(depth: number): number
}

/** A module with a stack pointer at the top; `dive` is function 0. */
function deep(code: readonly number[], rest: Partial<ModuleParts> = {}): Deep {
  const module = buildModule({
    functions: [{ name: 'dive', params: ['i32'], results: ['i32'], code }],
    globals: [
      { name: '__stack_pointer', type: 'i32', mutable: true, value: [0x41, ...[0x80, 0x20]] },
      { name: 'seen', type: 'i32', mutable: true, value: number(0) },
    ],
    ...rest,
  })
  const { bytes } = rewriteModule(module, { fuel: true, stackPointer: '__stack_pointer' })
  const exports = instantiate(bytes) as unknown as Deep & { __fuel: WebAssembly.Global<'i64'> }
  exports.__fuel.value = 10n ** 6n
  return exports
}

const seeHere = [...pointer, 0x24, SECOND]
/** if (depth) … else see where the stack pointer is, and answer 7 */
const orSee = (call: readonly number[]) => [...local(0), 0x04, 0x7f, ...call, 0x05, ...seeHere, ...number(7), 0x0b]

describe('the stack pointer', () => {
  it('moves by the same for each call that is under way, and is back when all have returned', () => {
    const guest = deep(orSee([...local(0), ...less, ...self]))
    expect(guest.dive(1)).toBe(7)
    const one = TOP - guest.seen.value
    expect(guest.dive(9)).toBe(7)
    expect(TOP - guest.seen.value).toBe(one * 5)
    expect(one % 32).toBe(0)
    expect(guest.__stack_pointer.value).toBe(TOP)
  })

  it('is back after each way out of a function: return, a branch out of it, a branch by a table', () => {
    const call = [...local(0), ...less, ...self]
    for (const leave of [[0x0f], [0x0c, 1], [...number(0), 0x0e, 1, 1, 1]]) {
      const guest = deep(orSee([...call, ...leave]))
      expect(guest.dive(20)).toBe(7)
      expect(guest.seen.value).toBeLessThan(TOP)
      expect(guest.__stack_pointer.value).toBe(TOP)
    }
  })

  it('stays where it is in a function that calls nothing', () => {
    const guest = deep([...seeHere, ...number(7)])
    expect(guest.dive(0)).toBe(7)
    expect(guest.seen.value).toBe(TOP)
  })

  it('is right after an exception that a frame above caught, which keeps it in a local as C does', () => {
    // dive: keep the pointer; try dive2 catch_all put it back; function 1 throws three calls below.
    const keep = [...pointer, 0x21, 1]
    const putBack = [...local(1), 0x24, POINTER]
    const code = [...keep, 0x06, 0x40, ...number(3), 0x10, 1, 0x19, ...putBack, 0x0b, ...number(7)]
    const thrower = [...local(0), 0x04, 0x40, ...local(0), ...less, 0x10, 1, 0x05, ...seeHere, 0x08, 0, 0x0b]
    const guest = deep(code, {
      functions: [
        { name: 'dive', params: ['i32'], results: ['i32'], locals: ['i32'], code },
        { params: ['i32'], code: thrower },
      ],
      tags: [{}],
    })
    expect(guest.dive(0)).toBe(7)
    expect(guest.seen.value).toBeLessThan(TOP - 4 * 64)
    expect(guest.__stack_pointer.value).toBe(TOP)
  })
})

describe('refused is', () => {
  it('a handler that leaves the stack pointer where the exception left it', () => {
    const code = [0x06, 0x40, ...number(3), ...self, 0x1a, 0x19, ...number(3), ...self, 0x1a, 0x0b, ...number(7)]
    expect(() => deep(code, { tags: [{}] })).toThrow('a handler of exceptions leaves the stack pointer as it was')
  })

  it('a tail call, across which nothing is given back', () => {
    expect(() => deep([...local(0), 0x12, 0])).toThrow('tail calls')
  })

  it('a module without that stack pointer', () => {
    const module = buildModule({ functions: [{ name: 'dive', code: [] }] })
    expect(() => rewriteModule(module, { fuel: true, stackPointer: '__stack_pointer' })).toThrow('no stack pointer')
  })
})
