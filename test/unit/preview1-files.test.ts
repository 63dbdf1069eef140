/** WASI preview 1 on descriptors: each function's success, each error, each right. */
import { describe, expect, test } from 'vitest'
import { PREVIEW1, type Preview1Name } from '../../src/kernel/preview1.ts'
import { Right } from '../../src/kernel/preview1-abi.ts'
import { ALL, E, Preview1World, ROOT } from '../preview1-world.ts'

const CREATE = 1
const DIRECTORY = 2
const APPEND = 1
const NONBLOCK = 4
const STDIN = 0
const STDOUT = 1
const NONE = 99

const world = (): Preview1World =>
  new Preview1World({ process: { stdin: 'input', args: ['a', 'bc'], env: { K: 'v' } } })

async function withFile(content = 'content'): Promise<{ it: Preview1World; fd: number }> {
  const it = world()
  const fd = await it.open('file', CREATE)
  await it.write(fd, content)
  await it.ok('fd_seek', fd, 0n, 0, it.out)
  return { it, fd }
}

describe('reading and writing', () => {
  test('go on from where the one before ended, and scatter over vectors', async () => {
    const { it, fd } = await withFile('abcdefghij')
    const { at, buffers } = it.vectors(2, 0, 3)
    await it.ok('fd_read', fd, at, 3, it.out)
    expect(it.view.u32(it.out)).toBe(5)
    expect([it.bytes(buffers[0] as number, 2), it.bytes(buffers[2] as number, 3)]).toEqual(['ab', 'cde'])
    expect(await it.read(fd)).toBe('fghij')
    expect(await it.read(fd)).toBe('')
  })

  test('at an offset leave the position alone', async () => {
    const { it, fd } = await withFile('abcdef')
    const { at, buffers } = it.vectors(2)
    await it.ok('fd_pread', fd, at, 1, 3n, it.out)
    expect(it.bytes(buffers[0] as number, 2)).toBe('de')
    const [text, length] = it.text('XY')
    await it.ok('fd_pwrite', fd, it.put(new Uint8Array(new Uint32Array([text, length]).buffer)), 1, 1n, it.out)
    expect(await it.read(fd)).toBe('aXYdef')
  })

  test('at the end whatever the position, with the flag to append, until it is cleared', async () => {
    const { it, fd } = await withFile('ab')
    await it.ok('fd_fdstat_set_flags', fd, APPEND)
    await it.write(fd, 'c')
    await it.ok('fd_fdstat_get', fd, 64)
    expect(it.view.u16(66)).toBe(APPEND)
    await it.ok('fd_fdstat_set_flags', fd, 0)
    await it.ok('fd_seek', fd, 0n, 0, it.out)
    await it.write(fd, 'X')
    await it.ok('fd_seek', fd, 0n, 0, it.out)
    expect(await it.read(fd)).toBe('Xbc')
  })

  test('streams are read and written, and have no position', async () => {
    const it = world()
    expect(await it.read(STDIN, 3)).toBe('inp')
    expect(await it.write(STDOUT, 'out')).toBe(3)
    expect(it.kernel.process.stdout.text()).toBe('out')
    expect(await it.call('fd_seek', STDIN, 0n, 0, it.out)).toBe(E.spipe)
    expect(await it.call('fd_tell', STDOUT, it.out)).toBe(E.spipe)
    const { at } = it.vectors(1)
    expect(await it.call('fd_pread', STDIN, at, 1, 0n, it.out)).toBe(E.spipe)
    expect(await it.call('fd_pwrite', STDOUT, at, 1, 0n, it.out)).toBe(E.spipe)
  })

  test('stdin that must not wait says so until something has come', async () => {
    let give = (_piece: string | undefined): void => {}
    const pieces = () => new Promise<string | undefined>((resolve) => (give = resolve))
    const it = new Preview1World({ process: { stdin: { pull: pieces, cancel: () => {} } } })
    await it.ok('fd_fdstat_set_flags', STDIN, NONBLOCK)
    expect(await it.read(STDIN)).toBe(-E.again)
    give('now')
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await it.read(STDIN)).toBe('now')
    expect(await it.read(STDIN)).toBe(-E.again)
  })

  test('one call moves 256 KiB at most, and at most 1,024 vectors', async () => {
    const { it, fd } = await withFile('')
    const { at } = it.vectors(300_000)
    await it.ok('fd_write', fd, at, 1, it.out)
    expect(it.view.u32(it.out)).toBe(262_144)
    const many = it.put(new Uint8Array(8 * 1_025))
    expect(await it.call('fd_read', fd, many, 1_025, it.out)).toBe(E.inval)
    expect(await it.call('fd_read', fd, many, 1_024, it.out)).toBe(E.success)
  })
})

