// The threat: a guest that makes the host hold more, or work longer in one call, than its limits say.
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/host/memory.ts'
import { Clock } from '../../src/kernel/clock.ts'
import { FileTree } from '../../src/kernel/files.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { BORDER, DEFAULT_LIMITS } from '../../src/limits.ts'
import { boot, bytes, concat, mountPort, port, text, u32 } from '../unit/kernel-guest.ts'

const KiB = 1_024

describe('files', () => {
  test('bytes: a write beyond limits.fileBytes is ENOSPC and changes nothing', async () => {
    const { guest, kernel } = boot({ limits: { fileBytes: 10 } })
    const fd = await guest.open('/tmp/a', 'w')
    await guest.write(fd, '12345678')
    await expect(guest.write(fd, 'abc')).rejects.toMatchObject({ code: 'ENOSPC' })
    await expect(guest.truncate(fd, 11)).rejects.toMatchObject({ code: 'ENOSPC' })
    await expect(guest.truncate(fd, Number.MAX_SAFE_INTEGER)).rejects.toMatchObject({ code: 'ENOSPC' })
    await guest.truncate(fd, 10)
    expect(kernel.files.usage.bytes).toBe(10)
    expect(await guest.readFile('/tmp/a')).toBe('12345678\0\0')
  })

  test('bytes: unlinked files count while they are open, and sizes are no numbers to play with', async () => {
    const { guest } = boot({ limits: { fileBytes: 10 } })
    const fd = await guest.open('/tmp/a', 'w')
    await guest.write(fd, '12345678')
    await guest.unlink('/tmp/a')
    await expect(guest.writeFile('/tmp/b', '12345')).rejects.toMatchObject({ code: 'ENOSPC' })
    await guest.close(fd)
    await guest.writeFile('/tmp/b', '1234567890')
    const other = await guest.open('/tmp/b', 'r+')
    for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
      await expect(guest.truncate(other, size)).rejects.toMatchObject({ code: 'EINVAL' })
    for (const offset of [-2, 0.5, Number.NaN, 2 ** 60])
      await expect(guest.read(other, 1, offset)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await guest.read(other, 1, 2 ** 52)).toBe('')
  })

  test('bytes: targets of links count', async () => {
    const { guest, kernel } = boot({ limits: { fileBytes: 10 } })
    await guest.symlink('12345678', '/tmp/l')
    await expect(guest.symlink('abc', '/tmp/m')).rejects.toMatchObject({ code: 'ENOSPC' })
    await guest.unlink('/tmp/l')
    expect(kernel.files.usage.bytes).toBe(0)
  })

  test('nodes: files, directories, links and second names count, and count no more once removed', async () => {
    const { guest, kernel } = boot({ limits: { fileNodes: 5 } })
    await guest.writeFile('/tmp/a', '')
    await guest.mkdir('/tmp/d')
    await guest.symlink('x', '/tmp/l')
    await guest.link('/tmp/a', '/tmp/b')
    for (const act of [
      guest.writeFile('/tmp/c', ''),
      guest.mkdir('/tmp/c'),
      guest.symlink('x', '/tmp/c'),
      guest.link('/tmp/a', '/tmp/c'),
    ])
      await expect(act).rejects.toMatchObject({ code: 'ENOSPC' })
    await guest.rename('/tmp/a', '/tmp/c')
    await guest.unlink('/tmp/b')
    await guest.mkdir('/tmp/e')
    expect(kernel.files.usage.nodes).toBe(5)
  })

  test('the host’s own files count as well: too many are TOKA_LIMIT_FILES', () => {
    const files = new FileTree({ fileBytes: 10, fileNodes: 3 })
    files.put('/a/b', '12345')
    expect(() => files.put('/a/c', '123456')).toThrow(expect.objectContaining({ code: 'TOKA_LIMIT_FILES' }))
    expect(() => files.put('/x/y', '')).toThrow(expect.objectContaining({ code: 'TOKA_LIMIT_FILES' }))
    expect(() => new MemoryDriver({ '/a': '123' }, { fileBytes: 2, fileNodes: 5 })).toThrow(
      expect.objectContaining({ code: 'TOKA_LIMIT_FILES' }),
    )
  })

  test('small appends cost the host no more than twice the file', async () => {
    const { guest, kernel } = boot()
    const fd = await guest.open('/tmp/a', 'a')
    const piece = new Uint8Array(1_000)
    for (let count = 0; count < 300; count++) await guest.write(fd, piece)
    const tmp = kernel.files.lookup(kernel.files.root, 'tmp')
    const file = tmp?.kind === 'directory' ? kernel.files.lookup(tmp, 'a') : undefined
    expect(file?.kind === 'file' && file.data.length <= 2 * file.size).toBe(true)
  })
})

