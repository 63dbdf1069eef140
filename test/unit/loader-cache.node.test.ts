/** The cache directory of Node: whole files or none, foreign ones ignored, unusable places survived. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openCache } from '../../src/loader/cache.node.ts'

const BYTES = new Uint8Array([1, 2, 3])
let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'toka-cache-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await chmod(root, 0o700)
  await rm(root, { recursive: true, force: true })
})

async function onlyFile(directory: string): Promise<string> {
  const names = await readdir(directory)
  expect(names).toHaveLength(1)
  return join(directory, names[0] as string)
}

describe('the cache directory', () => {
  it('is made when something is put, readable by its owner only', async () => {
    const directory = join(root, 'a', 'b')
    const cache = openCache(directory)
    expect(await cache.get('key')).toBeUndefined()
    await expect(stat(directory)).rejects.toThrow()
    await cache.put('key', BYTES)
    expect(await openCache(directory).get('key')).toEqual(BYTES)
    if (process.platform !== 'win32') expect((await stat(directory)).mode & 0o077).toBe(0)
  })

  it('holds one file a key, whatever the key, and none beside it', async () => {
    const cache = openCache(root)
    await cache.put('../../escape/\0/ü', BYTES)
    expect(await cache.get('../../escape/\0/ü')).toEqual(BYTES)
    expect(await readdir(root)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
  })

  it('ignores torn files and files that somebody else wrote', async () => {
    const cache = openCache(root)
    await cache.put('key', BYTES)
    const path = await onlyFile(root)
    const whole = await readFile(path)
    for (const bytes of [
      whole.subarray(0, -1),
      new Uint8Array(),
      new Uint8Array(5_000),
      Buffer.concat([whole, BYTES]),
    ]) {
      await writeFile(path, bytes)
      expect(await cache.get('key')).toBeUndefined()
    }
    await writeFile(path, whole)
    expect(await cache.get('key')).toEqual(BYTES)
  })

  it('shows readers a whole value while many write it', async () => {
    const cache = openCache(root)
    const values = Array.from({ length: 16 }, (_, at) => new Uint8Array(50_000).fill(at))
    await cache.put('key', values[0] as Uint8Array)
    const writes = Promise.all(values.map((value) => cache.put('key', value)))
    for (let read = 0; read < 20; read++) {
      const found = await cache.get('key')
      expect(found?.length).toBe(50_000)
      expect(new Set(found).size).toBe(1)
    }
    await writes
    await onlyFile(root)
  })

  it('that is a file, or may not be written, is no cache and no error', async () => {
    await writeFile(join(root, 'file'), 'x')
    await mkdir(join(root, 'locked'), { mode: 0o500 })
    for (const place of ['file', 'locked', 'file/below']) {
      const cache = openCache(join(root, place))
      await cache.put('key', BYTES)
      // The superuser may write into the locked one.
      if (place !== 'locked') expect(await cache.get('key')).toBeUndefined()
    }
  })

  it('is where TOKA_CACHE says', async () => {
    vi.stubEnv('TOKA_CACHE', join(root, 'from-environment'))
    await openCache().put('key', BYTES)
    await onlyFile(join(root, 'from-environment'))
  })
})
