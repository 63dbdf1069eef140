/** The prelude under a guest that patches, traps and re-enters: its codec and hooks neither break nor hand anything out. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { inEveryWay, run, toka, valueOf } from '../run.ts'

const echo = defineTool({
  name: 'echo',
  description: 'Gives back what it got',
  input: z.object({ v: z.unknown() }),
  run: ({ v }) => v,
})
const granted = { tools: [echo], grants: [{ resource: 'tool' as const, actions: ['call' as const], names: ['echo'] }] }

/**
 * Replaces every method, getter and static of the built-ins by one that throws, and plants setters for indices and
 * names; not for `value` and `then`, of which QuickJS itself asks Object.prototype at the end of a script.
 */
const BURN_EVERYTHING = `
  const ObjectPrototype = Object.prototype, ArrayPrototype = Array.prototype, define = Object.defineProperty, names = Reflect.ownKeys, get = Object.getOwnPropertyDescriptor
  const burn = () => { throw new Error('burnt') }
  const holders = [Object, Object.prototype, Function.prototype, Array, Array.prototype, String, String.prototype, Number, Number.prototype, BigInt, BigInt.prototype,
    Symbol.prototype, Map, Map.prototype, Set, Set.prototype, WeakMap.prototype, Date, Date.prototype, RegExp.prototype, Promise, Promise.prototype, JSON, Math, Reflect,
    Uint8Array, Uint8Array.prototype, Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf(Uint8Array.prototype), ArrayBuffer, ArrayBuffer.prototype, DataView.prototype,
    Error, Error.prototype, Iterator.prototype, Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(function* () {}).prototype, Proxy, globalThis]
  const kept = { __proto__: null, tools: 1, undefined: 1, NaN: 1, Infinity: 1, globalThis: 1, input: 1, prototype: 1, length: 1 }
  const planned = []
  for (const holder of holders) for (const name of names(holder)) {
    const old = get(holder, name)
    if (kept[name] || name === 'constructor' || !(old.configurable || old.writable)) continue
    const fresh = 'value' in old ? { __proto__: null, value: burn } : { __proto__: null, get: burn, set: burn }
    planned.push({ __proto__: null, holder, name, fresh })
  }
  for (let at = 0; at < planned.length; at++) define(planned[at].holder, planned[at].name, planned[at].fresh)
  const trap = { __proto__: null, get: burn, set: burn, configurable: true }
  const planted = ['0', '1', '2', 'a', 'v', 'get', 'set', 'code', 'message', 'name', 'kind', 'stack', 'done', 'enumerable', 'configurable', 'writable']
  for (let at = 0; at < planted.length; at++) define(ObjectPrototype, planted[at], trap)
  for (let at = 0; at < 3; at++) define(ArrayPrototype, planted[at], trap)
`

