/** The border: every import of a guest is counted, answered by the host, and checked for death on both sides. */
import { describe, expect, it } from 'vitest'
import {
  type Border,
  type BorderImport,
  type BorderLink,
  buildBorder,
  Death,
  guardImport,
  guardSuspending,
  instantiateBorder,
} from '../../src/loader/border.ts'
import { buildModule, instantiate } from '../loader-modules.ts'

/** A counter in wasm, as the CVM's is, that asks `decide`. */
function counter(decide: (operation: number) => number): (operation: number) => number {
  const bytes = buildModule({
    imports: [{ module: 'e', name: 'decide', params: ['i32'], results: ['i32'] }],
    functions: [{ name: 'count', params: ['i32'], results: ['i32'], code: [0x20, 0, 0x10, 0] }],
  })
  return instantiate(bytes, { e: { decide } }).count as (operation: number) => number
}

const ALL_TYPES: BorderImport = {
  module: 'env',
  name: 'all',
  params: ['i32', 'i64', 'f32', 'f64'],
  results: ['i64', 'f64'],
  operation: 300,
}

type Changes = Partial<BorderLink> & Pick<BorderLink, 'host'> & { count?: (operation: number) => number }

function link(imports: readonly BorderImport[], { count = () => 0, ...changes }: Changes) {
  const faults: unknown[] = []
  const border = instantiateBorder(imports, {
    callout: () => 0,
    suspend: () => {},
    suspension: undefined,
    onFault: (error) => faults.push(error),
    ...changes,
  })
  border.countWith(counter(count))
  return { border, faults }
}

function wrapper(border: Border, module: string, name: string): () => unknown {
  const found = border.imports[module]?.[name]
  if (typeof found !== 'function') throw new Error(`no ${module}.${name}`)
  return found as () => unknown
}

describe('a call across the border', () => {
  it('passes every numeric type unchanged, and several results', () => {
    const seen: unknown[] = []
    const { border } = link([ALL_TYPES], {
      host: {
        env: {
          all: (...args: unknown[]) => {
            seen.push(args)
            return [-(2n ** 63n), 0.1]
          },
        },
      },
    })
    const all = border.imports.env?.all as (...args: unknown[]) => unknown
    expect(all(-1, 2n ** 63n - 1n, 0.5, -0)).toEqual([-(2n ** 63n), 0.1])
    expect(seen).toEqual([[-1, 2n ** 63n - 1n, 0.5, -0]])
  })

  it('is counted with its number before the host hears of it', () => {
    const log: string[] = []
    const imports = ['a', 'b'].map((name, at) => ({ module: 'm', name, params: [], results: [], operation: 7 + at }))
    const { border } = link(imports, {
      count: (operation) => {
        log.push(`count ${operation}`)
        return 0
      },
      host: { m: { a: () => log.push('a'), b: () => log.push('b') } },
    })
    for (const name of ['b', 'a']) wrapper(border, 'm', name)()
    expect(log).toEqual(['count 8', 'b', 'count 7', 'a'])
  })

  it('traps when the count refuses, leaves the reason in `dead`, and never comes to life again by itself', () => {
    let calls = 0
    let verdict = 42
    const { border } = link([{ module: 'm', name: 'f', params: [], results: [], operation: 1 }], {
      count: () => verdict,
      host: { m: { f: () => calls++ } },
    })
    const call = border.imports.m?.f as () => void
    expect(call).toThrow(WebAssembly.RuntimeError)
    expect([border.dead.value, calls]).toEqual([42, 0])
    verdict = 0
    expect(call).toThrow(WebAssembly.RuntimeError)
    border.dead.value = Death.alive
    call()
    expect(calls).toBe(1)
  })

  it('traps before the host hears of it while nobody counts, and can be lent to another counter', () => {
    const log: string[] = []
    const { border } = link([{ module: 'm', name: 'f', params: [], results: [], operation: 1 }], {
      host: { m: { f: () => log.push('f') } },
    })
    const call = border.imports.m?.f as () => void
    border.countWith(undefined)
    expect(call).toThrow(WebAssembly.RuntimeError)
    expect(log).toEqual([])
    border.countWith(
      counter(() => {
        log.push('another')
        return 0
      }),
    )
    call()
    expect(log).toEqual(['another', 'f'])
  })

  it('traps on the way back when the guest was killed meanwhile', () => {
    const { border } = link([{ module: 'm', name: 'f', params: [], results: ['i32'], operation: 1 }], {
      host: {
        m: {
          f: () => {
            border.dead.value = Death.killed
            return 5
          },
        },
      },
    })
    expect(border.imports.m?.f).toThrow(WebAssembly.RuntimeError)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret')
      },
    ],
    [
      'throws nothing at all',
      () => {
        throw undefined
      },
    ],
    ['answers what no i64 can be', () => 'text'],
    [
      'answers a getter that throws',
      () => ({
        valueOf() {
          throw new Error('late')
        },
      }),
    ],
  ])('traps when the host function %s', (_, f) => {
    const { border } = link([{ module: 'm', name: 'f', params: [], results: ['i64'], operation: 1 }], {
      host: { m: { f } },
    })
    expect(border.imports.m?.f).toThrow(WebAssembly.RuntimeError)
    expect(border.dead.value).toBe(Death.fault)
  })

  it('tells what a host function threw, and survives a report that throws itself', () => {
    const error = new Error('disk full')
    const imports = [{ module: 'm', name: 'f', params: [], results: ['i64' as const], operation: 1 }]
    const host = {
      m: {
        f: () => {
          throw error
        },
      },
    }
    const { border, faults } = link(imports, { host })
    expect(border.imports.m?.f).toThrow(WebAssembly.RuntimeError)
    expect(faults).toEqual([error])
    const bad = link(imports, {
      host,
      onFault: () => {
        throw new Error('again')
      },
    })
    expect(bad.border.imports.m?.f).toThrow(WebAssembly.RuntimeError)
  })
})

