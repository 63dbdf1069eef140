/** A guest that fights for its life against the loader: exceptions swallowed, traps awaited, fuel run out everywhere. */
import { afterEach, describe, expect, it } from 'vitest'
import { type Border, Death, instantiateBorder } from '../../src/loader/border.ts'
import { rewriteModule, type RewriteOptions } from '../../src/loader/rewrite.ts'
import { allowSuspension, canSuspend, findSuspension, type Suspension } from '../../src/loader/suspension.ts'
import { buildModule, instantiate, leb, type ModuleParts, SWALLOW_FOREVER } from '../loader-modules.ts'

const COUNT_ZERO = instantiate(
  buildModule({ functions: [{ name: 'count', params: ['i32'], results: ['i32'], code: [0x41, 0] }] }),
).count as (operation: number) => number

type Live = {
  border: Border
  exports: Record<string, () => unknown> & { __fuel: WebAssembly.Global<'i64'>; __callout: WebAssembly.Table }
}
type Host = {
  call?: () => unknown
  callout?: (fuel: WebAssembly.Global<'i64'>) => number
  suspend?: () => unknown
  suspension?: Suspension
}

const SLICE = 1_000n
const FUEL: RewriteOptions = { fuel: true }

/** A guest with one import, `env.call`, () -> (). */
function live(parts: Omit<ModuleParts, 'imports'>, host: Host): Live {
  const { bytes } = rewriteModule(buildModule({ ...parts, imports: [{ module: 'env', name: 'call' }] }), FUEL)
  const row = { module: 'env', name: 'call', params: [], results: [], operation: 1, suspends: true }
  const border = instantiateBorder([row], {
    host: { env: { call: () => host.call?.() } },
    callout: () => host.callout?.(exports.__fuel) ?? 1,
    suspend: () => host.suspend?.(),
    suspension: host.suspension,
    onFault: () => {},
  })
  border.countWith(COUNT_ZERO)
  const exports = instantiate(bytes, border.imports) as unknown as Live['exports']
  exports.__callout.set(0, border.callout)
  exports.__fuel.value = SLICE
  return { border, exports }
}

/** `() -> ()`: for ever { try { call env.call } catch_all {} }. */
const CALL_FOREVER = { name: 'run', code: [0x03, 0x40, 0x06, 0x40, 0x10, 0, 0x19, 0x0b, 0x0c, 0, 0x0b] }
const SWALLOW = { name: 'run', ...SWALLOW_FOREVER }

describe('a guest that swallows every exception', () => {
  it('dies of a callout that kills', () => {
    let asked = 0
    const { exports } = live(
      { functions: [SWALLOW] },
      {
        callout: (fuel) => {
          fuel.value = SLICE
          return ++asked === 3 ? 1 : 0
        },
      },
    )
    expect(exports.run).toThrow(WebAssembly.RuntimeError)
    expect(asked).toBe(3)
  })

  it('dies of a callout that throws', () => {
    const { border, exports } = live(
      { functions: [SWALLOW] },
      {
        callout: () => {
          throw new Error('deadline')
        },
      },
    )
    expect(exports.run).toThrow(WebAssembly.RuntimeError)
    expect(border.dead.value).toBe(Death.fault)
  })

  it('dies of an import that throws a WebAssembly.RuntimeError made in JavaScript', () => {
    const { exports } = live(
      { functions: [CALL_FOREVER] },
      {
        call: () => {
          throw new WebAssembly.RuntimeError('unreachable')
        },
      },
    )
    expect(exports.run).toThrow(WebAssembly.RuntimeError)
  })

  it('dies when it is killed during an import', () => {
    const guest = live(
      { functions: [CALL_FOREVER] },
      {
        call: () => {
          guest.border.dead.value = Death.killed
        },
      },
    )
    expect(guest.exports.run).toThrow(WebAssembly.RuntimeError)
  })

  it('dies of a host function that recurses until the stack is full', () => {
    const deep = (): unknown => [deep()]
    const { exports } = live({ functions: [CALL_FOREVER] }, { call: deep })
    expect(exports.run).toThrow(WebAssembly.RuntimeError)
  })

  it('dies although it calls the host only from the bottom of a full stack', () => {
    // run: try { call run } catch_all {}; for ever { try { call env.call } catch_all {} }
    const code = [0x06, 0x40, 0x10, 1, 0x19, 0x0b, ...CALL_FOREVER.code]
    const guest = live({ functions: [{ name: 'run', code }] }, { callout: () => 1 })
    expect(guest.exports.run).toThrow(/Maximum call stack|unreachable|too much recursion/)
  })

  it('keeps `finally` from running: code after the swallowed call is not reached', () => {
    // try { loop forever } catch_all { g = 1 }; g = 2
    const code = [0x06, 0x40, 0x03, 0x40, 0x0c, 0, 0x0b, 0x19, 0x41, 1, 0x24, 0, 0x0b, 0x41, 2, 0x24, 0]
    const { exports } = live(
      { functions: [{ name: 'run', code }], globals: [{ name: 'g', type: 'i32', mutable: true, value: [0x41, 0] }] },
      { callout: () => 1 },
    )
    expect(exports.run).toThrow(WebAssembly.RuntimeError)
    expect((exports as unknown as { g: WebAssembly.Global }).g.value).toBe(0)
  })

  it('dies at once when it is entered again after its death', () => {
    let calls = 0
    const guest = live({ functions: [SWALLOW, { name: 'again', code: [0x10, 0] }] }, { call: () => calls++ })
    expect(guest.exports.run).toThrow(WebAssembly.RuntimeError)
    expect(guest.exports.again).toThrow(WebAssembly.RuntimeError)
    expect(calls).toBe(0)
  })
})

