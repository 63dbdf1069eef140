/** The private file tree through host calls. */
import { describe, expect, test } from 'vitest'
import { FileTree } from '../../src/kernel/files.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { boot, text } from './kernel-guest.ts'

describe('the private files of a guest', () => {
  test('what is written is read back, at positions of its own and at given ones', async () => {
    const { guest } = boot()
    const fd = await guest.open('/tmp/a', 'w')
    expect(await guest.write(fd, 'hello ')).toBe(6)
    await guest.write(fd, 'world')
    await guest.close(fd)
    const again = await guest.open('/tmp/a')
    expect(await guest.read(again, 5)).toBe('hello')
    expect(await guest.read(again, 3, 8)).toBe('rld')
    expect(await guest.read(again)).toBe(' world')
    expect(await guest.read(again)).toBe('')
  })

  test('append writes at the end, whatever others did in between', async () => {
    const { guest } = boot()
    const first = await guest.open('/tmp/log', 'a')
    const second = await guest.open('/tmp/log', 'a')
    await guest.write(first, 'one ')
    await guest.write(second, 'two ')
    await guest.write(first, 'three')
    expect(await guest.readFile('/tmp/log')).toBe('one two three')
  })

  test('a gap is zeros, and what was cut off does not come back', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/a', 'secret')
    const fd = await guest.open('/tmp/a', 'r+')
    await guest.truncate(fd, 1)
    await guest.truncate(fd, 4)
    expect(await guest.read(fd)).toBe('s\0\0\0')
  })

  test('an unlinked file keeps its bytes until it is closed, and gives them back then', async () => {
    const { guest, kernel } = boot()
    await guest.writeFile('/tmp/a', 'kept')
    const fd = await guest.open('/tmp/a')
    await guest.unlink('/tmp/a')
    await expect(guest.open('/tmp/a')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await guest.fstat(fd)).toMatchObject({ size: 4, links: 0 })
    expect(await guest.read(fd)).toBe('kept')
    expect(kernel.files.usage.bytes).toBe(4)
    await guest.close(fd)
    expect(kernel.files.usage.bytes).toBe(0)
  })

  test('a hard link is the same file; directories have none', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/a', 'x')
    await guest.link('/tmp/a', '/tmp/b')
    const fd = await guest.open('/tmp/b', 'a')
    await guest.write(fd, 'y')
    expect(await guest.readFile('/tmp/a')).toBe('xy')
    expect(await guest.stat('/tmp/a')).toMatchObject({ links: 2 })
    await guest.unlink('/tmp/a')
    expect(await guest.stat('/tmp/b')).toMatchObject({ links: 1, size: 2 })
    await expect(guest.link('/tmp', '/tmp/d')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(guest.link('/tmp/b', '/tmp/b')).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('rename replaces as POSIX has it', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/a', 'a')
    await guest.writeFile('/tmp/b', 'b')
    await guest.mkdir('/tmp/d')
    await guest.mkdir('/tmp/e')
    await guest.writeFile('/tmp/e/f', 'f')
    await guest.rename('/tmp/a', '/tmp/b')
    expect(await guest.readFile('/tmp/b')).toBe('a')
    await expect(guest.rename('/tmp/b', '/tmp/d')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.rename('/tmp/d', '/tmp/b')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.rename('/tmp/d', '/tmp/e')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await expect(guest.rename('/tmp/e', '/tmp/e/g')).rejects.toMatchObject({ code: 'EINVAL' })
    await guest.rename('/tmp/e', '/tmp/d')
    expect(await guest.list('/tmp')).toEqual(['b', 'd'])
    expect(await guest.readFile('/tmp/d/f')).toBe('f')
    await guest.link('/tmp/b', '/tmp/c')
    await guest.rename('/tmp/b', '/tmp/c')
    expect(await guest.list('/tmp')).toEqual(['b', 'c', 'd'])
  })

  test('a directory is opened for reading only, and removed only when it is empty', async () => {
    const { guest } = boot()
    const fd = await guest.open('/tmp')
    expect(await guest.fstat(fd)).toMatchObject({ kind: 'directory' })
    await expect(guest.read(fd)).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.open('/tmp', 'w')).rejects.toMatchObject({ code: 'EISDIR' })
    await guest.writeFile('/tmp/a', '')
    await expect(guest.rmdir('/tmp')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await expect(guest.rmdir('/tmp/a')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.unlink('/tmp')).rejects.toMatchObject({ code: 'EISDIR' })
  })

  test('a removed directory takes no new entries, through its own name or the working directory', async () => {
    const { guest, kernel } = boot()
    await guest.mkdir('/tmp/d')
    await guest.chdir('/tmp/d')
    await guest.rmdir('/tmp/d')
    await expect(guest.open('x', 'w')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(() =>
      kernel.files.createFile(Object.assign(kernel.files.putDirectory('/gone'), { removed: true }), 'x'),
    ).toThrow(/ENOENT/)
  })

  test('entries are listed by the bytes of their names', async () => {
    const { guest } = boot()
    for (const name of ['b', 'a', '\u{1F600}', '\uffee', 'Z', 'é']) await guest.writeFile(`/tmp/${name}`, '')
    expect(await guest.list('/tmp')).toEqual(['Z', 'a', 'b', 'é', '\uffee', '\u{1F600}'])
  })

  test('rights are those of the open, on every call', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/a', 'abc')
    const reader = await guest.open('/tmp/a')
    await expect(guest.write(reader, 'x')).rejects.toMatchObject({
      code: 'EBADF',
      message: 'EBADF: bad file descriptor, write',
    })
    await expect(guest.truncate(reader, 0)).rejects.toMatchObject({ code: 'EINVAL' })
    const writer = await guest.open('/tmp/a', 'a')
    await expect(guest.read(writer)).rejects.toMatchObject({ code: 'EBADF' })
    expect(await guest.readFile('/tmp/a')).toBe('abc')
  })

  test('times come from the sandbox’s clock and can be set', async () => {
    const { guest, kernel } = boot({ deterministic: { seed: 's', start: '2026-01-02T00:00:00Z' } })
    await guest.writeFile('/tmp/a', '')
    expect(await guest.stat('/tmp/a')).toMatchObject({ modifiedMs: Date.UTC(2026, 0, 2) })
    await guest.values(Operation.PathSetTimes, '/tmp/a', 1_000, 2_000)
    expect(await guest.stat('/tmp/a')).toMatchObject({ accessedMs: 1_000, modifiedMs: 2_000 })
    expect(kernel.files.get('/tmp/a')).toEqual(new Uint8Array(0))
  })
})

describe('FileTree', () => {
  const tree = (): FileTree => new FileTree(DEFAULT_LIMITS)

  test('a fork and its parent are independent in both directions', () => {
    const parent = tree()
    parent.put('/a/x', 'one')
    parent.put('/a/y', 'same')
    const child = parent.fork()
    child.put('/a/x', 'two')
    parent.put('/a/y', 'changed')
    child.put('/new', '')
    expect(text(parent.get('/a/x') as Uint8Array)).toBe('one')
    expect(text(child.get('/a/x') as Uint8Array)).toBe('two')
    expect(text(child.get('/a/y') as Uint8Array)).toBe('same')
    expect(parent.get('/new')).toBeUndefined()
    expect([parent.usage, child.usage]).toEqual([
      { bytes: 10, nodes: 3 },
      { bytes: 7, nodes: 4 },
    ])
  })

  test('a fork shares bytes until one side writes, in place too', () => {
    const parent = tree()
    parent.put('/x', 'abcdef')
    const node = parent.lookup(parent.root, 'x')
    const child = parent.fork()
    const twin = child.lookup(child.root, 'x')
    if (node?.kind !== 'file' || twin?.kind !== 'file') throw new Error('no file')
    expect(twin.data).toBe(node.data)
    parent.write(node, 1, new Uint8Array([88]))
    expect(text(child.get('/x') as Uint8Array)).toBe('abcdef')
    child.truncate(twin, 3)
    child.truncate(twin, 5)
    expect([...(child.get('/x') as Uint8Array)]).toEqual([97, 98, 99, 0, 0])
    expect(text(parent.get('/x') as Uint8Array)).toBe('aXcdef')
  })

  test('serialize and restore keep content, links, times and numbers', () => {
    const source = new FileTree(DEFAULT_LIMITS, () => 5_000)
    source.put('/a/b/c', 'content')
    const a = source.lookup(source.root, 'a')
    if (a?.kind !== 'directory') throw new Error('no directory')
    source.symlink(a, 'l', '../x')
    const b = source.lookup(a, 'b')
    const c = b?.kind === 'directory' ? source.lookup(b, 'c') : undefined
    if (c?.kind !== 'file') throw new Error('no file')
    source.link(c, a, 'hard')
    const copy = FileTree.restore(source.serialize(), DEFAULT_LIMITS)
    expect(copy.serialize()).toEqual(source.serialize())
    expect(copy.usage).toEqual(source.usage)
    expect(copy.changedFiles()).toEqual([])
    copy.put('/a/hard', 'together')
    expect(text(copy.get('/a/b/c') as Uint8Array)).toBe('together')
    expect(text(source.get('/a/b/c') as Uint8Array)).toBe('content')
  })

  test('a hard link in a directory that comes after the file is restored', () => {
    const source = tree()
    source.put('/a', 'x')
    const file = source.lookup(source.root, 'a')
    if (file === undefined) throw new Error('no file')
    source.link(file, source.putDirectory('/d/e'), 'hard')
    const copy = FileTree.restore(source.serialize(), DEFAULT_LIMITS)
    expect(copy.usage).toEqual({ bytes: 1, nodes: 4 })
    copy.put('/a', 'both')
    expect(text(copy.get('/d/e/hard') as Uint8Array)).toBe('both')
  })

  test('a file that lost its last name, or a directory that was removed, takes part in nothing any more', () => {
    const files = tree()
    files.put('/a', 'x')
    files.put('/b', 'y')
    const file = files.lookup(files.root, 'a')
    const gone = files.putDirectory('/gone')
    if (file?.kind !== 'file') throw new Error('no file')
    files.hold(file)
    files.unlink(files.root, 'a')
    files.removeDirectory(files.root, 'gone')
    expect(() => files.link(file, files.root, 'back')).toThrow(/ENOENT/)
    expect(() => files.rename(files.root, 'b', gone, 'b')).toThrow(/ENOENT/)
    expect(() => files.makeDirectory(gone, 'd')).toThrow(/ENOENT/)
    files.release(file)
    expect(files.usage).toEqual({ bytes: 1, nodes: 1 })
  })

  test('a file that a rename replaces gives its bytes back, unless it is open', async () => {
    const { guest, kernel } = boot()
    await guest.writeFile('/tmp/a', 'a')
    await guest.writeFile('/tmp/b', 'long one')
    const fd = await guest.open('/tmp/b')
    await guest.rename('/tmp/a', '/tmp/b')
    expect(kernel.files.usage.bytes).toBe(9)
    expect(await guest.read(fd)).toBe('long one')
    await guest.close(fd)
    expect(kernel.files.usage.bytes).toBe(1)
  })

  test('changedFiles knows what was created, written, cut and renamed since the mark, and no more', async () => {
    const { guest, kernel } = boot()
    for (const name of ['kept', 'written', 'cut', 'moved', 'touched', 'removed']) kernel.files.put(`/in/${name}`, 'old')
    kernel.files.put('/dir/deep/file', 'old')
    kernel.files.markUnchanged()
    expect(kernel.files.changedFiles()).toEqual([])
    await guest.writeFile('/in/written', 'newer')
    await guest.truncate(await guest.open('/in/cut', 'r+'), 1)
    await guest.rename('/in/moved', '/in/here')
    await guest.values(Operation.PathSetTimes, '/in/touched', 1, 1)
    await guest.unlink('/in/removed')
    await guest.rename('/dir', '/other')
    await guest.symlink('/in/kept', '/link')
    await guest.writeFile('/made', '')
    expect(kernel.files.changedFiles()).toEqual([
      { path: '/in/cut', size: 1 },
      { path: '/in/here', size: 3 },
      { path: '/in/written', size: 5 },
      { path: '/made', size: 0 },
      { path: '/other/deep/file', size: 3 },
    ])
  })

  test('put refuses paths that cannot be, and names them', () => {
    const files = tree()
    files.put('/a', 'x')
    for (const path of [
      'relative',
      '/a/b',
      '/',
      '',
      '/x/../y',
      `/${'n'.repeat(256)}`,
      '/nul\0',
      '/\ud800',
      '/b/'.repeat(200),
    ])
      expect(() => files.put(path, 'y')).toThrow(expect.objectContaining({ code: 'TOKA_REQUEST_INVALID' }))
    expect(files.usage).toEqual({ bytes: 1, nodes: 1 })
  })

  test('put copies: the host may change its bytes afterwards', () => {
    const files = tree()
    const bytes = new Uint8Array([1, 2, 3])
    files.put('/a', bytes)
    bytes.fill(9)
    expect(files.get('/a')).toEqual(new Uint8Array([1, 2, 3]))
    files.get('/a')?.fill(7)
    expect(files.get('/a')).toEqual(new Uint8Array([1, 2, 3]))
  })
})
