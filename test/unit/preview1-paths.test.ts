/** WASI preview 1 on paths: each function's success, each error, each right; what leads out of an open directory does not. */
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/host/memory.ts'
import type { Preview1Name } from '../../src/kernel/preview1.ts'
import { Right } from '../../src/kernel/preview1-abi.ts'
import { ALL, E, Preview1World, ROOT } from '../preview1-world.ts'
import { mountPort, port } from './kernel-guest.ts'

const CREATE = 1
const DIRECTORY = 2
const EXCLUSIVE = 4
const TRUNCATE = 8

/** `/d/f` and `/d/e/`, `/l` -> `d/f`, `/up` -> `../given`, `/loop` -> itself, `/given`. */
async function world(): Promise<{ it: Preview1World; d: number }> {
  const it = new Preview1World()
  await it.ok('path_create_directory', ROOT, 'd')
  await it.ok('path_create_directory', ROOT, 'd/e')
  const fd = await it.open('d/f', CREATE)
  await it.write(fd, 'inside')
  await it.ok('fd_close', fd)
  await it.ok('path_symlink', 'd/f', ROOT, 'l')
  await it.ok('path_symlink', 'loop', ROOT, 'loop')
  const d = await it.open('d', DIRECTORY, ALL & ~Right.fdWrite)
  await it.ok('path_symlink', '../given', d, 'up')
  return { it, d }
}

describe('opening', () => {
  test('finds, makes, cuts and follows', async () => {
    const { it, d } = await world()
    expect(await it.read(await it.open('l'))).toBe('inside')
    expect(await it.read(await it.open('e/../f', 0, ALL, 0, d))).toBe('inside')
    await it.open('d/f', TRUNCATE)
    expect(await it.stat('d/f')).toMatchObject({ size: 0, type: 4 })
    expect(await it.stat('d')).toMatchObject({ type: 3 })
    expect(await it.stat('l', 0)).toMatchObject({ size: 3, type: 7 })
    expect(await it.call('path_open', ROOT, 0, 'd/f', CREATE | EXCLUSIVE, 0n, 0n, 0, it.out)).toBe(E.exist)
  })

  test('gives the rights that were asked for and can be passed on', async () => {
    const { it } = await world()
    await it.ok('path_open', ROOT, 0, 'd', DIRECTORY, Right.open | Right.fdStat, Right.fdRead, 0, it.out)
    const narrow = it.view.u32(it.out)
    await it.ok('fd_fdstat_get', narrow, 64)
    expect([it.view.u64(72), it.view.u64(80)]).toEqual([Right.open | Right.fdStat, Right.fdRead])
    expect(await it.call('path_open', narrow, 0, 'f', 0, Right.fdWrite, 0n, 0, it.out)).toBe(E.notcapable)
    await it.ok('path_open', narrow, 0, 'f', 0, Right.fdRead, 0n, 0, it.out)
    expect(await it.read(it.view.u32(it.out))).toBe('inside')
  })
})