describe('positions', () => {
  test('have 64 bits: what no file reaches is empty to read and too large to write', async () => {
    const { it, fd } = await withFile()
    const far = 2n ** 62n + 1n
    await it.ok('fd_seek', fd, far, 0, it.out)
    await it.ok('fd_tell', fd, it.out)
    expect(it.view.u64(it.out)).toBe(far)
    expect(await it.read(fd)).toBe('')
    expect(await it.write(fd, 'x')).toBe(-E.fbig)
    expect(await it.call('fd_seek', fd, 2n ** 62n, 1, it.out)).toBe(E.inval)
    expect(await it.call('fd_seek', fd, -1n, 0, it.out)).toBe(E.inval)
    expect(await it.call('fd_seek', fd, 0n, 3, it.out)).toBe(E.inval)
    await it.ok('fd_seek', fd, -3n, 2, it.out)
    expect(await it.read(fd)).toBe('ent')
  })
})

describe('sizes and times', () => {
  test('are set and told', async () => {
    const { it, fd } = await withFile('abc')
    await it.ok('fd_filestat_set_size', fd, 10n)
    await it.ok('fd_allocate', fd, 5n, 20n)
    await it.ok('fd_filestat_set_times', fd, 1_000_000_001n, 2_000_000_002n, 1 | 4)
    await it.ok('fd_filestat_get', fd, 64)
    expect([it.view.u64(96), it.view.u64(104), it.view.u64(112)]).toEqual([25n, 1_000_000_001n, 2_000_000_002n])
    await it.ok('fd_allocate', fd, 0n, 3n)
    await it.ok('fd_filestat_get', fd, 64)
    expect(it.view.u64(96)).toBe(25n)
    await it.ok('fd_sync', fd)
    await it.ok('fd_datasync', fd)
    await it.ok('fd_advise', fd, 0n, 0n, 0)
  })

  test('beyond the limit of files are refused', async () => {
    const it = new Preview1World({ limits: { fileBytes: 100 } })
    const fd = await it.open('file', CREATE)
    expect(await it.call('fd_allocate', fd, 0n, 1_000n)).toBe(E.nospc)
    expect(await it.call('fd_filestat_set_size', fd, 1_000n)).toBe(E.nospc)
    expect(await it.call('fd_filestat_set_size', fd, 2n ** 60n)).toBe(E.fbig)
  })
})

describe('numbers of descriptors', () => {
  test('are the lowest that are free, and can be given away', async () => {
    const it = world()
    const first = await it.open('given')
    const second = await it.open('given')
    expect([first, second]).toEqual([4, 5])
    await it.ok('fd_renumber', second, first)
    expect(await it.call('fd_fdstat_get', second, 64)).toBe(E.badf)
    expect(await it.read(first)).toBe('given')
    await it.ok('fd_close', first)
    expect(await it.call('fd_close', first)).toBe(E.badf)
    expect(await it.call('fd_renumber', NONE, ROOT)).toBe(E.badf)
    expect(await it.call('fd_renumber', ROOT, NONE)).toBe(E.badf)
  })

  test('are at most as many as the limit', async () => {
    const it = new Preview1World({ limits: { descriptors: 5 } })
    await it.open('given')
    expect(await it.call('path_open', ROOT, 0, 'given', 0, 0n, 0n, 0, it.out)).toBe(E.mfile)
    expect(await it.call('path_open', ROOT, 0, 'never-made', CREATE, 0n, 0n, 0, it.out)).toBe(E.mfile)
    expect(await it.stat('never-made')).toBe(-E.noent)
  })

  test('the root is open at 3 where the sandbox was given something, and nowhere else', async () => {
    const it = world()
    await it.ok('fd_prestat_get', ROOT, 64)
    expect([it.view.u8(64), it.view.u32(68)]).toEqual([0, 1])
    await it.ok('fd_prestat_dir_name', ROOT, 64, 1)
    expect(it.bytes(64, 1)).toBe('/')
    expect(await it.call('fd_prestat_dir_name', ROOT, 64, 0)).toBe(E.nametoolong)
    expect(await it.call('fd_prestat_get', STDOUT, 64)).toBe(E.badf)
    const { FileTree } = await import('../../src/kernel/files.ts')
    const files = new FileTree({ fileBytes: 1_000, fileNodes: 10 })
    files.putDirectory('/tmp')
    const bare = new Preview1World({ files })
    expect(await bare.call('fd_prestat_get', ROOT, 64)).toBe(E.badf)
  })
})