describe('a guarded host function', () => {
  const dead = () => new WebAssembly.Global({ value: 'i32', mutable: true }, 0)
  const fail = () => {
    throw new Error('no')
  }
  const onFault = () => {
    throw new Error('nor this')
  }

  it('throws nothing, whatever goes wrong, and answers zeroes of the right types', async () => {
    expect(guardImport(fail, ['i64'], { dead: dead(), onFault })()).toBe(0n)
    expect(guardImport(fail, ['f64'], { dead: dead(), onFault })()).toBe(0)
    expect(guardImport(fail, [], { dead: dead(), onFault })()).toBeUndefined()
    expect(guardImport(fail, ['i32', 'i64'], { dead: dead(), onFault })()).toEqual([0, 0n])
    expect(await guardSuspending(fail, ['i64'], { dead: dead(), onFault })()).toBe(0n)
    expect(await guardSuspending(async () => fail(), ['i32'], { dead: dead(), onFault })()).toBe(0)
  })
})

describe('the callout', () => {
  it.each([
    [0, false],
    [1, true],
    [3, true],
    [-1, true],
    [2 ** 31, true],
  ])('answered %i: the guest dies is %s', (answer, dies) => {
    const { border } = link([], { host: {}, callout: () => answer })
    const call = border.callout as () => void
    if (dies) expect(call).toThrow(WebAssembly.RuntimeError)
    else expect(call).not.toThrow()
    expect(border.dead.value).toBe(dies ? Death.killed : Death.alive)
  })

  it('keeps the reason that was set by whoever killed', () => {
    const { border } = link([], {
      host: {},
      callout: () => {
        border.dead.value = 9
        return 1
      },
    })
    expect(border.callout).toThrow(WebAssembly.RuntimeError)
    expect(border.dead.value).toBe(9)
  })

  it('waits in a plain function where nothing can be suspended, and traps when killed there', () => {
    let kill = false
    const { border } = link([], {
      host: {},
      callout: () => 2,
      suspend: () => {
        if (kill) border.dead.value = Death.killed
      },
    })
    expect(border.callout).not.toThrow()
    kill = true
    expect(border.callout).toThrow(WebAssembly.RuntimeError)
  })

  it('is not asked once the guest is dead', () => {
    let asked = 0
    const { border } = link([], { host: {}, callout: () => asked++ })
    border.dead.value = Death.killed
    expect(border.callout).toThrow(WebAssembly.RuntimeError)
    expect(asked).toBe(0)
  })
})

describe('a border module', () => {
  it('is compiled once for one list of imports', () => {
    expect(buildBorder([ALL_TYPES])).toBe(buildBorder([{ ...ALL_TYPES }]))
    expect(buildBorder([ALL_TYPES])).not.toBe(buildBorder([{ ...ALL_TYPES, operation: 301 }]))
  })

  it('is refused for types that JavaScript cannot hold, and for one name with two meanings', () => {
    const refuse = (imports: BorderImport[]) => expect(() => buildBorder(imports))
    refuse([{ ...ALL_TYPES, params: ['v128'] }]).toThrow(/passes a v128/)
    refuse([{ ...ALL_TYPES, results: ['externref'] }]).toThrow(/passes a externref/)
    refuse([ALL_TYPES, ALL_TYPES]).toThrow(/env.all is imported twice/)
  })

  it('does not mistake dots in names for the border between module and name', () => {
    const row = { params: [], results: ['i32' as const], operation: 1 }
    const { border } = link(
      [
        { module: 'a.b', name: 'c', ...row },
        { module: 'a', name: 'b.c', ...row },
      ],
      { host: { 'a.b': { c: () => 1 }, a: { 'b.c': () => 2 } } },
    )
    expect(wrapper(border, 'a.b', 'c')()).toBe(1)
    expect(wrapper(border, 'a', 'b.c')()).toBe(2)
  })

  it('is refused when the host lacks a function', () => {
    expect(() => link([ALL_TYPES], { host: {} })).toThrow(/no function for env.all/)
  })
})