describe('paths', () => {
  test('4,096 bytes pass the border, one more is refused before it is decoded', async () => {
    const { guest } = boot()
    const longest = `/tmp${'/'.repeat(BORDER.pathBytes - 4)}`
    expect(await guest.realpath(longest)).toBe('/tmp')
    await expect(guest.realpath(`${longest}/`)).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    const start = performance.now()
    await expect(guest.call(Operation.PathReal, new Uint8Array(64 * 2 ** 20))).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    })
    expect(performance.now() - start).toBeLessThan(50)
    await expect(guest.symlink('é'.repeat(2_049), '/tmp/l')).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  })

  test('names have 255 bytes, whatever their characters', async () => {
    const { guest } = boot()
    await guest.writeFile(`/tmp/${'é'.repeat(127)}`, '')
    await guest.writeFile(`/tmp/${'x'.repeat(255)}`, '')
    for (const name of ['é'.repeat(128), 'x'.repeat(256), '\u{1F600}'.repeat(64)])
      await expect(guest.writeFile(`/tmp/${name}`, '')).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  })

  test('paths are 128 names deep, by the working directory and by renames too', async () => {
    const { guest } = boot()
    await guest.chdir('/')
    for (let depth = 0; depth < BORDER.pathDepth; depth++) {
      await guest.mkdir('d')
      await guest.chdir('d')
    }
    await expect(guest.mkdir('d')).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    await guest.mkdir('/e')
    await expect(guest.rename('/d', '/e/d')).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    await guest.chdir('/')
    await guest.rename('/d', '/f')
  })

  test('links are followed forty times in one path, however they are arranged', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/0', 'end')
    for (let index = 1; index <= 41; index++) await guest.symlink(`${index - 1}`, `/tmp/${index}`)
    expect(await guest.readFile('/tmp/40')).toBe('end')
    await expect(guest.open('/tmp/41')).rejects.toMatchObject({ code: 'ELOOP' })
    await guest.symlink('.', '/tmp/here')
    await expect(guest.stat(`/tmp/${'here/'.repeat(41)}0`)).rejects.toMatchObject({ code: 'ELOOP' })
  })

  test('the worst path is resolved in a few milliseconds', async () => {
    const { guest } = boot()
    await guest.mkdir('/tmp/a')
    const long = `${'a/../'.repeat(800)}a`
    await guest.symlink(long, '/tmp/l')
    const path = `/tmp/${'l/../'.repeat(39)}l/${'/'.repeat(3_000)}`
    const start = performance.now()
    await guest.stat(path).catch(() => {})
    expect(performance.now() - start).toBeLessThan(250)
  })

  test('a directory of any size is listed in pages', async () => {
    const { guest } = boot({ limits: { fileNodes: 3_000 } })
    const names = Array.from({ length: 2_500 }, (_, index) => `${index}`.padStart(100, '0'))
    for (const name of names) await guest.writeFile(`/tmp/${name}`, '')
    const listed: string[] = []
    let cursor = 0
    for (let pages = 0; cursor >= 0; pages++) {
      const [entries, next] = await guest.page('/tmp', cursor)
      expect(entries.length).toBeLessThanOrEqual(BORDER.directoryEntries)
      listed.push(...entries.map(([name]) => name))
      cursor = next
      expect(pages).toBeLessThan(4)
    }
    expect(listed).toEqual(names)
    expect(await guest.page('/tmp', 10_000)).toEqual([[], -1])
    await expect(guest.page('/tmp', -1)).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('descriptors', () => {
  test('no more than limits.descriptors are open, streams counted, and a failed open takes none', async () => {
    const { guest, kernel } = boot({ limits: { descriptors: 6 } })
    for (let count = 0; count < 10; count++) await guest.open('/tmp/none').catch(() => {})
    for (let count = 3; count < 6; count++) await guest.open('/tmp')
    await expect(guest.open('/tmp/new', 'w')).rejects.toMatchObject({ code: 'EMFILE' })
    await expect(guest.stat('/tmp/new')).rejects.toMatchObject({ code: 'ENOENT' })
    await guest.close(4)
    expect(await guest.open('/tmp/new', 'w')).toBe(4)
    expect(kernel.process.descriptors.open).toBe(6)
  })

  test('opens that wait for a slow mount cannot pass the limit together', async () => {
    const driver = new MemoryDriver({ '/x': 'x' })
    const { guest, kernel } = boot({
      limits: { descriptors: 6 },
      mounts: ['/m'],
      port: port({ files: mountPort([driver], true) }),
    })
    const opened = await Promise.allSettled(Array.from({ length: 20 }, () => guest.open('/m/x')))
    expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(kernel.process.descriptors.open).toBe(6)
  })
})

describe('output', () => {
  test('what comes after limits.outputBytes is dropped, the guest goes on, each stream for itself', async () => {
    const heard: number[] = []
    const { guest, kernel } = boot({
      limits: { outputBytes: 10 },
      process: { onOutput: (_stream, piece) => heard.push(piece.length) },
    })
    expect(await guest.write(1, '12345678')).toBe(8)
    expect(await guest.write(1, 'abcdef')).toBe(6)
    expect(await guest.write(1, 'more')).toBe(4)
    expect(await guest.write(2, 'err')).toBe(3)
    const { stdout, stderr } = kernel.process
    expect([stdout.text(), stdout.truncated, stdout.total]).toEqual(['12345678ab', true, 18])
    expect([stderr.text(), stderr.truncated]).toEqual(['err', false])
    expect(heard).toEqual([8, 2, 3])
  })

  test('exactly the limit is not truncated', async () => {
    const { guest, kernel } = boot({ limits: { outputBytes: 4 } })
    await guest.write(1, 'abcd')
    expect(kernel.process.stdout.truncated).toBe(false)
  })

  test('a flood of single bytes costs what it keeps', async () => {
    const { kernel } = boot({ limits: { outputBytes: 64 * KiB } })
    const one = concat(u32(1), bytes('x'))
    const start = performance.now()
    for (let count = 0; count < 200_000; count++) kernel.process.call(Operation.FdWrite, one)
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(kernel.process.stdout.bytes()).toHaveLength(64 * KiB)
  })
})

describe('one call', () => {
  test('moves at most 256 KiB, and says how much', async () => {
    const { guest } = boot()
    const fd = await guest.open('/tmp/a', 'w')
    expect(await guest.write(fd, new Uint8Array(BORDER.transferBytes + 1))).toBe(BORDER.transferBytes)
    const reader = await guest.open('/tmp/a')
    expect(await guest.read(reader, 2 ** 31)).toHaveLength(BORDER.transferBytes)
  })

  test('gives at most 64 KiB of random bytes', async () => {
    const { guest } = boot()
    expect(await guest.random(BORDER.randomBytes)).toHaveLength(BORDER.randomBytes)
    for (const length of [BORDER.randomBytes + 1, 2 ** 32 - 1])
      await expect(guest.random(length)).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test('takes an argument of a tool up to limits.flatBytes', async () => {
    let called = 0
    const callTool = (): Uint8Array => {
      called++
      return encodeValue(null)
    }
    const { guest } = boot({ limits: { flatBytes: 2_000, structuredBytes: 1_000 }, port: port({ callTool }) })
    await guest.tool('t', 'x'.repeat(1_900))
    await expect(guest.tool('t', 'x'.repeat(2_001))).rejects.toMatchObject({ code: 'TOKA_VALUE_SIZE' })
    expect(called).toBe(1)
  })

  test('a length that points beyond the argument is EINVAL', async () => {
    const { guest } = boot()
    for (const length of [4, 2 ** 31, 2 ** 32 - 1])
      await expect(guest.call(Operation.ToolCall, concat(u32(length), bytes('abc')))).rejects.toMatchObject({
        code: 'EINVAL',
      })
    await expect(guest.call(Operation.PathRename, encodeValue([['/a'], '/b']))).rejects.toMatchObject({
      code: 'EINVAL',
    })
    await expect(guest.call(Operation.PathRename, encodeValue(['/a', '/b', '/c']))).rejects.toMatchObject({
      code: 'EINVAL',
    })
    await expect(guest.call(Operation.PathRename, bytes('not a value'))).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('calls under way', () => {
  test('no more than limits.concurrentCalls tools at once; the rest of the kernel still answers', async () => {
    const release: (() => void)[] = []
    const callTool = (): Promise<Uint8Array> => new Promise((resolve) => release.push(() => resolve(encodeValue(1))))
    const { guest } = boot({ limits: { concurrentCalls: 2 }, port: port({ callTool }) })
    const calls = [guest.tool('a', 1), guest.tool('b', 1)]
    await expect(guest.tool('c', 1)).rejects.toMatchObject({ code: 'EAGAIN' })
    expect(await guest.write(1, 'still')).toBe(5)
    for (const one of release) one()
    expect(await Promise.all(calls)).toEqual([1, 1])
    const next = guest.tool('d', 1)
    release.at(-1)?.()
    expect(await next).toBe(1)
  })

  test('sleeps have a limit of their own, and give it back', async () => {
    const { guest, kernel } = boot()
    const sleeps = Array.from({ length: 4_096 }, () => guest.sleep(60_000).catch((error: Error) => error))
    await expect(guest.sleep(1)).rejects.toMatchObject({ code: 'EAGAIN' })
    expect(await guest.write(1, 'x')).toBe(1)
    kernel.process.end()
    await Promise.all(sleeps)
    kernel.process.begin()
    await guest.sleep(0)
    expect(kernel.process.waiting).toBe(0)
  })
})

test('a thousand sleeps put one listener on the signal: Node would warn the host of more than ten', async () => {
  const stop = new AbortController()
  let listeners = 0
  const add = stop.signal.addEventListener.bind(stop.signal)
  stop.signal.addEventListener = (...args: Parameters<typeof add>): void => {
    listeners++
    add(...args)
  }
  const clock = new Clock()
  const sleeps = Array.from({ length: 1_000 }, () =>
    clock.sleep(60_000, stop.signal).catch((error: Error) => error.message),
  )
  await clock.sleep(0, stop.signal)
  stop.abort()
  expect(new Set(await Promise.all(sleeps))).toEqual(new Set(['ECANCELED: operation canceled']))
  expect(listeners).toBe(1)
})

test('a limit of a restored tree is kept', () => {
  const files = new FileTree(DEFAULT_LIMITS)
  files.put('/a', '12345')
  files.put('/b', '')
  expect(() => FileTree.restore(files.serialize(), { fileBytes: 4, fileNodes: 9 })).toThrow(
    expect.objectContaining({ code: 'TOKA_LIMIT_FILES' }),
  )
  expect(() => FileTree.restore(files.serialize(), { fileBytes: 9, fileNodes: 1 })).toThrow(
    expect.objectContaining({ code: 'TOKA_LIMIT_FILES' }),
  )
  expect(text(FileTree.restore(files.serialize(), { fileBytes: 5, fileNodes: 2 }).get('/a') as Uint8Array)).toBe(
    '12345',
  )
})