describe('beneath an open directory', () => {
  const escapes: [string, number][] = [
    ['..', E.notcapable],
    ['../given', E.notcapable],
    ['e/../../given', E.notcapable],
    ['/given', E.notcapable],
    ['/', E.notcapable],
    ['up', E.notcapable],
    ['./../d/f', E.notcapable],
    ['f/..', E.notdir],
    ['f/', E.notdir],
    ['missing/..', E.noent],
    ['', E.noent],
    ['a\0b', E.inval],
    ['n'.repeat(256), E.nametoolong],
    ['p/'.repeat(2_049), E.nametoolong],
  ]
  test.each(escapes)('%j is refused', async (path, expected) => {
    const { it, d } = await world()
    for (const follow of [0, 1]) {
      const reached = path === 'up' && follow === 0 ? E.loop : expected
      expect(await it.call('path_open', d, follow, path, 0, 0n, 0n, 0, it.out)).toBe(reached)
    }
    expect(await it.stat(path, 1, d)).toBe(-expected)
    expect(await it.call('path_create_directory', d, path === 'up' ? 'up/x' : path)).not.toBe(E.success)
  })

  test('bytes that are no UTF-8 are no path', async () => {
    const { it, d } = await world()
    const at = it.put(new Uint8Array([0xff, 0xfe]))
    expect(await it.call('path_unlink_file', d, at, 2)).toBe(E.ilseq)
  })

  test('a directory that was renamed stays what it is, and one that was removed is empty for good', async () => {
    const { it, d } = await world()
    await it.ok('path_rename', ROOT, 'd', ROOT, 'moved')
    expect(await it.read(await it.open('f', 0, ALL, 0, d))).toBe('inside')
    await it.ok('path_create_directory', ROOT, 'gone')
    const gone = await it.open('gone', DIRECTORY, ALL & ~Right.fdWrite)
    await it.ok('path_remove_directory', ROOT, 'gone')
    expect(await it.call('path_open', gone, 0, 'x', CREATE, 0n, 0n, 0, it.out)).toBe(E.noent)
  })

  test('it is not removed or renamed through itself', async () => {
    const { it, d } = await world()
    expect(await it.call('path_remove_directory', d, '.')).toBe(E.inval)
    expect(await it.call('path_rename', d, '.', ROOT, 'x')).toBe(E.busy)
    expect(await it.call('path_rename', ROOT, 'given', d, '.')).toBe(E.busy)
    expect(await it.call('path_remove_directory', ROOT, '/')).toBe(E.notcapable)
  })
})

