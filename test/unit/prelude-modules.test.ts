/** Built-in modules of a JavaScript guest: what is there, and the errors for what is not. */
import { describe, expect, test } from 'vitest'
import { run, valueOf } from '../run.ts'

describe('what runs later', () => {
  test('waits, ticks and yields of timers/promises end by themselves and by a signal', async () => {
    const value = await valueOf(`
      import { scheduler, setImmediate, setInterval, setTimeout } from 'node:timers/promises'
      const ticks = []
      for await (const tick of setInterval(1, 't')) if (ticks.push(tick) === 3) break
      const abort = new AbortController()
      globalThis.setTimeout(() => abort.abort('why'), 5)
      const refused = []
      for (const wait of [() => setTimeout(60_000, 0, { signal: abort.signal }), () => setImmediate(0, { signal: abort.signal })])
        await wait().catch((error) => refused.push([error.name, error.code, error.cause]))
      await scheduler.wait(1)
      export default [await setTimeout(1, 'v'), await setImmediate('i'), ticks, refused]`)
    const refusal = ['AbortError', 'ABORT_ERR', 'why']
    expect(value).toEqual(['v', 'i', ['t', 't', 't'], [refusal, refusal]])
  })

  test('events, promises of callbacks and assertions of promises', async () => {
    const value = await valueOf(`
      import EventEmitter, { once } from 'events'
      import { callbackify, promisify } from 'util'
      import assert from 'assert/strict'
      const emitter = new (class extends EventEmitter {})()
      setTimeout(() => emitter.emit('x', 1, 2), 1)
      const seen = await once(emitter, 'x')
      const doubled = await promisify((n, done) => done(null, n * 2))(4)
      const failed = await promisify((done) => done(new Error('no')))().catch((error) => error.message)
      const called = await new Promise((resolve) => callbackify(async (n) => n + 1)(1, (...args) => resolve(args)))
      await assert.rejects(Promise.reject(new TypeError('t')), { name: 'TypeError', message: 't' })
      const missing = await assert.rejects(Promise.resolve()).catch((error) => error.code)
      export default [seen, doubled, failed, called, missing]`)
    expect(value).toEqual([[1, 2], 8, 'no', [null, 2], 'ERR_ASSERTION'])
  })

  test('random bytes and numbers are drawn anew each time, within their bounds', async () => {
    const value = await valueOf(`
      import { randomBytes, randomInt, randomUUID } from 'crypto'
      const drawn = Array.from({ length: 200 }, () => randomInt(3, 6))
      export default [randomBytes(16).equals(randomBytes(16)), new Set(drawn).size, Math.min(...drawn), Math.max(...drawn),
        randomUUID().length, await new Promise((resolve) => randomBytes(8, (error, bytes) => resolve([error, bytes.length])))]`)
    expect(value).toEqual([false, 3, 3, 5, 36, [null, 8]])
  })

  test.each([
    ["require('util').parseArgs", /process\.argv/],
    ["require('url').parse", /new URL/],
    ["require('crypto').createCipheriv", /tool/],
    ["require('assert').CallTracker", /not available/],
    ["require('crypto').createHash('whirlpool')", /sha256/],
  ])('%s is refused with what there is instead', async (expression, advice) => {
    expect(await valueOf(`try { ${expression} } catch (error) { error.message }`)).toMatch(advice)
  })
})

describe('built-in modules', () => {
  test('come by import, by require, with and without their prefix, as the same objects', async () => {
    const value = await valueOf(`
      import fs, { readFileSync } from 'node:fs'
      import bare from 'fs'
      import path, { join, resolve } from 'path'
      import * as later from 'fs/promises'
      import process, { argv } from 'node:process'
      export default [
        fs === bare, fs === require('fs'), require('node:fs').promises.readFile === later.readFile, readFileSync === fs.readFileSync,
        join('/a', '..', 'b', 'c.js'), resolve('x'), path.posix.basename('/q/w.e', '.e'), process === globalThis.process, argv.length,
      ]`)
    expect(value).toEqual([true, true, true, true, '/b/c.js', '/x', 'w', true, 2])
  })

  test('a named import that does not exist fails when the module is linked', async () => {
    const result = await run("import { createReadStream } from 'fs'\nexport default 1")
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TOKA_GUEST_SYNTAX' } })
    expect(result.error?.message).toContain('createReadStream')
  })

  test.each([
    ['child_process', /tool/],
    ['node:net', /tool/],
    ['http', /tool/],
    ['worker_threads', /sandbox/],
    ['zlib', /bundle/i],
    ['node:nonsense', /No such built-in module/],
  ])('%s is refused by import and by require with what to do instead', async (name, advice) => {
    const imported = await run(`import '${name}'`)
    expect(imported.status).toBe('failed')
    expect(imported.error?.message).toMatch(advice)
    expect(imported.error?.message).toContain(name)
    expect(await valueOf(`try { require('${name}') } catch (error) { error.message }`)).toMatch(advice)
  })

  test('packages and files are refused by require with what to do instead', async () => {
    expect(await valueOf("try { require('lodash') } catch (error) { error.message }")).toMatch(/bundle/i)
    expect(await valueOf("try { require('./x.js') } catch (error) { error.message }")).toMatch(/import/)
  })

  test('import() works in scripts, and import.meta tells where a module lies', async () => {
    const value = await valueOf(
      `const { default: meta } = await import('/lib/m x.mjs'); const { sep } = await import('node:path'); [meta, sep]`,
      {
        files: { '/lib/m x.mjs': 'export default { ...import.meta }' },
      },
    )
    expect(value).toEqual([{ url: 'file:///lib/m%20x.mjs', filename: '/lib/m x.mjs', dirname: '/lib' }, '/'])
  })
})
