/** System calls of an Emscripten guest: hostile pointers and numbers in, an errno out, and nothing touched after a run. */
import { describe, expect, it } from 'vitest'
import { EmscriptenSyscalls } from '../../src/kernel/emscripten.ts'
import type { KernelOptions } from '../../src/kernel/kernel.ts'
import { sealFiles } from '../../src/kernel/sealed-files.ts'
import { boot, bytes, text } from './kernel-guest.ts'

const ERRNO = { EBADF: 8, EFAULT: 21, EINVAL: 28, EMFILE: 33, ENAMETOOLONG: 37, ENOTDIR: 54, EROFS: 69, ESPIPE: 70 }
const AT_CWD = -100
const PATH = 1_024
const OUT = 8_192
const END = 65_536

function makeGuest(options: Parameters<typeof boot>[0] = {}, pending?: number) {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const { kernel } = boot(options)
  const calls = new EmscriptenSyscalls(() => memory, { pending, settle: (answer) => answer, made: () => {} })
  calls.bind(kernel.process)
  const all = { ...calls.env, ...calls.wasi } as Record<string, (...args: unknown[]) => number>
  const put = (value: string, at = PATH): number => {
    new Uint8Array(memory.buffer).set(bytes(`${value}\0`), at)
    return at
  }
  const call = (name: string, ...args: unknown[]): number => {
    const found = all[name]
    if (!found) throw new Error(`no system call ${name}`)
    return found(...args)
  }
  const open = (path: string, flags = 0): number => call('__syscall_openat', AT_CWD, put(path), flags, 0)
  /** One buffer at OUT + 64. */
  const vector = (length: number, pointer = OUT + 64): number => {
    const view = new DataView(memory.buffer)
    view.setUint32(OUT, pointer, true)
    view.setUint32(OUT + 4, length, true)
    return OUT
  }
  return { memory, kernel, calls, call, open, put, vector }
}

const CREATE = 0o102

describe('what a guest says is checked', () => {
  it('pointers that reach outside the memory are EFAULT, and nothing happens', () => {
    const { call, open, vector, kernel } = makeGuest()
    const fd = open('/tmp/a', CREATE)
    expect(fd).toBeGreaterThan(2)
    for (const pointer of [END, END - 4, -1, 0xffff_fff0]) {
      expect(call('__syscall_fstat64', fd, pointer)).toBe(-ERRNO.EFAULT)
      expect(call('fd_write', fd, vector(100, pointer), 1, OUT + 16)).toBe(ERRNO.EFAULT)
      expect(call('fd_read', fd, vector(100, pointer), 1, OUT + 16)).toBe(ERRNO.EFAULT)
      expect(call('clock_time_get', 0, 0n, pointer)).toBe(ERRNO.EFAULT)
      expect(call('random_get', pointer, 100)).toBe(ERRNO.EFAULT)
      expect(call('__syscall_pipe', pointer)).toBe(-ERRNO.EFAULT)
    }
    expect(kernel.files.get('/tmp/a')?.length).toBe(0)
    expect(kernel.process.descriptors.open).toBe(4)
  })

  it('a path without an end is refused before it is read whole', () => {
    const { call, memory } = makeGuest()
    new Uint8Array(memory.buffer).fill(0x61)
    expect(call('__syscall_stat64', 0, OUT)).toBe(-ERRNO.ENAMETOOLONG)
    expect(call('__syscall_stat64', END - 10, OUT)).toBe(-ERRNO.EFAULT)
  })

  it('too many buffers, offsets below zero and lengths beyond the bound', () => {
    const { call, open, vector } = makeGuest()
    const fd = open('/tmp/a', CREATE)
    expect(call('fd_write', fd, vector(1), 1_025, OUT + 16)).toBe(ERRNO.EINVAL)
    expect(call('fd_pread', fd, vector(1), 1, -1n, OUT + 16)).toBe(ERRNO.EINVAL)
    expect(call('__syscall_ftruncate64', fd, -1n)).toBe(-ERRNO.EINVAL)
    expect(call('fd_seek', fd, -5n, 0, OUT)).toBe(ERRNO.EINVAL)
    expect(call('fd_seek', 1, 0n, 0, OUT)).toBe(ERRNO.ESPIPE)
    expect(call('random_get', 0, 65_537)).toBe(ERRNO.EINVAL)
    expect(call('__syscall_poll', 0, 10_000, 0)).toBe(-ERRNO.EINVAL)
    expect(call('__syscall_fstat64', 77, OUT)).toBe(-ERRNO.EBADF)
  })

  it('a file is no directory to resolve beside', () => {
    const { call, open, put } = makeGuest()
    const fd = open('/tmp/a', CREATE)
    expect(call('__syscall_newfstatat', fd, put('b'), OUT, 0)).toBe(-ERRNO.ENOTDIR)
    expect(open('/tmp/a', 0o200000)).toBe(-ERRNO.ENOTDIR)
  })
})