describe('making, moving and removing', () => {
  const rows: [string, number, (it: Preview1World) => Promise<number>][] = [
    ['a directory where one is', E.exist, (it) => it.call('path_create_directory', ROOT, 'd')],
    ['a directory in a file', E.notdir, (it) => it.call('path_create_directory', ROOT, 'given/x')],
    ['a directory in none', E.noent, (it) => it.call('path_create_directory', ROOT, 'none/x')],
    ['removing a file as a directory', E.notdir, (it) => it.call('path_remove_directory', ROOT, 'given')],
    ['removing a directory that is not empty', E.notempty, (it) => it.call('path_remove_directory', ROOT, 'd')],
    ['removing no directory', E.noent, (it) => it.call('path_remove_directory', ROOT, 'none')],
    ['unlinking a directory', E.isdir, (it) => it.call('path_unlink_file', ROOT, 'd')],
    ['unlinking a directory with a slash', E.isdir, (it) => it.call('path_unlink_file', ROOT, 'd/')],
    ['unlinking a file with a slash', E.notdir, (it) => it.call('path_unlink_file', ROOT, 'given/')],
    ['unlinking nothing', E.noent, (it) => it.call('path_unlink_file', ROOT, 'none')],
    ['renaming nothing', E.noent, (it) => it.call('path_rename', ROOT, 'none', ROOT, 'x')],
    ['renaming a file onto a directory', E.isdir, (it) => it.call('path_rename', ROOT, 'given', ROOT, 'd')],
    ['renaming a directory onto a file', E.notdir, (it) => it.call('path_rename', ROOT, 'd', ROOT, 'given')],
    ['renaming a directory into itself', E.inval, (it) => it.call('path_rename', ROOT, 'd', ROOT, 'd/e/x')],
    ['renaming a directory onto a full one', E.notempty, (it) => it.call('path_rename', ROOT, 'd/e', ROOT, 'd')],
    ['a symbolic link where something is', E.exist, (it) => it.call('path_symlink', 'x', ROOT, 'given')],
    ['a symbolic link to an absolute path', E.notcapable, (it) => it.call('path_symlink', '/etc', ROOT, 'x')],
    ['a symbolic link with a slash behind it', E.noent, (it) => it.call('path_symlink', 'x', ROOT, 'new/')],
    ['a link to a directory', E.perm, (it) => it.call('path_link', ROOT, 0, 'd', ROOT, 'x')],
    ['a link to nothing', E.noent, (it) => it.call('path_link', ROOT, 0, 'none', ROOT, 'x')],
    ['a link where something is', E.exist, (it) => it.call('path_link', ROOT, 0, 'd/f', ROOT, 'given')],
    ['a link that follows', E.inval, (it) => it.call('path_link', ROOT, 1, 'l', ROOT, 'x')],
    ['reading a link that is none', E.inval, (it) => it.call('path_readlink', ROOT, 'given', 64, 10, it.out)],
    ['reading no link', E.noent, (it) => it.call('path_readlink', ROOT, 'none', 64, 10, it.out)],
    ['following a loop', E.loop, (it) => it.call('path_filestat_get', ROOT, 1, 'loop', 64)],
    ['opening a link itself', E.loop, (it) => it.call('path_open', ROOT, 0, 'l', 0, 0n, 0n, 0, it.out)],
    ['opening a file as a directory', E.notdir, (it) => it.call('path_open', ROOT, 0, 'given', 2, 0n, 0n, 0, it.out)],
    ['making a directory by opening', E.inval, (it) => it.call('path_open', ROOT, 0, 'x', 3, 0n, 0n, 0, it.out)],
    ['opening a directory to write', E.isdir, (it) => it.call('path_open', ROOT, 0, 'd', 0, 64n, 0n, 0, it.out)],
    ['making what is a directory', E.isdir, (it) => it.call('path_open', ROOT, 0, 'd', 1, 0n, 0n, 0, it.out)],
    ['opening with flags that are none', E.inval, (it) => it.call('path_open', ROOT, 0, 'd', 16, 0n, 0n, 0, it.out)],
    [
      'opening with lookup flags that are none',
      E.inval,
      (it) => it.call('path_open', ROOT, 2, 'd', 0, 0n, 0n, 0, it.out),
    ],
    ['opening to sync', E.notsup, (it) => it.call('path_open', ROOT, 0, 'given', 0, 0n, 0n, 2, it.out)],
    [
      'opening beneath a file',
      E.notdir,
      async (it) => it.call('path_open', await it.open('given'), 0, 'x', 0, 0n, 0n, 0, it.out),
    ],
    ['setting contradicting times', E.inval, (it) => it.call('path_filestat_set_times', ROOT, 0, 'd', 0n, 0n, 12)],
  ]
  test.each(rows)('%s is %i', async (_what, expected, act) => {
    const { it } = await world()
    expect(await act(it)).toBe(expected)
    // A refused call changes nothing.
    expect(await it.stat('d/f')).toMatchObject({ size: 6 })
    expect(await it.stat('given')).toMatchObject({ size: 5, links: 1 })
  })

  test('links, renames and times do what they say', async () => {
    const { it, d } = await world()
    await it.ok('path_link', ROOT, 0, 'given', d, 'twin')
    expect(await it.stat('given')).toMatchObject({ links: 2 })
    await it.ok('path_unlink_file', ROOT, 'given')
    expect(await it.read(await it.open('d/twin'))).toBe('given')
    await it.ok('path_readlink', ROOT, 'l', 64, 2, it.out)
    expect(it.bytes(64, it.view.u32(it.out))).toBe('d/')
    await it.ok('path_rename', d, 'twin', ROOT, 'l')
    expect(await it.stat('l', 0)).toMatchObject({ type: 4, size: 5 })
    await it.ok('path_filestat_set_times', ROOT, 1, 'l', 5n, 6n, 1 | 4)
    await it.ok('path_filestat_get', ROOT, 1, 'l', 64)
    expect([it.view.u64(104), it.view.u64(112)]).toEqual([5n, 6n])
    await it.ok('path_remove_directory', d, 'e')
    expect(await it.stat('d/e')).toBe(-E.noent)
  })
})

