/** Tools, variables, the clock, forks, observers and late results at the gate. */
import { describe, expect, test } from 'vitest'
import { createLedger } from '../../src/gate/ledger.ts'
import type { NetworkDriver } from '../../src/gate/drivers.ts'
import type { HostFile } from '../../src/kernel/host-port.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { codeOf, lateCodeOf, memoryDrivers, MemoryFiles, openWorld, READ } from '../gate-world.ts'

const TOOL = { resource: 'tool', actions: ['call'], names: ['echo'] }
const live = (): AbortSignal => new AbortController().signal
const bytes = (length: number): Uint8Array => new Uint8Array(length)

/** A promise and what ends it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  return Promise.withResolvers<T>()
}

describe('tools', () => {
  test('a granted tool is called with a copy of its argument, another one is not', () => {
    const seen: [string, Uint8Array][] = []
    const { gate } = openWorld({
      grants: [TOOL],
      drivers: {
        callTool: (name, input) => {
          seen.push([name, input])
          return input
        },
      },
    })
    const argument = Uint8Array.of(1, 2)
    expect(gate.port.callTool('echo', argument, live())).toEqual(argument)
    argument[0] = 9
    expect(seen).toEqual([['echo', Uint8Array.of(1, 2)]])
    expect(codeOf(() => gate.port.callTool('other', argument, live()))).toBe('TOKA_DENIED')
    expect(seen).toHaveLength(1)
    expect(gate.denials).toEqual([
      { operation: 'tool.call', resource: 'other', reason: 'no-grant', link: 0, allow: "--allow 'tool.call=other'" },
    ])
  })

  test('a byte quota counts arguments and results, and a result beyond it is not delivered', () => {
    let answer = 10
    const grants = [{ ...TOOL, quota: { bytes: 40 } }]
    const { gate } = openWorld({ grants, drivers: { callTool: () => bytes(answer) } })
    const call = (): string => codeOf(() => gate.port.callTool('echo', bytes(5), live()))
    expect([call(), call()]).toEqual(['none', 'none'])
    answer = 6
    expect(call()).toBe('TOKA_DENIED')
    answer = 0
    expect([call(), call()]).toEqual(['none', 'TOKA_DENIED'])
    expect(gate.denials.at(-1)?.reason).toBe('quota')
  })

  test('arguments and results beyond the limit are refused by their size', () => {
    const limits = { ...DEFAULT_LIMITS, flatBytes: 100, structuredBytes: 50 }
    const { gate } = openWorld({
      grants: [TOOL],
      limits,
      drivers: { callTool: (_name, input) => bytes(input.length * 2) },
    })
    expect(codeOf(() => gate.port.callTool('echo', bytes(60), live()))).toBe('none')
    expect(codeOf(() => gate.port.callTool('echo', bytes(90), live()))).toBe('TOKA_VALUE_SIZE')
    expect(codeOf(() => gate.port.callTool('echo', bytes(1_000), live()))).toBe('TOKA_VALUE_SIZE')
  })

  test("a driver's own errors never reach a guest with their text", async () => {
    const fail = (): never => {
      throw new Error('/home/secret/path')
    }
    for (const callTool of [fail, async () => fail()]) {
      const { gate } = openWorld({ grants: [TOOL], drivers: { callTool } })
      const error = await Promise.resolve()
        .then(() => gate.port.callTool('echo', bytes(1), live()))
        .catch((reason: unknown) => reason)
      expect(String(error)).not.toContain('secret')
      expect(error).toMatchObject({ code: 'EIO' })
    }
  })

  test('a call is aborted by its own signal, by the end of the run and by dispose, and its late result is dropped', async () => {
    for (const how of ['signal', 'end', 'dispose'] as const) {
      const { promise, resolve } = deferred<Uint8Array>()
      let driverSignal: AbortSignal | undefined
      const { gate } = openWorld({
        grants: [{ ...TOOL, quota: { bytes: 1_000 } }],
        drivers: {
          callTool: (_name, _input, signal) => {
            driverSignal = signal
            return promise
          },
        },
      })
      const stop = new AbortController()
      const call = lateCodeOf(() => gate.port.callTool('echo', bytes(1), stop.signal))
      await Promise.resolve()
      if (how === 'signal') stop.abort()
      else gate[how]()
      expect(await call, how).toBe('ECANCELED')
      expect(driverSignal?.aborted).toBe(true)
      resolve(bytes(3))
      await promise
      expect(gate.audit().records).toBe(1)
    }
  })

  test('calls under one signal share one listener, which is gone with the last of them', async () => {
    const answers: ((result: Uint8Array) => void)[] = []
    const { gate } = openWorld({
      grants: [TOOL],
      drivers: { callTool: () => new Promise<Uint8Array>((resolve) => answers.push(resolve)) },
    })
    const signal = live()
    const listeners: string[] = []
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.push('added')
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.push('removed')
      remove(...args)
    }
    const calls = Array.from({ length: 20 }, () => gate.port.callTool('echo', bytes(1), signal))
    for (const answer of answers) answer(bytes(1))
    await Promise.all(calls)
    expect(answers).toHaveLength(20)
    expect(listeners).toEqual(['added', 'removed'])
  })

  test('a signal that was aborted before stops the call before the tool', () => {
    let called = 0
    const { gate } = openWorld({
      grants: [{ ...TOOL, quota: { calls: 1 } }],
      drivers: {
        callTool: (_name, input) => {
          called++
          return input
        },
      },
    })
    expect(codeOf(() => gate.port.callTool('echo', bytes(1), AbortSignal.abort()))).toBe('ECANCELED')
    expect(called).toBe(0)
    expect(codeOf(() => gate.port.callTool('echo', bytes(1), live()))).toBe('none')
  })

  test('a result that arrives after its grant expired is not delivered, and counts as decided again', async () => {
    const { promise, resolve } = deferred<Uint8Array>()
    const { gate, clock } = openWorld({
      grants: [{ ...TOOL, expires: 2_000_000 }],
      drivers: { callTool: () => promise },
    })
    gate.count(1)
    const call = lateCodeOf(() => gate.port.callTool('echo', bytes(1), live()))
    clock.ms = 2_000_000
    resolve(bytes(1))
    expect(await call).toBe('TOKA_DENIED')
    expect(gate.counters()).toEqual({ counted: 1, local: 0, allowed: 1, denied: 0, redecided: 1 })
    expect(gate.denials[0]).toMatchObject({ reason: 'expired', resource: 'echo' })
  })

  test.each(['fetch', 'open', 'send', 'answer', 'read'])(
    'a request whose grant expires in `%s` is denied like any other, and let go of',
    async (last) => {
      const { promise, resolve } = deferred<unknown>()
      const closed: number[] = []
      const reached = deferred<void>()
      const at = <T>(step: string, now: T): T => {
        if (step !== last) return now
        reached.resolve()
        return promise as T
      }
      const answer = { status: 200, statusText: '', headers: [], body: 1 }
      const network: NetworkDriver = {
        lookup: () => undefined,
        request: () => at('fetch', answer),
        open: () => at('open', 1),
        send: () => at('send', true),
        answer: () => at('answer', answer),
        read: () => at('read', bytes(1)),
        close: (body) => void closed.push(body),
      }
      const net = { resource: 'net', actions: ['fetch'], schemes: ['http'], hosts: ['a.test'], methods: ['POST'] }
      const { gate, clock } = openWorld({ grants: [{ ...net, expires: 2_000_000 }], drivers: { network } })
      const ask = async (service: string, input: unknown) =>
        gate.port.callTool(`toka:${service}`, encodeValue(input), live())
      const asked = { url: 'http://a.test/', method: 'POST', headers: [], redirect: 'manual' }
      const call = lateCodeOf(async () => {
        if (last === 'fetch') return ask('fetch', asked)
        await ask('open', asked)
        if (last === 'send') return ask('send', [1, bytes(1)])
        await ask('answer', 1)
        return ask('read', 1)
      })
      await reached.promise
      clock.ms = 2_000_000
      resolve({ fetch: answer, open: 1, send: true, answer, read: bytes(1) }[last])
      expect(await call).toBe('TOKA_DENIED')
      expect(closed).toEqual([1])
    },
  )

  test('no more calls than allowed are under way at once', async () => {
    const { promise, resolve } = deferred<Uint8Array>()
    const { gate } = openWorld({
      grants: [TOOL],
      limits: { ...DEFAULT_LIMITS, concurrentCalls: 2 },
      drivers: { callTool: () => promise },
    })
    const calls = Array.from({ length: 3 }, () => lateCodeOf(() => gate.port.callTool('echo', bytes(1), live())))
    resolve(bytes(1))
    expect(await Promise.all(calls)).toEqual(['none', 'none', 'TOKA_DENIED'])
    expect(gate.denials[0]?.reason).toBe('limit')
  })
})

describe('variables and the clock', () => {
  test('a variable that is refused and one that is unset look alike', () => {
    const { gate } = openWorld({ grants: [{ resource: 'env', actions: ['read'], names: ['LANG', 'UNSET'] }] })
    expect(['LANG', 'UNSET', 'HOME'].map(gate.port.environment)).toEqual(['de', undefined, undefined])
    expect(gate.denials).toEqual([expect.objectContaining({ operation: 'env.read', resource: 'HOME' })])
  })

  test('the clock is logged when its precision changes, not at each read, and coarse is no denial', () => {
    const { gate, clock } = openWorld({
      grants: [{ resource: 'clock', actions: ['precise'], notBefore: 2_000_000, expires: 3_000_000 }],
    })
    const read = (ms: number): boolean => {
      clock.ms = ms
      return gate.port.preciseClock()
    }
    expect([read(1), read(2), read(2_000_000), read(2_500_000), read(3_000_000), read(3_000_001)]).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ])
    expect(gate.audit().records).toBe(2)
    expect(gate.denials).toEqual([
      expect.objectContaining({ operation: 'clock.precise', reason: 'expired', allow: 'a grant that expires later' }),
    ])
  })
})

describe('forks', () => {
  test('ten forks of a sandbox with ten calls make ten calls', () => {
    const ledger = createLedger()
    const { gate, drivers } = openWorld({ grants: [{ ...TOOL, quota: { calls: 10 } }], ledger })
    const forks = Array.from({ length: 10 }, () => gate.fork(drivers))
    const codes = [gate, ...forks].flatMap((each) =>
      [1, 2, 3].map(() => codeOf(() => each.port.callTool('echo', bytes(1), live()))),
    )
    expect(codes.filter((code) => code === 'none')).toHaveLength(10)
    for (const each of [gate, ...forks]) each.dispose()
  })

  test('a quota outlives the gate that it was made with, and its cells are free when the last fork is gone', () => {
    const ledger = createLedger()
    const { gate, drivers } = openWorld({ grants: [{ ...TOOL, quota: { calls: 2 } }], ledger })
    const free = (): number => {
      const cell = ledger.functions.allocate()
      ledger.functions.free(cell)
      return cell
    }
    const before = free()
    const fork = gate.fork(drivers)
    gate.dispose()
    gate.dispose()
    expect(free()).toBe(before)
    expect(codeOf(() => fork.port.callTool('echo', bytes(1), live()))).toBe('none')
    fork.dispose()
    expect(free()).not.toBe(before)
    expect(() => gate.fork(drivers)).toThrow(expect.objectContaining({ code: 'TOKA_SANDBOX_CLOSED' }))
  })

  test("a fork has its own handles, counters and denials: a file of one is not the other's", () => {
    const { gate, drivers } = openWorld({
      grants: [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }],
      files: { a: 'x' },
    })
    const fork = gate.fork(drivers)
    const file = gate.port.files.open(0, 'a', READ) as HostFile
    gate.port.environment('A')
    gate.dispose()
    expect(codeOf(() => file.read(0, 1))).toBe('EACCES')
    expect(fork.denials).toEqual([])
    expect(codeOf(() => fork.port.files.stat(0, 'a'))).toBe('none')
  })
})

describe('the end of a gate', () => {
  test('dispose closes open files, one that opens late too, and refuses everything after', async () => {
    const files = new MemoryFiles({ a: 'x' })
    const opening = deferred<HostFile>()
    let lateClosed = 0
    const late = Object.assign(Object.create(files) as MemoryFiles, { open: () => opening.promise })
    const grants = [{ resource: 'fs', actions: ['read'], paths: ['/data/**'] }]
    const { gate } = openWorld({
      grants,
      drivers: { mounts: [...memoryDrivers(files).mounts, { at: '/data/late', mode: 'rw', driver: late }] },
    })
    gate.port.files.open(0, 'a', READ)
    const opened = lateCodeOf(() => gate.port.files.open(1, 'a', READ))
    gate.dispose()
    expect(files.log).toEqual(['open a', 'close a'])
    expect(await opened).toBe('ECANCELED')
    opening.resolve({ ...(files.open('a', READ) as HostFile), close: () => void lateClosed++ })
    await opening.promise
    await Promise.resolve()
    await Promise.resolve()
    expect(lateClosed).toBe(1)
    expect(codeOf(() => gate.port.files.stat(0, 'a'))).toBe('EACCES')
    expect(gate.port.files.resolve(0, 'a', true)).toBe('a')
    expect(gate.port.environment('LANG')).toBeUndefined()
    expect(gate.denials.at(-1)).toMatchObject({ reason: 'closed', allow: '' })
  })

  test('a move that is aborted while the driver looks does not happen later', async () => {
    const files = new MemoryFiles({ a: 'x' })
    const looking = deferred<void>()
    const slow = Object.assign(Object.create(files) as MemoryFiles, {
      stat: async () => {
        await looking.promise
        return { kind: 'file' as const, size: 1, modifiedMs: 0, accessedMs: 0, changedMs: 0, inode: 1, links: 1 }
      },
      rename: () => void files.log.push('rename'),
    })
    const { gate } = openWorld({
      grants: [{ resource: 'fs', actions: ['write'], paths: ['/data/**'] }],
      drivers: { mounts: [{ at: '/data', mode: 'rw', driver: slow }] },
    })
    const moved = lateCodeOf(() => gate.port.files.rename(0, 'a', 'b'))
    gate.end()
    looking.resolve()
    expect(await moved).toBe('ECANCELED')
    await new Promise((resolve) => setTimeout(resolve))
    expect(files.log).toEqual([])
  })
})

describe('observers', () => {
  test('every verdict is traced with its time, denials with their reason, and a throwing observer changes nothing', () => {
    const traced: unknown[] = []
    const events: string[] = []
    const { gate } = openWorld({
      grants: [TOOL],
      trace: (event) => traced.push(event),
      onEvent: (event) => {
        events.push(event.type)
        throw new Error('an observer')
      },
    })
    gate.port.callTool('echo', bytes(1), live())
    gate.port.environment('A')
    expect(traced).toEqual([
      { operation: 'tool.call', resource: 'echo', verdict: 'allowed', microseconds: expect.any(Number) },
      { operation: 'env.read', resource: 'A', verdict: 'denied', reason: 'no-grant', microseconds: expect.any(Number) },
    ])
    expect(events).toEqual(['allowed', 'denied'])
  })

  test('denials are kept up to a bound and counted beyond', () => {
    const { gate } = openWorld()
    for (let index = 0; index < 150; index++) gate.port.environment(`A${index}`)
    expect(gate.denials).toHaveLength(100)
    expect(gate.denialCount).toBe(150)
  })
})