inEveryWay(() => {
  describe('a guest that burns every built-in', () => {
    test('still calls tools and hands back its value', async () => {
      const result = await run(
        `{${BURN_EVERYTHING}} const answer = tools.echo.sync({ __proto__: null, v: 'twenty one' }); ({ __proto__: null, answer, list: [1, 2n, 'drei'] })`,
        granted,
      )
      expect(result.error).toBeUndefined()
      expect(result.value).toEqual({ answer: 'twenty one', list: [1, 2n, 'drei'] })
    })

    test('still awaits tools', async () => {
      const result = await run(
        `{${BURN_EVERYTHING}} const answer = await tools.echo({ __proto__: null, v: [1, [2]] }); answer`,
        granted,
      )
      expect(result.error).toBeUndefined()
      expect(result.value).toEqual([1, [2]])
    })

    test('still hands back its value when promises have another constructor', async () => {
      const patch = 'Promise.prototype.then = Promise.prototype.constructor = function () { throw 1 }'
      expect(await valueOf(`${patch}; tools.echo.sync({ v: 1 })`, granted)).toBe(1)
      expect(await valueOf(`${patch}\nexport default () => 2`)).toBe(2)
    })

    test('still fails with the word of the error it throws', async () => {
      const result = await run(
        `const own = { __proto__: null, name: 'Own', message: 'mine' }; {${BURN_EVERYTHING}} throw own`,
      )
      expect(result).toMatchObject({ status: 'failed', error: { message: 'Own: mine' } })
    })

    test('does not break the next run in its sandbox', async () => {
      const sandbox = await (await toka()).open({ language: 'javascript', ...granted })
      try {
        await sandbox.run({ source: `{${BURN_EVERYTHING}} 1` })
        const next = await sandbox.run({
          source: 'input.n + tools.echo.sync({ __proto__: null, v: 1 })',
          input: { n: 1 },
        })
        expect(next.error).toBeUndefined()
        expect(next.value).toBe(2)
      } finally {
        await sandbox.dispose()
      }
    })
  })

  describe('values with code in them', () => {
    test('a getter that encodes in the middle of encoding corrupts nothing', async () => {
      const result = await run(
        `const inner = (n) => tools.echo.sync({ v: 'x'.repeat(n) }).length
      ;({ before: [1, 2, 3], get a() { return inner(10_000) }, nested: { get b() { return [inner(5), { get c() { return inner(100_000) } }] } }, after: 'end' })`,
        granted,
      )
      expect(result.error).toBeUndefined()
      expect(result.value).toEqual({ before: [1, 2, 3], a: 10_000, nested: { b: [5, { c: 100_000 }] }, after: 'end' })
    })

    test('getters that change what is being encoded end in a value or a refusal, never in other bytes', async () => {
      for (const source of [
        'const list = [1, { get x() { list.length = 0; return 1 } }, 3]; list',
        'const map = new Map([[1, { get x() { map.clear(); return 1 } }], [2, 2]]); map',
        'const set = new Set([{ get x() { set.add(1); return 1 } }, 2]); set',
        'const o = { get a() { delete o.b; o.c = 1; return 1 }, b: 2 }; o',
        'const bytes = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 })); ({ get a() { bytes.buffer.resize(0); return 1 }, bytes })',
        'new Proxy([1, 2], { get: (target, name) => name === "length" ? { valueOf: () => 5 } : 7 })',
        'new Proxy([1, 2], { get: (target, name) => name === "length" ? 3 : target[name] })',
        'new Proxy({ a: 1 }, { ownKeys: () => ["a", "b"], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get: () => 9 })',
      ]) {
        const result = await run(source)
        expect(['completed', 'failed'], source).toContain(result.status)
        if (result.status === 'failed')
          expect(result.error?.code, source).toMatch(/TOKA_(?:VALUE_UNSUPPORTED|GUEST_ERROR)/)
      }
      expect(await valueOf('const map = new Map([[1, { get x() { map.clear(); return 1 } }], [2, 2]]); map')).toEqual(
        new Map<unknown, unknown>([
          [1, { x: 1 }],
          [2, 2],
        ]),
      )
    })

    test.each([
      ['({ a: [1, { "b c": () => 1 }] })', '$.a[1]["b c"] is a function'],
      ['[Symbol("x")]', '$[0] is a symbol'],
      ['const a = { b: { c: [] } }; a.b.c.push(a.b); a', '$.b.c[0] is a reference to something around it'],
      ['({ m: new Map([["k", new WeakMap()]]) })', '$.m.k is an instance of a class'],
      ['({ d: new Date(NaN) })', '$.d is an invalid Date'],
      ['({ s: "\\ud800" })', '$.s is a string with a lone surrogate'],
      ['({ [Symbol("k")]: 1 })', '$ is an object with symbol keys'],
      ['class A {}; [new A()]', '$[0] is an instance of a class'],
      ['let deep = 1; for (let i = 0; i < 200; i++) deep = [deep]; deep', 'is deeper than 128 levels'],
    ])('%s is refused with its place', async (source, message) => {
      const result = await run(source)
      expect(result.status).toBe('failed')
      expect(result.error?.message).toContain(message)
    })

    test('the same object twice is no cycle, and an object that is no longer around it neither', async () => {
      expect(await valueOf('const o = { x: 1 }; ({ a: o, b: [o, o], c: { d: o } })')).toEqual({
        a: { x: 1 },
        b: [{ x: 1 }, { x: 1 }],
        c: { d: { x: 1 } },
      })
    })
  })

  describe('the realm', () => {
    test('hands out no function of the prelude through stacks, callers, callbacks or prototypes', async () => {
      const value = await valueOf(
        `const found = []
      const look = (where, value) => { if (typeof value === 'function' && !known.has(value)) found.push(where) }
      const known = new Set()
      Error.prepareStackTrace = (error, sites) => { for (const site of sites) { look('site', site.getFunction()); look('this', site.getThis?.()) } return '' }
      const probe = function () { String(new Error('probe').stack); try { look('caller', probe.caller); look('arguments', probe.arguments?.callee) } catch {} }
      setTimeout(probe, 1); setImmediate(probe); process.nextTick(probe); queueMicrotask(probe)
      tools.echo.sync({ get v() { probe(); return 1 } })
      const target = new EventTarget(); target.addEventListener('x', probe); target.dispatchEvent(new Event('x'))
      process.on('exit', probe)
      require('fs').readFile('/nope', probe)
      await tools.echo({ v: 1 }).then(probe)
      await new Promise((resolve) => setTimeout(resolve, 5))
      found`,
        granted,
      )
      expect(value).toEqual([])
    })

    test('cannot turn the neutral call site back', async () => {
      const value = await valueOf(
        `
      let site
      Error.prepareStackTrace = (error, sites) => { site = sites[0]; return '' }
      String(new Error('x').stack)
      const prototype = Object.getPrototypeOf(site)
      let refused
      try { Object.defineProperty(prototype, 'getFunction', { value: () => 1 }) } catch (error) { refused = error.name }
      ;[delete prototype.getFunction, refused, Object.getOwnPropertyNames(prototype).includes('getFunction'), site.getFunction()]`.replace(
          'delete prototype.getFunction',
          'Reflect.deleteProperty(prototype, "getFunction")',
        ),
      )
      expect(value).toEqual([false, 'TypeError', true, undefined])
    })

    test('has the globals of a runtime, hidden from enumeration, and no fakes', async () => {
      const value = await valueOf(`
      const names = ['AbortController', 'URL', 'TextEncoder', 'console', 'process', 'tools', 'setTimeout', 'structuredClone', 'crypto', 'global', 'require', 'Buffer', 'fetch', 'Headers', 'Request', 'Response']
      ;[names.filter((name) => !(name in globalThis)), Object.keys(globalThis).filter((name) => names.includes(name)),
        ['Atomics', 'WebAssembly', 'natives', 'module', 'exports'].filter((name) => name in globalThis), globalThis.global === globalThis]`)
      expect(value).toEqual([[], [], [], true])
    })

    test('tools are a table that cannot be changed, and say which names they know', async () => {
      const value = await valueOf(
        `const error = (f) => { try { return f() } catch (error) { return error.code ?? error.name } }
      'use strict'
      ;[Object.keys(tools), 'echo' in tools, 'nope' in tools, error(() => tools.nope), Reflect.set(tools, 'echo', 1), Reflect.deleteProperty(tools, 'echo'),
        Reflect.defineProperty(tools, 'x', { value: 1 }), Reflect.setPrototypeOf(tools, {}), Reflect.set(tools.echo, 'sync', 1), tools.echo.name, error(() => tools.echo.sync({ v: () => 1 })), await tools.echo({ v: 5 }), tools.then]`,
        granted,
      )
      expect(value).toEqual([
        ['echo'],
        true,
        false,
        'TOKA_TOOL_UNKNOWN',
        false,
        false,
        false,
        false,
        false,
        'echo',
        'TOKA_VALUE_UNSUPPORTED',
        5,
        undefined,
      ])
    })
  })
})