describe('rights', () => {
  const rows: [Preview1Name, bigint, (it: Preview1World, d: number) => Promise<number>][] = [
    ['path_open', Right.open, (it, d) => it.call('path_open', d, 0, 'f', 0, 0n, 0n, 0, it.out)],
    ['path_open', Right.createFile, (it, d) => it.call('path_open', d, 0, 'n', CREATE, 0n, 0n, 0, it.out)],
    ['path_open', Right.pathSetSize, (it, d) => it.call('path_open', d, 0, 'f', TRUNCATE, 0n, 0n, 0, it.out)],
    ['path_create_directory', Right.createDirectory, (it, d) => it.call('path_create_directory', d, 'n')],
    ['path_filestat_get', Right.pathStat, (it, d) => it.call('path_filestat_get', d, 0, 'f', 64)],
    [
      'path_filestat_set_times',
      Right.pathSetTimes,
      (it, d) => it.call('path_filestat_set_times', d, 0, 'f', 0n, 0n, 1),
    ],
    ['path_link', Right.linkSource, (it, d) => it.call('path_link', d, 0, 'f', ROOT, 'n')],
    ['path_link', Right.linkTarget, (it, d) => it.call('path_link', ROOT, 0, 'given', d, 'n')],
    ['path_readlink', Right.readLink, (it, d) => it.call('path_readlink', d, 'up', 64, 9, it.out)],
    ['path_remove_directory', Right.removeDirectory, (it, d) => it.call('path_remove_directory', d, 'e')],
    ['path_rename', Right.renameSource, (it, d) => it.call('path_rename', d, 'f', ROOT, 'n')],
    ['path_rename', Right.renameTarget, (it, d) => it.call('path_rename', ROOT, 'given', d, 'n')],
    ['path_symlink', Right.symlink, (it, d) => it.call('path_symlink', 'x', d, 'n')],
    ['path_unlink_file', Right.unlink, (it, d) => it.call('path_unlink_file', d, 'f')],
    ['fd_readdir', Right.readDirectory, (it, d) => it.call('fd_readdir', d, 64, 64, 0n, it.out)],
  ]
  test.each(rows)('%s needs right %i', async (_name, right, act) => {
    const { it, d } = await world()
    await it.ok('fd_fdstat_get', d, 64)
    await it.ok('fd_fdstat_set_rights', d, it.view.u64(72) & ~right, 0n)
    expect(await act(it, d)).toBe(E.notcapable)
  })
})

describe('listing', () => {
  test('tells every entry once, whatever changes meanwhile, and goes on from any cookie', async () => {
    const { it, d } = await world()
    for (let count = 0; count < 50; count++)
      await it.open(`n${count}`, CREATE, ALL, 0, d).then((fd) => it.ok('fd_close', fd))
    const seen: string[] = []
    let cookie = 0n
    for (let turn = 0; ; turn++) {
      const entries = await it.list(d, cookie, 200)
      if (entries.length === 0) break
      for (const { name, next } of entries) {
        seen.push(name)
        cookie = next
      }
      if (turn === 1) {
        await it.ok('path_unlink_file', d, 'n49')
        await it.open('added', CREATE, ALL, 0, d)
      }
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.slice(0, 2)).toEqual(['.', '..'])
    for (let count = 0; count < 49; count++) expect(seen).toContain(`n${count}`)
    expect((await it.list(d)).map(({ name }) => name)).toContain('added')
    expect(await it.list(d, 1_000n)).toEqual([])
  })

  test('a buffer that ends within an entry is full, and a larger one than a call fills is refused', async () => {
    const { it } = await world()
    await it.ok('fd_readdir', ROOT, 1_000, 30, 0n, it.out)
    expect(it.view.u32(it.out)).toBe(30)
    expect(await it.call('fd_readdir', ROOT, 1_048_000, 4_096, 0n, it.out)).toBe(E.fault)
  })
})