describe('errors', () => {
  const rows: [string, number, (it: Preview1World, fd: number, directory: number) => Promise<number>][] = [
    ['fd_read of a directory', E.isdir, (it, _fd, directory) => it.read(directory).then((n) => -Number(n))],
    ['fd_write to a directory', E.isdir, (it, _fd, directory) => it.write(directory, 'x').then((n) => -n)],
    ['fd_write to stdin', E.badf, (it) => it.write(STDIN, 'x').then((n) => -n)],
    ['fd_read of stdout', E.badf, (it) => it.read(STDOUT).then((n) => -Number(n))],
    ['fd_seek in a directory', E.badf, (it, _fd, directory) => it.call('fd_seek', directory, 0n, 0, it.out)],
    ['fd_tell of a directory', E.badf, (it, _fd, directory) => it.call('fd_tell', directory, it.out)],
    ['fd_advise on a directory', E.badf, (it, _fd, directory) => it.call('fd_advise', directory, 0n, 0n, 0)],
    ['fd_advise on a stream', E.spipe, (it) => it.call('fd_advise', STDIN, 0n, 0n, 0)],
    ['fd_advise of an unknown kind', E.inval, (it, fd) => it.call('fd_advise', fd, 0n, 0n, 6)],
    ['fd_advise below zero', E.inval, (it, fd) => it.call('fd_advise', fd, -1n, 0n, 0)],
    ['fd_allocate in a directory', E.badf, (it, _fd, directory) => it.call('fd_allocate', directory, 0n, 1n)],
    ['fd_allocate of nothing', E.inval, (it, fd) => it.call('fd_allocate', fd, 0n, 0n)],
    ['fd_filestat_set_size of a directory', E.badf, (it, _f, dir) => it.call('fd_filestat_set_size', dir, 0n)],
    ['fd_filestat_set_size of a stream', E.inval, (it) => it.call('fd_filestat_set_size', STDOUT, 0n)],
    ['fd_filestat_set_size below zero', E.inval, (it, fd) => it.call('fd_filestat_set_size', fd, -1n)],
    ['fd_filestat_set_times twice', E.inval, (it, fd) => it.call('fd_filestat_set_times', fd, 0n, 0n, 3)],
    ['fd_filestat_set_times of no flag', E.inval, (it, fd) => it.call('fd_filestat_set_times', fd, 0n, 0n, 16)],
    ['fd_filestat_set_times of a stream', E.badf, (it) => it.call('fd_filestat_set_times', STDIN, 0n, 0n, 1)],
    ['fd_fdstat_set_flags that are none', E.inval, (it, fd) => it.call('fd_fdstat_set_flags', fd, 32)],
    ['fd_fdstat_set_flags to sync', E.notsup, (it, fd) => it.call('fd_fdstat_set_flags', fd, 16)],
    ['fd_fdstat_set_flags of a directory', E.badf, (it, _fd, dir) => it.call('fd_fdstat_set_flags', dir, 0)],
    ['fd_fdstat_set_rights that widen', E.notcapable, (it, fd) => it.call('fd_fdstat_set_rights', fd, 2n ** 40n, 0n)],
    ['fd_readdir of a file', E.notdir, (it, fd) => it.call('fd_readdir', fd, 64, 64, 0n, it.out)],
    ['clock_time_get of an unknown clock', E.inval, (it) => it.call('clock_time_get', 4, 0n, it.out)],
    ['clock_res_get of an unknown clock', E.inval, (it) => it.call('clock_res_get', -1, it.out)],
    ['random_get of too much', E.inval, (it) => it.call('random_get', 64, 262_145)],
    ['proc_raise', E.nosys, (it) => it.call('proc_raise', 6)],
    ['sock_accept on a file', E.notsock, (it, fd) => it.call('sock_accept', fd, 0, it.out)],
    ['sock_recv on a stream', E.notsock, (it) => it.call('sock_recv', STDIN, 64, 0, 0, it.out, it.out)],
    ['sock_send on nothing', E.badf, (it) => it.call('sock_send', NONE, 64, 0, 0, it.out)],
    ['sock_shutdown on stdout', E.notsock, (it) => it.call('sock_shutdown', STDOUT, 0)],
  ]
  test.each(rows)('%s is %i', async (_what, expected, act) => {
    const { it, fd } = await withFile()
    await it.ok('path_create_directory', ROOT, 'directory')
    const directory = await it.open('directory', DIRECTORY, ALL & ~Right.fdWrite)
    expect(await act(it, fd, directory)).toBe(expected)
  })

  const withDescriptor = Object.keys(PREVIEW1).filter((name) => name.startsWith('fd_')) as Preview1Name[]
  test.each(withDescriptor)('%s of a descriptor that is none is badf', async (name) => {
    const it = world()
    const parameters = [...PREVIEW1[name]].slice(1).map((letter) => (letter === 'I' ? 0n : 0))
    expect(await it.call(name, NONE, ...parameters)).toBe(E.badf)
    expect(await it.call(name, -1, ...parameters)).toBe(E.badf)
  })
})

