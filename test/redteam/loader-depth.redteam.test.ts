/** Modules that recurse, deeply but sanely or for ever: the count of their frames, never V8's own limit, says when it is enough. */
import { describe, expect, it } from 'vitest'
import { rewriteModule } from '../../src/loader/rewrite.ts'
import { buildModule, type ModuleParts } from '../loader-modules.ts'
import { STRANGER, stranger, StrangerRig } from '../stranger-rig.ts'

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}

const get = (local: number) => [0x20, ...leb(local)]
const call = (callee: number) => [0x10, ...leb(callee)]
const DROP = 0x1a

/** Loads locals and stores them again behind a call, so that every compiler gives them a place in the frame. */
function frame(slots: number, calls: readonly number[]): { locals: 'i64'[]; code: number[] } {
  const each = (code: (at: number) => number[]) => Array.from({ length: slots }, (_, at) => code(at)).flat()
  const load = each((at) => [0x41, 0, 0x29, 3, ...leb(at * 8), 0x21, ...leb(at)])
  const store = each((at) => [0x41, 0, ...get(at), 0x37, 3, ...leb(at * 8)])
  return { locals: new Array<'i64'>(slots).fill('i64'), code: [...load, ...calls, ...store] }
}

const memory = { minimum: 1 }

describe('a stranger that recurses deeply', () => {
  it('has the depth that its own frames leave it, whatever the ways that end at each level', () => {
    // dive(n): end(); n ? dive(n - 1) : 0, where `end` and what it calls have frames of 1,800 slots.
    const dive = {
      name: 'dive',
      params: ['i32'],
      code: [...call(1), ...get(0), 0x04, 0x40, ...get(0), 0x41, 1, 0x6b, ...call(0), 0x0b],
    } as const
    const rig = stranger({ functions: [dive, frame(900, call(2)), frame(880, [])], memory })
    expect(rig.call('dive', [3_000]).how).toBe('returned')
    expect(rig.call('dive', [1_000_000]).how).toBe('stack')
  })

  it('pays for the frames that lie between two that count', () => {
    const parts: ModuleParts = { functions: [{ name: 'run', code: call(1) }, frame(40, call(0))], memory }
    expect(stranger(parts).call('run').how).toBe('stack')
  })

  it('pays for what it hands over where registers are not enough', () => {
    const types = new Array<'i64'>(64).fill('i64')
    const all = types.flatMap((_, at) => get(at))
    const run = { params: types, results: types, code: [...all, ...call(0)] } as const
    const begin = {
      name: 'run',
      code: [...types.flatMap(() => [0x42, 0]), ...call(0), ...types.map(() => DROP)],
    }
    // More slots than strangers get: twice as many bytes would be more than V8 has.
    expect(stranger({ functions: [run, begin] }).call('run', [], 5_000, 80_000).how).toBe('stack')
  })
})

describe('modules of one guest that recurse through each other', () => {
  const linked = (parts: ModuleParts, imports: WebAssembly.Imports): StrangerRig =>
    new StrangerRig(rewriteModule(buildModule(parts), { ...STRANGER, linked: true }).bytes, imports)

  it('are counted although neither of them sees a circle', () => {
    // As components are linked: a shim calls what is put into its table by somebody else.
    const later = { name: 'later', code: [0x41, 0, 0x11, 0, 0] }
    const shim = linked({ functions: [later], tables: [{ minimum: 1, name: 'table' }] }, {})
    const main = linked(
      {
        imports: [{ module: 'shim', name: 'later' }],
        functions: [{ name: 'run', code: call(2) }, frame(40, call(0))],
        memory,
      },
      { shim: shim.exports },
    )
    const table = shim.exports['table'] as WebAssembly.Table
    table.set(0, main.exports['run'] as WebAssembly.ExportValue)
    shim.exports.__fuel.value = 1_000_000n
    shim.exports.__stack.value = 25_000
    expect(main.call('run', [], 5_000, 25_000).how).toBe('stack')
  })
})
