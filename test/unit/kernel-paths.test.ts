/** Paths: links, mounts, roots and bounds. */
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/host/memory.ts'
import type { FileDriver } from '../../src/gate/drivers.ts'
import { errno } from '../../src/kernel/errno.ts'
import { boot, type Guest, mountPort, port } from './kernel-guest.ts'

/** Files of a mount with links that only the driver knows of: first names to what they mean. */
class LinkedDriver extends MemoryDriver {
  readonly links: Record<string, string>
  asked = 0

  constructor(content: Record<string, string>, links: Record<string, string>) {
    super(content)
    this.links = links
  }

  override resolve(path: string): string {
    this.asked++
    const [first = '', ...rest] = path.split('/')
    const target = this.links[first]
    if (target === '..') throw errno('EACCES')
    return target === undefined ? path : [...(target === '' ? [] : [target]), ...rest].join('/')
  }
}

function mounted(drivers: Record<string, FileDriver>, waits: boolean): Guest {
  const files = mountPort(Object.values(drivers), waits)
  return boot({ mounts: Object.keys(drivers), port: port({ files }) }).guest
}

describe('paths in the private tree', () => {
  test('`..` beneath the root stays there, and dots and slashes are nothing', async () => {
    const { guest } = boot()
    expect(await guest.realpath('/../..//tmp/./../tmp/')).toBe('/tmp')
    expect(await guest.realpath('../../tmp')).toBe('/tmp')
    expect(await guest.realpath('/')).toBe('/')
  })

  test('relative paths start at the working directory', async () => {
    const { guest } = boot()
    await guest.mkdir('/tmp/d')
    await guest.chdir('/tmp/d')
    expect(await guest.cwd()).toBe('/tmp/d')
    await guest.writeFile('f', 'x')
    expect(await guest.readFile('../d/f')).toBe('x')
    await expect(guest.chdir('f')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.chdir('none')).rejects.toMatchObject({
      message: "ENOENT: no such file or directory, chdir 'none'",
    })
    expect(await guest.cwd()).toBe('/tmp/d')
  })

  test('links are followed on the way, at the end where asked, and before a `..`', async () => {
    const { guest } = boot()
    await guest.mkdir('/tmp/a')
    await guest.mkdir('/tmp/a/b')
    await guest.writeFile('/tmp/a/f', 'x')
    await guest.symlink('a/b', '/tmp/l')
    await guest.symlink('/tmp/l', '/abs')
    expect(await guest.realpath('/abs/../f')).toBe('/tmp/a/f')
    expect(await guest.readlink('/tmp/l')).toBe('a/b')
    expect(await guest.stat('/tmp/l', false)).toMatchObject({ kind: 'link', size: 3 })
    expect(await guest.stat('/tmp/l')).toMatchObject({ kind: 'directory' })
    expect(await guest.stat('/tmp/l/', false)).toMatchObject({ kind: 'directory' })
    await expect(guest.readlink('/tmp/a')).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test('a link to nothing is opened for creation at its target, but not exclusively', async () => {
    const { guest } = boot()
    await guest.symlink('target', '/tmp/l')
    await expect(guest.open('/tmp/l', 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
    await guest.writeFile('/tmp/l', 'x')
    expect(await guest.readFile('/tmp/target')).toBe('x')
  })

  test('loops of links end in ELOOP', async () => {
    const { guest } = boot()
    await guest.symlink('b', '/tmp/a')
    await guest.symlink('a', '/tmp/b')
    await guest.symlink('self/x', '/tmp/self')
    await expect(guest.open('/tmp/a')).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(guest.open('/tmp/self')).rejects.toMatchObject({ code: 'ELOOP' })
    await guest.unlink('/tmp/a')
  })

  test('a slash at the end means a directory', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/f', 'x')
    for (const act of [
      guest.open('/tmp/f/'),
      guest.stat('/tmp/f/'),
      guest.stat('/tmp/f/.'),
      guest.unlink('/tmp/f/'),
      guest.open('/tmp/f/', 'w'),
    ])
      await expect(act).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.open('/tmp/new/', 'w')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.rename('/tmp/f', '/tmp/g/')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await guest.mkdir('/tmp/d/')
    await guest.rename('/tmp/d/', '/tmp/e/')
    expect(await guest.list('/tmp')).toEqual(['e', 'f'])
  })

  test('a file on the way is ENOTDIR, nothing on the way is ENOENT', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/f', 'x')
    await expect(guest.open('/tmp/f/x')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.open('/tmp/f/..')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.open('/tmp/n/x', 'w')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(guest.open('')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a failure names the call and the guest’s own spelling of the path', async () => {
    const { guest } = boot()
    await expect(guest.open('../tmp//x')).rejects.toMatchObject({
      name: 'GuestFacingError',
      code: 'ENOENT',
      message: "ENOENT: no such file or directory, open '../tmp//x'",
    })
    await expect(guest.rename('/a', '/b')).rejects.toMatchObject({
      message: "ENOENT: no such file or directory, rename '/a' -> '/b'",
    })
  })
})

describe.each([
  ['at once', false],
  ['later', true],
])('mounts whose driver answers %s', (_when, waits) => {
  test('a mount is seen at its path and in the directory above', async () => {
    const guest = mounted({ '/data/in': new MemoryDriver({ '/a.txt': 'alpha' }) }, waits)
    expect(await guest.list('/')).toEqual(['data', 'tmp'])
    expect(await guest.list('/data')).toEqual(['in'])
    expect(await guest.readFile('/data/in/a.txt')).toBe('alpha')
    expect(await guest.realpath('/data/in/../in/./a.txt')).toBe('/data/in/a.txt')
    expect(await guest.list('/data/in/../..')).toEqual(['data', 'tmp'])
    await guest.chdir('/data/in')
    expect(await guest.readFile('a.txt')).toBe('alpha')
  })

  test('everything that files can do works on a mount, and failures carry the guest’s path', async () => {
    const guest = mounted({ '/m': new MemoryDriver({ '/a': 'a' }) }, waits)
    await guest.mkdir('/m/d')
    await guest.writeFile('/m/d/f', 'one')
    await guest.rename('/m/d/f', '/m/g')
    const fd = await guest.open('/m/g', 'a')
    await guest.write(fd, ' two')
    expect(await guest.fstat(fd)).toMatchObject({ size: 7 })
    await guest.close(fd)
    expect(await guest.readFile('/m/g')).toBe('one two')
    await guest.rmdir('/m/d')
    await guest.unlink('/m/a')
    expect(await guest.list('/m')).toEqual(['g'])
    await expect(guest.open('/m/none')).rejects.toMatchObject({
      message: "ENOENT: no such file or directory, open '/m/none'",
    })
    await expect(guest.open('/m/g/')).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(guest.open('/m/new/', 'w')).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(guest.unlink('/m/g/')).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('links of the private tree lead into a mount, and links of a mount stay in it', async () => {
    const driver = new LinkedDriver({ '/real/x': 'deep', '/top': 't' }, { alias: 'real', out: '..', root: '' })
    const guest = mounted({ '/m': driver }, waits)
    await guest.symlink('/m/alias', '/tmp/l')
    expect(await guest.readFile('/tmp/l/x')).toBe('deep')
    expect(await guest.realpath('/tmp/l/x')).toBe('/m/real/x')
    expect(await guest.readFile('/m/alias/../top')).toBe('t')
    expect(await guest.realpath('/m/root/..')).toBe('/')
    await expect(guest.open('/m/out/etc/passwd')).rejects.toMatchObject({ code: 'EACCES' })
    await expect(guest.open('/m/out/../top')).rejects.toMatchObject({ code: 'EACCES' })
  })

  test('a mount within a mount wins, also behind a link of the outer one', async () => {
    const outer = new LinkedDriver({ '/sub/x': 'outer', '/y': 'y' }, { alias: 'sub' })
    const guest = mounted({ '/m': outer, '/m/sub': new MemoryDriver({ '/x': 'inner' }) }, waits)
    expect(await guest.readFile('/m/sub/x')).toBe('inner')
    expect(await guest.readFile('/m/alias/x')).toBe('inner')
    expect(await guest.readFile('/m/sub/../y')).toBe('y')
    expect(await guest.list('/m')).toEqual(['sub', 'y'])
    await expect(guest.rename('/m/sub/x', '/m/z')).rejects.toMatchObject({ code: 'EXDEV' })
  })

  test('a mount of the root takes everything', async () => {
    const guest = mounted({ '/': new MemoryDriver({ '/etc/x': 'mine' }) }, waits)
    expect(await guest.readFile('/../etc/x')).toBe('mine')
    expect(await guest.list('/')).toEqual(['etc'])
    await expect(guest.rmdir('/')).rejects.toMatchObject({ code: 'EBUSY' })
  })

  test('renames and links across mounts are EXDEV, links on mounts EPERM, mount points busy', async () => {
    const guest = mounted({ '/m': new MemoryDriver({ '/a': 'a' }), '/d/n': new MemoryDriver({ '/b': 'b' }) }, waits)
    await guest.writeFile('/tmp/p', 'p')
    for (const [from, to] of [
      ['/m/a', '/d/n/a'],
      ['/m/a', '/tmp/a'],
      ['/tmp/p', '/m/p'],
    ] as const) {
      await expect(guest.rename(from, to)).rejects.toMatchObject({ code: 'EXDEV' })
      await expect(guest.link(from, to)).rejects.toMatchObject({ code: expect.stringMatching(/EXDEV|EPERM/) })
    }
    await expect(guest.link('/m/a', '/m/c')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(guest.symlink('a', '/m/l')).rejects.toMatchObject({ code: 'EPERM' })
    for (const path of ['/m', '/d', '/d/n', '/']) {
      await expect(guest.rename(path, '/tmp/moved')).rejects.toMatchObject({ code: 'EBUSY' })
      await expect(guest.rmdir(path)).rejects.toMatchObject({ code: 'EBUSY' })
    }
    await expect(guest.rename('/tmp/p', '/m')).rejects.toMatchObject({ code: 'EBUSY' })
    await expect(guest.unlink('/m')).rejects.toMatchObject({ code: 'EBUSY' })
  })

  test('a path full of `..` cannot make the host resolve without end', async () => {
    const driver = new LinkedDriver({ '/a/b': 'x' }, {})
    const guest = mounted({ '/m': driver }, waits)
    await expect(guest.stat(`/m/${'a/../'.repeat(800)}`)).rejects.toMatchObject({ code: 'ELOOP' })
    expect(driver.asked).toBeLessThanOrEqual(41)
  })
})

test('mounts that cannot be are refused with their path', () => {
  for (const mounts of [['data'], ['/a', '/a/'], ['/a/../b'], ['/\0']])
    expect(() => boot({ mounts })).toThrow(expect.objectContaining({ code: 'TOKA_REQUEST_INVALID' }))
})
