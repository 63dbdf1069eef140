/** Built-in modules of a JavaScript guest: what is there, and the errors for what is not. */
import { describe, expect, test } from 'vitest'
import { run, valueOf } from '../run.ts'

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
    ['util', /bundle/i],
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
