/** The disk driver over a real directory. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DiskDriver } from '../../src/host/disk.node.ts'
import { openMount } from '../../src/host/mounts.node.ts'
import { boot, type Guest, mountPort, port, text } from './kernel-guest.ts'

const READ = { read: true, write: false, create: false, exclusive: false, truncate: false, append: false }
let folder: string
let root: string
let driver: DiskDriver
let guest: Guest

/** Both ways are tried where both work. */
const WALKS = process.platform === 'linux' ? (['descriptors', 'compare'] as const) : (['compare'] as const)

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'toka-disk-')))
  root = join(folder, 'root')
  mkdirSync(join(root, 'a', 'b'), { recursive: true })
  writeFileSync(join(root, 'a', 'b', 'f'), 'deep')
  writeFileSync(join(root, 'top'), 'top')
})

afterEach(() => {
  driver?.close()
  rmSync(folder, { recursive: true, force: true })
})

function mount(walk: (typeof WALKS)[number]): void {
  driver = new DiskDriver(root, { walk })
  guest = boot({ mounts: ['/m'], port: port({ files: mountPort([driver]) }) }).guest
}

describe.each(WALKS)('a host directory as a mount, reached by %s', (walk) => {
  beforeEach(() => mount(walk))

  test('a time that is set is told to the millisecond', () => {
    const file = driver.open('top', { ...READ, write: true })
    if (file instanceof Promise) throw new Error('the disk answers at once')
    const start = 1_795_902_845_000
    for (let part = 0; part < 1_000; part += 7) {
      driver.setTimes('top', start + part, start + part + 1)
      expect(driver.stat('top')).toMatchObject({ accessedMs: start + part, modifiedMs: start + part + 1 })
      file.setTimes(start + part + 2, start + part + 3)
      expect(driver.stat('top')).toMatchObject({ accessedMs: start + part + 2, modifiedMs: start + part + 3 })
    }
    file.close()
  })

  test('a guest reads, lists and stats what lies in it', async () => {
    expect(await guest.readFile('/m/a/b/f')).toBe('deep')
    expect(await guest.page('/m')).toEqual([
      [
        ['a', 'directory'],
        ['top', 'file'],
      ],
      -1,
    ])
    expect(await guest.stat('/m/top')).toMatchObject({ kind: 'file', size: 3, links: 1 })
    expect(await guest.stat('/m')).toMatchObject({ kind: 'directory' })
    expect(await guest.stat('/m/a/')).toMatchObject({ kind: 'directory' })
    const fd = await guest.open('/m/a')
    expect(await guest.fstat(fd)).toMatchObject({ kind: 'directory' })
    await expect(guest.read(fd)).rejects.toMatchObject({ code: 'EISDIR' })
  })

  test('a guest writes, appends, cuts, renames and removes', async () => {
    await guest.writeFile('/m/new', 'hello')
    const fd = await guest.open('/m/new', 'a')
    await guest.write(fd, ' world')
    await guest.call(6, new Uint8Array([fd, 0, 0, 0]))
    await guest.truncate(fd, 8)
    await guest.close(fd)
    expect(readFileSync(join(root, 'new'), 'utf8')).toBe('hello wo')
    await guest.mkdir('/m/d')
    await guest.rename('/m/new', '/m/d/old')
    await guest.rename('/m/d', '/m/e')
    expect(await guest.readFile('/m/e/old')).toBe('hello wo')
    await guest.values(21, '/m/e/old', 1_000, 2_000)
    expect(await guest.stat('/m/e/old')).toMatchObject({ accessedMs: 1_000, modifiedMs: 2_000 })
    await expect(guest.rmdir('/m/e')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await guest.unlink('/m/e/old')
    await guest.rmdir('/m/e')
    expect(existsSync(join(root, 'e'))).toBe(false)
  })

  test('a failure has the guest’s path and nothing of the host’s', async () => {
    for (const act of [
      guest.open('/m/none'),
      guest.open('/m/top/x'),
      guest.open('/m/a', 'w'),
      guest.open('/m/top', 'wx'),
      guest.mkdir('/m/a'),
      guest.rmdir('/m/top'),
      guest.unlink('/m/a'),
      guest.readlink('/m/top'),
      guest.rename('/m/none', '/m/x'),
      guest.rename('/m/a', '/m/a/b/c'),
    ]) {
      const error = (await act.catch((failure: unknown) => failure)) as Error
      expect(error).toMatchObject({ name: 'GuestFacingError', message: expect.stringContaining("'/m/") })
      expect(JSON.stringify([error.message, error.cause, Object.values(error)])).not.toContain(folder)
    }
    await expect(guest.open('/m/none')).rejects.toMatchObject({
      message: "ENOENT: no such file or directory, open '/m/none'",
    })
  })

  test('the number of a file is stable, and not the host’s', async () => {
    const { inode } = await guest.stat('/m/top')
    expect(inode).toBe((await guest.stat('/m/top'))['inode'])
    await guest.rename('/m/top', '/m/moved')
    expect((await guest.stat('/m/moved'))['inode']).toBe(inode)
    expect(inode).not.toBe(statSync(join(root, 'moved')).ino)
    const other = new DiskDriver(root, { walk })
    expect(other.stat('moved').inode).not.toBe(inode)
    other.close()
  })

  test('an unlinked file is read on, and a directory renamed under an open file does no harm', async () => {
    const fd = await guest.open('/m/a/b/f')
    renameSync(join(root, 'a'), join(root, 'z'))
    expect(await guest.read(fd, 2)).toBe('de')
    unlinkSync(join(root, 'z', 'b', 'f'))
    expect(await guest.read(fd)).toBe('ep')
    await expect(guest.open('/m/a/b/f')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('links within the mount are followed, links are told apart by stat, and the slash decides', async () => {
    symlinkSync('a/b', join(root, 'l'))
    symlinkSync('../top', join(root, 'a', 'up'))
    expect(await guest.readFile('/m/l/f')).toBe('deep')
    expect(await guest.readFile('/m/l/../up')).toBe('top')
    expect(await guest.realpath('/m/l/f')).toBe('/m/a/b/f')
    expect(await guest.readlink('/m/l')).toBe('a/b')
    expect(await guest.stat('/m/l', false)).toMatchObject({ kind: 'link' })
    expect(await guest.stat('/m/l/', false)).toMatchObject({ kind: 'directory' })
    await guest.unlink('/m/l')
    expect(await guest.readFile('/m/a/b/f')).toBe('deep')
  })

  test('a link to what is not there yet is created at its target', async () => {
    symlinkSync('made', join(root, 'l'))
    await guest.writeFile('/m/l', 'x')
    expect(readFileSync(join(root, 'made'), 'utf8')).toBe('x')
  })

  test('rights are those of the open; a closed file answers EBADF, whoever has the number now', () => {
    const file = driver.open('top', READ)
    expect(() => file.write(0, new Uint8Array(1))).toThrow(/EBADF/)
    expect(() => file.truncate(0)).toThrow(/EBADF/)
    file.close()
    const other = driver.open('a/b/f', READ)
    for (const act of [() => file.read(0, 1), () => file.stat(), () => file.sync(), () => file.close()])
      expect(act).toThrow(/EBADF/)
    expect(text(other.read(0, 10) as Uint8Array)).toBe('deep')
    other.close()
  })

  test('no descriptor of the host is left open, whatever fails', () => {
    const count = (): number => statCount()
    const before = count()
    for (let round = 0; round < 20; round++) {
      for (const path of ['a/b/none/x', 'a/b/f/x', 'none', 'top/x/y']) expect(() => driver.open(path, READ)).toThrow()
      expect(() => driver.open('a', { ...READ, write: true })).toThrow(/EISDIR/)
      driver.list('a/b')
      driver.stat('a/b/f')
      driver.resolve('a/b/f', true)
      driver.open('a/b/f', READ).close()
    }
    expect(count()).toBe(before)
  })
})

function statCount(): number {
  let open = 0
  for (let fd = 0; fd < 400; fd++) if (existsSync(`/proc/self/fd/${fd}`)) open++
  return open
}

describe('openMount in Node', () => {
  test('mounts a directory, read-only where asked', async () => {
    const readOnly = await openMount(root, '/m', 'ro')
    expect(await readOnly.stat('top')).toMatchObject({ size: 3 })
    const write = { ...READ, write: true, create: true }
    for (const act of [
      () => readOnly.open('top', write),
      () => readOnly.removeFile('top'),
      () => readOnly.makeDirectory('x'),
      () => readOnly.removeDirectory('a'),
      () => readOnly.rename('top', 'x'),
      () => readOnly.setTimes('top', 0, 0),
      () => readOnly.open('top', { ...READ, truncate: true }),
    ])
      expect(act).toThrow(expect.objectContaining({ code: 'EROFS' }))
    await readOnly.close()
    const writable = await openMount(root, '/m', 'rw')
    await writable.removeFile('top')
    expect(existsSync(join(root, 'top'))).toBe(false)
    await writable.close()
  })

  test('a source that is not there, or no directory, is TOKA_MOUNT_MISSING and named', async () => {
    for (const from of [join(folder, 'none'), join(root, 'top'), '', 'nul\0'])
      await expect(openMount(from, '/data', 'ro')).rejects.toMatchObject({
        code: 'TOKA_MOUNT_MISSING',
        message: expect.stringContaining('/data'),
      })
  })

  test('files by value are a mount too; anything else is TOKA_MOUNT_UNSUPPORTED', async () => {
    const memory = await openMount({ files: { '/x/y': 'z' } }, '/m', 'rw')
    expect(await memory.stat('x/y')).toMatchObject({ size: 1 })
    for (const from of [7, null, {}, [], new Map()])
      await expect(openMount(from as never, '/data', 'ro')).rejects.toMatchObject({ code: 'TOKA_MOUNT_UNSUPPORTED' })
  })

  test('a root that is named through a link is what the host meant', async () => {
    symlinkSync(root, join(folder, 'alias'))
    const driver = await openMount(join(folder, 'alias'), '/m', 'ro')
    expect(await driver.stat('top')).toMatchObject({ size: 3 })
    await driver.close()
  })
})
