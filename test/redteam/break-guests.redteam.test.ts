/** Guests that go for what the prelude left lying about, or end in ways that nobody expects. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunRequest } from '../../src/index.ts'
import { inEveryWay, run, valueOf } from '../run.ts'

const echo = defineTool({ name: 'echo', description: 'Echoes', input: z.looseObject({}), run: (value) => value })
const tools: Partial<RunRequest> = {
  tools: [echo],
  grants: [{ resource: 'tool', actions: ['call'], names: ['echo'] }],
}

inEveryWay(() => {
  describe('the global object', () => {
    test('holds no name of the prelude or of a library', async () => {
      const source =
        'Reflect.ownKeys(globalThis).map(String).filter((name) => /core-js|^_|native|hook|bridge/i.test(name))'
      expect(await valueOf(source)).toEqual([])
      expect(await valueOf('structuredClone(new Map([[1, { a: new Date(0) }]])).get(1).a.getTime()')).toBe(0)
    })
  })

  describe('a value', () => {
    test('that is larger than a result may be is refused by its size', async () => {
      // With room for the copies that the guest makes of it: in the usual 64 MiB the memory is full before.
      const result = await run('"x".repeat(17 * 2 ** 20)', { limits: { memoryBytes: 128 * 2 ** 20 } })
      expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_VALUE_SIZE' } })
      expect(result.error?.message).toMatch(/17825797 bytes; at most 16777216 bytes/)
      expect(await valueOf('"x".repeat(15 * 2 ** 20).length')).toBe(15 * 2 ** 20)
    })

    test('whose getter makes calls while it is encoded is what it says', async () => {
      const source =
        'tools.echo.sync({ p: [1, { q: 2 }], get a() { return tools.echo.sync({ b: "x".repeat(99), c: [1, { d: 3 }] }).c }, z: 9 })'
      expect(await valueOf(source, tools)).toEqual({ p: [1, { q: 2 }], a: [1, { d: 3 }], z: 9 })
      const after = 'try { tools.echo.sync({ p: [{ get r() { throw 1 } }] }) } catch {} tools.echo.sync({ a: [1] })'
      expect(await valueOf(after, tools)).toEqual({ a: [1] })
    })

    test('with the names of prototypes pollutes neither side', async () => {
      const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
      const source = `const v = tools.echo.sync(JSON.parse(input)); [({}).polluted, v.polluted, JSON.parse(input)]`
      const back = await valueOf(source, { ...tools, input: text })
      expect(JSON.stringify(back)).toBe(`[null,null,${text}]`)
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    })
  })

  describe('modules', () => {
    test('in circles, on mounts without a grant, in endless rows and of bad JSON end as programs do', async () => {
      const files = Object.fromEntries(
        Array.from({ length: 2_000 }, (_, at) => [`/r${at}.mjs`, `import "/r${at + 1}.mjs"`]),
      )
      expect((await run('import("/r0.mjs")', { files })).status).toBe('failed')
      const circle = {
        '/a.mjs': 'import { y } from "/b.mjs"; export const x = y() + 1',
        '/b.mjs': 'import { x } from "/a.mjs"; export const y = () => { try { return x } catch { return 5 } }',
      }
      expect(await valueOf('import("/a.mjs").then((a) => a.x)', { files: circle })).toBe(6)
      const json = { '/a.json': '{"__proto__":{"polluted":1}}', '/b.json': '{bad' }
      expect(await valueOf('import("/a.json").then(() => ({}).polluted)', { files: json })).toBeUndefined()
      expect((await run('import("/b.json")', { files: json })).error?.message).toMatch(/SyntaxError/)
      const mounts = [{ at: '/data', from: { files: { 'a.mjs': 'export default 1' } }, mode: 'ro' as const }]
      const denied = await run('import("/data/a.mjs")', { mounts })
      expect(denied.status).toBe('failed')
      expect(denied.denials[0]).toMatchObject({ operation: 'fs.read', resource: '/data/a.mjs' })
    })
  })

  describe('a read-only mount', () => {
    test('is changed by none of the calls that change files, nor through links of the guest', async () => {
      const mounts = [{ at: '/data', from: { files: { a: 'x' } }, mode: 'ro' as const }]
      const grants: RunRequest['grants'] = [{ resource: 'fs', actions: ['read', 'write'], paths: ['/**'] }]
      const source = `const fs = require('fs')
      fs.symlinkSync('/data', '/tmp/l')
      const calls = [
        () => fs.truncateSync('/data/a', 0), () => fs.utimesSync('/data/a', 1, 1), () => fs.renameSync('/data/a', '/data/b'),
        () => fs.linkSync('/data/a', '/tmp/b'), () => fs.symlinkSync('/data/a', '/data/l'), () => fs.openSync('/data/a', 'r+'),
        () => fs.openSync('/data/n', 'w'), () => fs.rmSync('/data/a'), () => fs.mkdirSync('/data/d'),
        () => fs.renameSync('/data', '/x'), () => fs.rmdirSync('/data'), () => fs.renameSync('/tmp', '/data/tmp'),
        () => fs.ftruncateSync(fs.openSync('/data/a'), 0), () => fs.writeFileSync('/tmp/l/z', '1'),
      ]
      const done = calls.filter((call) => { try { call(); return true } catch { return false } }).map(String)
      ;[done, fs.readdirSync('/data'), fs.readFileSync('/tmp/l/a', 'utf8')]`
      expect(await valueOf(source, { mounts, grants })).toEqual([[], ['a'], 'x'])
    })
  })
})
