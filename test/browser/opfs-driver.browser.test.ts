/** The OPFS driver against a real browser file system. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMount } from '../../src/host/mounts.browser.ts'
import { OpfsDriver } from '../../src/host/opfs.browser.ts'
import { boot, type Guest, mountPort, port } from '../unit/kernel-guest.ts'

let root: FileSystemDirectoryHandle
let guest: Guest

async function put(directory: FileSystemDirectoryHandle, name: string, content: string): Promise<void> {
  const stream = await (await directory.getFileHandle(name, { create: true })).createWritable()
  await stream.write(content)
  await stream.close()
}

async function content(name: string): Promise<string> {
  return (await (await root.getFileHandle(name)).getFile()).text()
}

beforeEach(async () => {
  const storage = await navigator.storage.getDirectory()
  root = await storage.getDirectoryHandle('mount', { create: true })
  await put(storage, 'secret', 'outside')
  await put(root, 'a.txt', 'alpha')
  await put(await root.getDirectoryHandle('sub', { create: true }), 'b.txt', 'beta')
  guest = boot({ mounts: ['/data'], port: port({ files: mountPort([new OpfsDriver(root)]) }) }).guest
})

afterEach(async () => {
  const storage = await navigator.storage.getDirectory()
  await storage.removeEntry('mount', { recursive: true })
  await storage.removeEntry('secret')
})

describe('a directory handle as a mount', () => {
  test('a guest reads, lists and stats files beneath it', async () => {
    expect(await guest.readFile('/data/a.txt')).toBe('alpha')
    expect(await guest.readFile('/data/sub/../sub/b.txt')).toBe('beta')
    expect(await guest.page('/data')).toEqual([
      [
        ['a.txt', 'file'],
        ['sub', 'directory'],
      ],
      -1,
    ])
    expect(await guest.stat('/data/sub/b.txt')).toMatchObject({ kind: 'file', size: 4 })
    expect(await guest.stat('/data/sub')).toMatchObject({ kind: 'directory' })
  })

  test('a guest writes, appends, cuts and reads back what it wrote', async () => {
    await guest.writeFile('/data/new', 'hello')
    const fd = await guest.open('/data/new', 'a')
    expect(await guest.write(fd, ' world')).toBe(6)
    await guest.close(fd)
    expect(await content('new')).toBe('hello world')
    const again = await guest.open('/data/new', 'r+')
    await guest.truncate(again, 5)
    expect(await guest.read(again)).toBe('hello')
    await guest.close(again)
    expect(await content('new')).toBe('hello')
  })

  test('two writes at once through one descriptor land one behind the other', async () => {
    const fd = await guest.open('/data/order', 'w')
    await Promise.all([guest.write(fd, 'one'), guest.write(fd, 'two'), guest.write(fd, 'three')])
    await guest.close(fd)
    expect(await content('order')).toBe('onetwothree')
  })

  test('a guest makes and removes directories and files, and renames files', async () => {
    await guest.mkdir('/data/dir')
    await guest.rename('/data/a.txt', '/data/dir/c.txt')
    expect(await guest.list('/data')).toEqual(['dir', 'sub'])
    expect(await guest.readFile('/data/dir/c.txt')).toBe('alpha')
    await expect(guest.rmdir('/data/dir')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await guest.unlink('/data/dir/c.txt')
    await guest.rmdir('/data/dir')
    expect(await guest.list('/data')).toEqual(['sub'])
  })

  test('what goes wrong is an errno with the guest’s path', async () => {
    await expect(guest.open('/data/none')).rejects.toMatchObject({
      message: "ENOENT: no such file or directory, open '/data/none'",
    })
    await expect(guest.open('/data/a.txt/x')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.open('/data/sub', 'w')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.open('/data/a.txt', 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(guest.open('/data/a.txt/')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.mkdir('/data/sub')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(guest.unlink('/data/sub')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.rmdir('/data/a.txt')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.rename('/data/sub', '/data/other')).rejects.toMatchObject({ code: 'EXDEV' })
  })

  test('no path leads out of it', async () => {
    const driver = new OpfsDriver(root)
    for (const path of ['../secret', '..', 'sub/../../secret', '/secret', 'sub//b.txt', './a.txt', 'a.txt\0'])
      await expect(driver.stat(path).then(() => path)).rejects.toMatchObject({ code: 'EACCES' })
    await expect(guest.open('/data/../secret')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(guest.open('/data/a\\..\\..\\secret')).rejects.toMatchObject({ name: 'GuestFacingError' })
  })

  test('a write that fails leaves the file as it was', async () => {
    const fd = await guest.open('/data/a.txt', 'r+')
    await expect(guest.truncate(fd, 2 ** 52)).rejects.toMatchObject({ name: 'GuestFacingError' })
    await guest.close(fd)
    expect(await content('a.txt')).toBe('alpha')
  })
})

describe('openMount in a browser', () => {
  test('takes a directory handle, and files by value', async () => {
    const driver = await openMount(root, '/data', 'ro')
    expect(await driver.stat('a.txt')).toMatchObject({ size: 5 })
    await expect(async () => driver.removeFile('a.txt')).rejects.toMatchObject({ code: 'EROFS' })
    const memory = await openMount({ files: { '/x': 'y' } }, '/data', 'rw')
    expect(await memory.stat('x')).toMatchObject({ size: 1 })
  })

  test('refuses a host path, naming the mount', async () => {
    await expect(openMount('/etc', '/data', 'ro')).rejects.toMatchObject({
      code: 'TOKA_MOUNT_UNSUPPORTED',
      message: expect.stringContaining('/data'),
    })
  })

  test('a directory that is gone is TOKA_MOUNT_MISSING', async () => {
    const gone = await root.getDirectoryHandle('gone', { create: true })
    await root.removeEntry('gone')
    await expect(openMount(gone, '/data', 'ro')).rejects.toMatchObject({ code: 'TOKA_MOUNT_MISSING' })
  })
})