describe('descriptors', () => {
  it('duplicates share a position, and the file is closed with the last of them', () => {
    const { call, open, vector, memory, kernel } = makeGuest()
    const fd = open('/tmp/a', CREATE)
    const copy = call('__syscall_dup', fd)
    new Uint8Array(memory.buffer).set(bytes('hello'), OUT + 64)
    expect(call('fd_write', fd, vector(5), 1, OUT + 16)).toBe(0)
    expect(call('fd_close', fd)).toBe(0)
    expect(call('fd_write', copy, vector(5), 1, OUT + 16)).toBe(0)
    expect(text(kernel.files.get('/tmp/a') as Uint8Array)).toBe('hellohello')
    expect(call('__syscall_dup3', copy, 10, 0)).toBe(10)
    expect(call('fd_close', copy)).toBe(0)
    expect(call('fd_close', 10)).toBe(0)
    expect(call('fd_close', 10)).toBe(ERRNO.EBADF)
    expect(call('__syscall_dup3', 1, 100_000, 0)).toBe(-ERRNO.EBADF)
  })

  it('there are no more of them than the limit allows, by whatever way', () => {
    const limits = { descriptors: 5 }
    const { call, open } = makeGuest({ limits } as KernelOptions & Parameters<typeof boot>[0])
    expect(open('/tmp/a', CREATE)).toBe(3)
    expect(call('__syscall_pipe', OUT)).toBe(-ERRNO.EMFILE)
    expect(call('__syscall_dup', 1)).toBe(4)
    expect(call('__syscall_dup', 1)).toBe(-ERRNO.EMFILE)
  })

  it('a file that cannot be cut to a size by its path is closed all the same', () => {
    const { call, open, put, kernel } = makeGuest()
    call('fd_close', open('/tmp/a', CREATE))
    for (const size of [2n ** 50n, -1n]) expect(call('__syscall_truncate64', put('/tmp/a'), size)).toBeLessThan(0)
    expect(kernel.process.descriptors.open).toBe(3)
  })

  it('no number is beyond those that there can be, so that closing all of them ends', () => {
    const { call, kernel, memory } = makeGuest()
    const duplicateFrom = (least: number): number => {
      new DataView(memory.buffer).setUint32(OUT, least, true)
      return call('__syscall_fcntl64', 1, 0, OUT)
    }
    expect(duplicateFrom(20)).toBe(20)
    for (const least of [100_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) expect(duplicateFrom(least)).toBe(-ERRNO.EINVAL)
    const begun = performance.now()
    kernel.process.descriptors.closeFrom(0)
    expect(performance.now() - begun).toBeLessThan(2_000)
  })
})

describe('files of an image', () => {
  const nodes = sealFiles({ 'lib.zip': bytes('library'), 'd/x': bytes('x') }, 0)

  it('are read, and neither written, moved nor counted', () => {
    const { call, open, put, kernel } = makeGuest()
    const before = kernel.files.usage
    kernel.files.graft('/lib', nodes)
    expect(open('/lib/lib.zip')).toBeGreaterThan(2)
    expect(open('/lib/lib.zip', 1)).toBe(-ERRNO.EROFS)
    expect(open('/lib/d/new', CREATE)).toBe(-ERRNO.EROFS)
    expect(call('__syscall_unlinkat', AT_CWD, put('/lib/lib.zip'), 0)).toBe(-ERRNO.EROFS)
    expect(call('__syscall_renameat', AT_CWD, put('/lib/d'), AT_CWD, put('/tmp/d', PATH + 100))).toBe(-ERRNO.EROFS)
    expect(kernel.files.usage).toEqual({ bytes: before.bytes, nodes: before.nodes + 1 })
    expect(kernel.files.changedFiles()).toEqual([])
  })

  it('are in a fork’s tree too, and in no snapshot', () => {
    const { kernel } = makeGuest()
    kernel.files.graft('/lib', nodes)
    expect(text(kernel.files.fork().get('/lib/d/x') as Uint8Array)).toBe('x')
    expect(text(kernel.files.serialize())).not.toContain('library')
  })
})

it('an answer that comes after the run touches nothing', async () => {
  const PENDING = -(2 ** 31)
  const { call, calls, memory } = makeGuest({}, PENDING)
  const view = new DataView(memory.buffer)
  // Nothing is asked of descriptor 1: the poll waits for its time.
  view.setInt32(OUT, 1, true)
  view.setUint32(OUT + 4, 0xffff_0000, true)
  expect(call('__syscall_poll', OUT, 1, 20)).toBe(PENDING)
  const waited = calls.wait()
  calls.close()
  expect(await waited).toBe(0)
  view.setUint32(OUT + 4, 0xaaaa_0000, true)
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(view.getUint32(OUT + 4, true)).toBe(0xaaaa_0000)
})