describe('rights', () => {
  const rows: [Preview1Name, bigint, (it: Preview1World, fd: number) => Promise<number>, number?][] = [
    ['fd_read', Right.fdRead, (it, fd) => it.read(fd).then((n) => -Number(n)), E.badf],
    ['fd_write', Right.fdWrite, (it, fd) => it.write(fd, 'x').then((n) => -n), E.badf],
    ['fd_pread', Right.fdSeek, (it, fd) => it.call('fd_pread', fd, it.vectors(1).at, 1, 0n, it.out)],
    ['fd_pwrite', Right.fdSeek, (it, fd) => it.call('fd_pwrite', fd, it.vectors(1).at, 1, 0n, it.out)],
    ['fd_seek', Right.fdSeek, (it, fd) => it.call('fd_seek', fd, 1n, 0, it.out)],
    ['fd_tell', Right.fdTell, (it, fd) => it.call('fd_tell', fd, it.out)],
    ['fd_advise', Right.fdAdvise, (it, fd) => it.call('fd_advise', fd, 0n, 0n, 0)],
    ['fd_allocate', Right.fdAllocate, (it, fd) => it.call('fd_allocate', fd, 0n, 1n)],
    ['fd_sync', Right.fdSync, (it, fd) => it.call('fd_sync', fd)],
    ['fd_datasync', Right.fdDatasync, (it, fd) => it.call('fd_datasync', fd)],
    ['fd_fdstat_set_flags', Right.fdSetFlags, (it, fd) => it.call('fd_fdstat_set_flags', fd, 0)],
    ['fd_filestat_get', Right.fdStat, (it, fd) => it.call('fd_filestat_get', fd, 64)],
    ['fd_filestat_set_size', Right.fdSetSize, (it, fd) => it.call('fd_filestat_set_size', fd, 1n)],
    ['fd_filestat_set_times', Right.fdSetTimes, (it, fd) => it.call('fd_filestat_set_times', fd, 0n, 0n, 1)],
  ]
  test.each(rows)(
    '%s needs its right, and nothing widens what was given up',
    async (_name, right, act, error = E.notcapable) => {
      const { it, fd } = await withFile()
      await it.ok('fd_fdstat_get', fd, 64)
      const whole = it.view.u64(72)
      await it.ok('fd_fdstat_set_rights', fd, whole & ~right, 0n)
      expect(await act(it, fd)).toBe(error)
      expect(await it.call('fd_fdstat_set_rights', fd, whole, 0n)).toBe(E.notcapable)
      expect(await act(it, fd)).toBe(error)
    },
  )
})

describe('what is about no file', () => {
  test('arguments and environment are told with their sizes', async () => {
    const it = world()
    await it.ok('args_sizes_get', 64, 68)
    expect([it.view.u32(64), it.view.u32(68)]).toEqual([2, 5])
    await it.ok('args_get', 64, 128)
    expect([it.bytes(it.view.u32(64), 2), it.bytes(it.view.u32(68), 3)]).toEqual(['a\0', 'bc\0'])
    await it.ok('environ_sizes_get', 64, 68)
    expect([it.view.u32(64), it.view.u32(68)]).toEqual([1, 4])
    await it.ok('environ_get', 64, 128)
    expect(it.bytes(it.view.u32(64), 4)).toBe('K=v\0')
  })

  test('clocks, randomness, yielding and exits', async () => {
    const it = world()
    await it.ok('clock_time_get', 0, 0n, it.out)
    expect(Math.abs(Number(it.view.u64(it.out)) / 1e6 - Date.now())).toBeLessThan(60_000)
    for (const clock of [1, 2, 3]) {
      await it.ok('clock_time_get', clock, 0n, it.out)
      const before = it.view.u64(it.out)
      await it.ok('clock_time_get', clock, 0n, it.out)
      expect(it.view.u64(it.out)).toBeGreaterThanOrEqual(before)
      await it.ok('clock_res_get', clock, it.out)
      expect(it.view.u64(it.out)).toBe(1_000_000n)
    }
    await it.ok('random_get', 64, 32)
    expect(it.view.copy(64, 32).some((byte) => byte !== 0)).toBe(true)
    await it.ok('sched_yield')
    await it.ok('proc_exit', 7)
    expect(it.exits).toEqual([7])
  })
})

test('nothing of a run that is over is read or written', async () => {
  const it = world()
  it.preview1.end()
  expect(await it.call('args_sizes_get', 64, 68)).toBe(11) // ECANCELED
})
