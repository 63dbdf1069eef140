/** The JavaScript realm: a guest reaches for the host's objects by every road that opened another sandbox. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { inEveryWay, run, valueOf } from '../run.ts'

const echo = defineTool({
  name: 'echo',
  description: 'Gives back what it got',
  input: z.object({ v: z.unknown() }),
  run: ({ v }) => v,
})
const hostArray = defineTool({
  name: 'hostArray',
  description: 'Host objects',
  input: z.object({}),
  run: () => [{ a: [1, 2] }, new Date(0), new Map([[1, {}]])],
})
const granted = (...tools: (typeof echo)[]) => ({
  tools,
  grants: [{ resource: 'tool' as const, actions: ['call' as const], names: tools.map((tool) => tool.name) }],
})

/** Names that exist in a host's global scope and never in a guest's. (`fetch` is the guest's own, gated.) */
const HOST_NAMES =
  "['WebAssembly', 'Deno', 'Bun', 'window', 'document', 'XMLHttpRequest', 'Worker', 'SharedWorker', 'importScripts', 'indexedDB', 'localStorage'].filter((name) => name in globalThis)"

inEveryWay(() => {
  describe('constructor walks end in the guest (sandboxjs CVE-2026-23830, vm2 CVE-2026-22709, PraisonAI CVE-2026-57138)', () => {
    test.each([
      ['a literal', '[].constructor.constructor'],
      ['a tool', 'tools.echo.constructor.constructor ?? tools.echo.constructor'],
      ['an asynchronous function', '(async () => {}).constructor'],
      ['a generator', '(function* () {}).constructor'],
      [
        'a promise of a tool call',
        '(() => { const p = tools.echo({ v: 1 }); p.catch(() => {}); return p.constructor.constructor })()',
      ],
      [
        'an error of a tool call',
        '(() => { try { tools.echo.sync() } catch (e) { return e.constructor.constructor } })()',
      ],
      ['console', 'console.log.constructor'],
      ['process', 'process.exit.constructor'],
      ['fetch', '(async () => {}).constructor === fetch.constructor ? Function : fetch.constructor'],
      [
        'a promise of fetch',
        "(() => { const p = fetch('http://example.test/'); p.catch(() => {}); return p.constructor.constructor })()",
      ],
      ['a value that came back', 'tools.echo.sync({ v: { a: [1] } }).constructor.constructor'],
    ])('%s', async (_name, walk) => {
      const value = await valueOf(
        `const F = ${walk}; const names = F('return ' + ${JSON.stringify(HOST_NAMES)})(); Promise.resolve(names?.next ? [] : names)`,
        granted(echo),
      )
      expect(value).toEqual([])
    })
  })

  describe("the guest's realm", () => {
    test('holds nothing of the host', async () => {
      expect(await valueOf(HOST_NAMES)).toEqual([])
    })

    test('shows no trace of the bridge or the prelude on its global object', async () => {
      const value = (await valueOf('Object.getOwnPropertyNames(globalThis)')) as string[]
      // `toka` is what a program shows things by.
      expect(value.filter((name) => /toka|native|hook|bridge|boot|qjs/i.test(name))).toEqual(['toka'])
    })

    test('has the same global names after every part of the prelude was loaded', async () => {
      const value = await valueOf(`
      const before = Object.getOwnPropertyNames(globalThis)
      structuredClone({}); console.log({}); new URL('http://a'); require('fs'); crypto; new Event('x'); new TextEncoder()
      Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name))`)
      expect(value).toEqual([])
    })

    test('gives prepareStackTrace no functions of the prelude (vm2 CVE-2022-36067)', async () => {
      const value = await valueOf(`
      let seen = []
      Error.prepareStackTrace = (error, frames) => { if (Array.isArray(frames)) seen.push(...frames.map((f) => typeof f?.getFunction?.() + typeof f?.getThis?.())); return 'x' }
      try { tools.nothing.sync({}) } catch (e) { e.stack }
      try { null.x } catch (e) { e.stack }
      seen.filter((kinds) => /function|object/.test(kinds))`)
      expect(value).toEqual([])
    })

    test('is not shared between two runs', async () => {
      await run('globalThis.planted = 1; Object.prototype.polluted = 1; Array.prototype.map = null')
      expect(await valueOf('[typeof planted, ({}).polluted === undefined, [1].map((x) => x)]')).toEqual([
        'undefined',
        true,
        [1],
      ])
    })
  })

  describe('values that cross', () => {
    test("carry no host prototype: arrays, dates and maps are the guest's own (ThingsBoard)", async () => {
      const source = `const [a, d, m] = tools.hostArray.sync({})
      ;[a.a instanceof Array, a.constructor === Object, d instanceof Date, m instanceof Map, Object.getPrototypeOf(a) === Object.prototype]`
      expect(await valueOf(source, granted(hostArray))).toEqual([true, true, true, true, true])
    })

    test('do not pollute the host through __proto__, constructor or __defineGetter__', async () => {
      const value = await valueOf(
        'JSON.parse(\'{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}\')',
      )
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(Object.keys(value as object).sort()).toEqual(['__proto__', 'constructor'])
      const back = await valueOf(
        'tools.echo.sync({ v: JSON.parse(\'{"__proto__": {"polluted": 1}}\') })',
        granted(echo),
      )
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: 1 })
    })

    test('that are thenables are never awaited by the host (enclave-vm CVE-2026-22686)', async () => {
      for (const source of ['({ then(resolve) { resolve("called") } })', '({ a: { then(resolve) { resolve(1) } } })']) {
        expect(await run(source)).toMatchObject({ status: 'failed', error: { code: 'TOKA_VALUE_UNSUPPORTED' } })
      }
    })

    test('behind proxies and getters cannot run code in the host or break the run', async () => {
      const hostile = 'new Proxy({}, { ownKeys: () => { throw new Error("trap") } })'
      expect(await run(hostile)).toMatchObject({ status: 'failed' })
      expect((await run('({ get a() { for (;;) {} } })', { limits: { timeoutMs: 200 } })).status).not.toBe('completed')
      expect(await valueOf('1 + 1')).toBe(2)
    })

    test("of errors end with a guest's stack, whatever the error claims (CVE-2026-47686 Error.cause)", async () => {
      const result = await run(
        'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1 } }); e.cause = e; throw e',
      )
      expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_GUEST_ERROR' } })
      for (const thrown of [
        'null',
        'undefined',
        '42',
        'Symbol()',
        '({ message: {} })',
        'new Proxy({}, { get() { throw 1 } })',
        'Object.create(null)',
        '10n',
      ]) {
        expect(await run(`throw ${thrown}`)).toMatchObject({ status: 'failed', exitCode: 1 })
      }
    })
  })

  describe('a guest that patches its builtins', () => {
    const patches = [
      'Array.prototype.push = Array.prototype.map = Array.prototype[Symbol.iterator] = () => { throw 1 }',
      'Object.keys = Object.defineProperty = Object.getOwnPropertyNames = Reflect.ownKeys = () => { throw 1 }',
      'Map.prototype.get = Map.prototype.set = Map.prototype.has = Set.prototype.has = WeakSet.prototype.has = () => { throw 1 }',
      'Promise.prototype.then = () => { throw 1 }; globalThis.Promise = null',
      'Uint8Array.prototype.set = Uint8Array.prototype.subarray = () => { throw 1 }; globalThis.Uint8Array = null',
      'globalThis.JSON = null; String.prototype.charCodeAt = null; Function.prototype.call = Function.prototype.apply = null',
      'Object.defineProperty(Object.prototype, "get", { get() { throw 1 } }); Object.prototype.value = 5',
    ]
    test.each(patches)('still gets its value out and its tools in: %s', async (patch) => {
      const result = await run(
        `${patch}; const answer = tools.echo.sync({ v: 20 }); ({ a: answer + 1 })`,
        granted(echo),
      )
      expect(result).toMatchObject({ status: 'completed', value: { a: 21 } })
    })
  })

  describe('memory tricks inside the interpreter', () => {
    test('a callback that resizes a buffer in the middle of a builtin does no harm (QuickJS CVE-2026-0821, -0822, -1144, -1145)', async () => {
      const source = `
      const buffer = new ArrayBuffer(64, { maxByteLength: 4096 })
      const view = new Uint8Array(buffer)
      try { view.fill({ valueOf() { buffer.resize(0); return 1 } }) } catch {}
      try { buffer.resize(64); view.sort((a, b) => { buffer.resize(8); return a - b }) } catch {}
      try { buffer.resize(64); view.subarray({ valueOf() { buffer.resize(1); return 0 } }, 60).set([1, 2, 3]) } catch {}
      try { buffer.resize(64); Array.prototype.splice.call(view, 0, { valueOf() { buffer.resize(0); return 1 } }) } catch {}
      try { Atomics.add(new Int32Array(buffer), { valueOf() { buffer.resize(0); return 0 } }, 1) } catch {}
      'alive'`
      const result = await run(source)
      expect(['completed', 'failed', 'limit']).toContain(result.status)
      expect(await valueOf('1 + 1')).toBe(2)
    })

    test('sizes near 2^32 end in an error (CVE-2026-120438, -120439)', async () => {
      for (const source of [
        'new Array(2 ** 32 - 1).fill(0)',
        '"a".repeat(2 ** 30)',
        'new Uint8Array(2 ** 32)',
        'new ArrayBuffer(2 ** 31)',
        '"x".padEnd(2 ** 30)',
        '[].concat(...Array(100).fill(Array(1e7)))',
      ]) {
        const result = await run(source, { limits: { timeoutMs: 1_000 } })
        expect(result.status, source).not.toBe('completed')
      }
      expect(await valueOf('1 + 1')).toBe(2)
    })
  })
})