describe('a guest that is suspended', () => {
  afterEach(() => allowSuspension(true))

  /** A clear reason instead of a silent pass where the runtime has no JSPI. */
  const suspending = async (context: { skip(note: string): never }): Promise<Suspension> =>
    (await findSuspension()) ?? context.skip('this runtime cannot suspend a guest (JSPI)')

  it('lets the host go on, and others run between its slices', async (context) => {
    const suspension = await suspending(context)
    let ticks = 0
    const guests = [5, 5].map((slices) =>
      live(
        { functions: [SWALLOW] },
        {
          suspension,
          callout: (fuel) => {
            fuel.value = SLICE
            return slices-- > 0 ? 2 : 1
          },
          suspend: () => new Promise((resolve) => setTimeout(() => resolve(++ticks), 0)),
        },
      ),
    )
    const runs = guests.map(({ exports }) => suspension.promising(exports.run as () => void)())
    const ends = await Promise.allSettled(runs)
    expect(ends.map((end) => end.status === 'rejected' && end.reason instanceof WebAssembly.RuntimeError)).toEqual([
      true,
      true,
    ])
    expect(ticks).toBe(10)
  })

  it('ends by a trap when it is killed while it waits, in a callout and in an import', async (context) => {
    const suspension = await suspending(context)
    for (const run of [SWALLOW, CALL_FOREVER]) {
      let release = () => {}
      const wait = () =>
        new Promise<void>((resolve) => {
          release = resolve
        })
      const guest = live({ functions: [run] }, { suspension, callout: () => 2, suspend: wait, call: wait })
      const ended = suspension.promising(guest.exports.run as () => void)()
      guest.border.dead.value = Death.killed
      release()
      await expect(ended).rejects.toThrow(WebAssembly.RuntimeError)
    }
  })

  it('dies of a wait that is rejected', async (context) => {
    const suspension = await suspending(context)
    const fail = () => Promise.reject(new Error('late'))
    const guest = live({ functions: [CALL_FOREVER] }, { suspension, call: fail })
    await expect(suspension.promising(guest.exports.run as () => void)()).rejects.toThrow(WebAssembly.RuntimeError)
    expect(guest.border.dead.value).toBe(Death.fault)
  })

  it('dies instead of going on when it was entered where it cannot be suspended', async (context) => {
    const suspension = await suspending(context)
    const guest = live({ functions: [SWALLOW] }, { suspension, callout: () => 2, suspend: () => {} })
    expect(guest.exports.run).toThrow(WebAssembly.RuntimeError)
  })

  it('can be killed and brought to life a thousand times', async (context) => {
    const suspension = await suspending(context)
    const guest = live(
      { functions: [SWALLOW] },
      {
        suspension,
        callout: () => 2,
        suspend: async () => {
          guest.border.dead.value = Death.killed
        },
      },
    )
    const run = suspension.promising(guest.exports.run as () => void)
    for (let round = 0; round < 1_000; round++) {
      guest.border.dead.value = Death.alive
      guest.exports.__fuel.value = 10n
      await expect(run()).rejects.toThrow(WebAssembly.RuntimeError)
    }
  })

  it('is never one while the switch is off', async () => {
    const before = await canSuspend()
    allowSuspension(false)
    expect(await canSuspend()).toBe(false)
    allowSuspension(true)
    expect(await canSuspend()).toBe(before)
  })
})

it('a module whose numbers are at their limits is read like any other', () => {
  const code = [0x41, ...leb(-(2 ** 31)), 0x1a, 0x41, ...leb(2 ** 31 - 1), 0x1a]
  expect(() => rewriteModule(buildModule({ functions: [{ code }] }), FUEL)).not.toThrow()
})