describe('over a mount', () => {
  const mounted = (waits: boolean): Preview1World => {
    const driver = new MemoryDriver({ '/sub/x': 'mounted' })
    const it = new Preview1World({ mounts: ['/m'], port: port({ files: mountPort([driver], waits) }) })
    return it
  }

  test.each([false, true])('the same calls work (waiting: %s)', async (waits) => {
    const it = mounted(waits)
    expect(await it.read(await it.open('m/sub/x'))).toBe('mounted')
    const sub = await it.open('m/sub', DIRECTORY, ALL & ~Right.fdWrite)
    expect(await it.call('path_open', sub, 0, '../sub/x', 0, 0n, 0n, 0, it.out)).toBe(E.notcapable)
    expect((await it.list(sub)).map(({ name }) => name)).toEqual(['.', '..', 'x'])
    const fd = await it.open('new', CREATE, ALL, 0, sub)
    expect(await it.write(fd, 'abc')).toBe(3)
    await it.ok('fd_fdstat_set_flags', fd, 1)
    await it.ok('fd_seek', fd, 0n, 0, it.out)
    await it.write(fd, 'd')
    await it.ok('fd_seek', fd, 0n, 0, it.out)
    expect(await it.read(fd)).toBe('abcd')
    await it.ok('path_rename', ROOT, 'm/sub', ROOT, 'm/moved')
    expect(await it.stat('new', 0, sub)).toMatchObject({ size: 4 })
    expect(await it.call('path_rename', ROOT, 'm/moved/new', ROOT, 'new')).toBe(E.xdev)
    expect(await it.call('path_link', ROOT, 0, 'm/moved/x', ROOT, 'x')).toBe(E.xdev)
    expect(await it.call('path_remove_directory', ROOT, 'm')).toBe(E.busy)
    expect(await it.call('path_symlink', '../x', sub, 'l')).toBe(E.perm)
  })

  test.each(['', 'm/'])('a slash at the end means a directory, beneath %j', async (at) => {
    const driver = new MemoryDriver({ '/given': 'given', '/d/f': 'inside' })
    const it = new Preview1World({ mounts: ['/m'], port: port({ files: mountPort([driver]) }) })
    await it.call('path_create_directory', ROOT, 'd')
    const file = `${at}given`
    expect(await it.stat(`${file}/`)).toBe(-E.notdir)
    for (const flags of [0, CREATE, TRUNCATE]) {
      const expected = flags === CREATE ? [E.notdir, E.isdir] : [E.notdir]
      expect(expected).toContain(await it.call('path_open', ROOT, 0, `${file}/`, flags, 0n, 0n, 0, it.out))
    }
    expect(await it.call('path_open', ROOT, 0, `${at}new/`, CREATE, 0n, 0n, 0, it.out)).toBe(E.isdir)
    expect(await it.call('path_unlink_file', ROOT, `${file}/`)).toBe(E.notdir)
    expect(await it.call('path_unlink_file', ROOT, `${file}/.`)).toBe(E.notdir)
    expect(await it.call('path_remove_directory', ROOT, `${file}/`)).toBe(E.notdir)
    expect(await it.call('path_filestat_set_times', ROOT, 0, `${file}/`, 1n, 1n, 5)).toBe(E.notdir)
    expect(await it.call('path_rename', ROOT, `${file}/`, ROOT, `${at}new`)).toBe(E.notdir)
    expect(await it.call('path_rename', ROOT, file, ROOT, `${at}new/`)).toBe(E.notdir)
    expect(await it.call('path_rename', ROOT, file, ROOT, `${file}/`)).toBe(E.notdir)
    expect(await it.call('path_readlink', ROOT, `${file}/`, 64, 10, it.out)).not.toBe(E.success)
    expect(await it.stat(file)).toMatchObject({ size: 5 })
    // What is a directory, or becomes one, may be named so.
    await it.ok('path_create_directory', ROOT, `${at}made/`)
    await it.ok('path_rename', ROOT, `${at}made/`, ROOT, `${at}other/`)
    await it.ok('path_filestat_set_times', ROOT, 0, `${at}other/`, 1n, 1n, 5)
    expect(await it.stat(`${at}other/.`)).toMatchObject({ type: 3 })
    await it.ok('path_remove_directory', ROOT, `${at}other/`)
  })

  test('a guest that cannot wait is told so, and nothing of it comes late', async () => {
    const driver = new MemoryDriver({ '/x': 'mounted' })
    const it = new Preview1World({ mounts: ['/m'], port: port({ files: mountPort([driver], true) }), suspends: false })
    expect(await it.call('path_open', ROOT, 0, 'm/x', 0, 2n, 0n, 0, it.out)).toBe(E.notsup)
  })
})
