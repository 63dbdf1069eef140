/** Hostile arguments of host calls: refused by name, nothing half-done. */
import { describe, expect, test } from 'vitest'
import { FileTree } from '../../src/kernel/files.ts'
import { Kernel } from '../../src/kernel/kernel.ts'
import { OpenBit, Operation } from '../../src/kernel/operations.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { boot, bytes, concat, mountPort, port, text, u32 } from '../unit/kernel-guest.ts'

/** A generator of numbers that is the same on every machine (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('arguments made to break the border', () => {
  test('random arguments to every operation answer bytes or an error meant for guests, and nothing else', async () => {
    const { kernel } = boot({ limits: { fileBytes: 2 ** 20 }, process: { stdin: 'in' } })
    const next = numbers(42)
    const operations = Object.values(Operation)
    for (let round = 0; round < 5_000; round++) {
      const operation = operations[Math.floor(next() * operations.length)] as number
      const argument = Uint8Array.from({ length: Math.floor(next() * 24) }, () =>
        next() < 0.5 ? Math.floor(next() * 4) : Math.floor(next() * 256),
      )
      try {
        const answer = kernel.process.call(operation, argument)
        if (answer instanceof Promise) answer.catch(() => {})
        else expect(answer).toBeInstanceOf(Uint8Array)
      } catch (error) {
        expect(error).toMatchObject({ name: 'GuestFacingError' })
      }
    }
    kernel.dispose()
  })

  test('paths that are no UTF-8, or hold a NUL, are refused and never replaced', async () => {
    const { guest } = boot()
    const open = (path: Uint8Array): Promise<Uint8Array> =>
      guest.call(Operation.PathOpen, concat(u32(OpenBit.write | OpenBit.create), path))
    for (const path of [
      [0x2f, 0xff],
      [0x2f, 0xc0, 0xaf],
      [0x2f, 0xed, 0xa0, 0x80],
      [0x2f, 0xc3],
    ])
      await expect(open(Uint8Array.from(path))).rejects.toMatchObject({ code: 'EILSEQ' })
    await expect(open(bytes('/tmp/a\0.txt'))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(guest.rename('/tmp/a\0', '/b')).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await guest.list('/')).toEqual(['tmp'])
  })

  test('case and Unicode forms are different names', async () => {
    const { guest } = boot()
    for (const name of ['e\u0301', '\u00e9', 'A', 'a', 'ﬁ', 'fi', '\u2024\u2024', 'a\\b', 'a:b', ' ', '...'])
      await guest.writeFile(`/tmp/${name}`, name)
    expect(await guest.list('/tmp')).toHaveLength(11)
    expect(await guest.readFile('/tmp/e\u0301')).toBe('e\u0301')
  })

  test('names of Object.prototype are names like others', async () => {
    const { guest } = boot()
    for (const name of ['__proto__', 'constructor', 'toString']) {
      await expect(guest.open(`/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
      await guest.mkdir(`/${name}`)
      await guest.writeFile(`/${name}/x`, name)
    }
    expect(await guest.readFile('/__proto__/x')).toBe('__proto__')
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  test('intents that contradict themselves are EINVAL and touch nothing', async () => {
    const { guest } = boot()
    await guest.writeFile('/tmp/a', 'kept')
    const { read, write, create, exclusive, truncate, append } = OpenBit
    for (const bits of [
      0,
      create,
      read | truncate,
      read | create,
      read | append,
      write | exclusive,
      write | 64,
      2 ** 32 - 1,
    ])
      await expect(guest.open('/tmp/a', bits)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await guest.readFile('/tmp/a')).toBe('kept')
  })
})

describe('memory that changes after the call', () => {
  test('what a guest wrote is what it passed, whatever it stores there later', async () => {
    const { kernel, guest } = boot()
    const argument = concat(u32(1), bytes('checked'))
    kernel.process.call(Operation.FdWrite, argument)
    argument.fill(0)
    expect(kernel.process.stdout.text()).toBe('checked')
    const answer = await guest.call(Operation.ToolList)
    answer.fill(0)
    expect(await guest.call(Operation.ToolList)).toEqual(encodeValue([]))
  })

  test('a slow mount and a slow tool get the bytes of the moment of the call', async () => {
    const written: string[] = []
    const file = {
      write: (_offset: number, data: Uint8Array) => Promise.resolve().then(() => written.push(text(data))),
    }
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => path, open: () => file as never }
    const callTool = async (name: string, input: Uint8Array): Promise<Uint8Array> => {
      await Promise.resolve()
      written.push(`${name} ${input.length} ${input[0]}`)
      return input
    }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files, callTool }) })
    const fd = await guest.open('/m/x', 'w')
    const write = concat(u32(fd), bytes('first'))
    const tool = concat(u32(1), bytes('t'), encodeValue(7))
    const calls = [kernel.process.call(Operation.FdWrite, write), kernel.process.call(Operation.ToolCall, tool)]
    write.fill(0x21)
    tool.fill(0x21)
    await Promise.all(calls)
    expect(written.sort()).toEqual(['first', 't 1 7'])
  })

  test('a read answers a copy: the file cannot be changed through it', async () => {
    const { guest, kernel } = boot()
    await guest.writeFile('/tmp/a', 'abc')
    const fd = await guest.open('/tmp/a')
    const answer = kernel.process.call(Operation.FdRead, concat(u32(fd, 3), new Uint8Array(8))) as Uint8Array
    answer.fill(0)
    expect(await guest.readFile('/tmp/a')).toBe('abc')
  })
})

describe('races between calls that wait', () => {
  test('a directory removed while a rename into it was resolving gets no entry', async () => {
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => gate.then(() => path) }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files }) })
    await guest.mkdir('/tmp/d')
    await guest.writeFile('/tmp/a', 'a')
    const renaming = guest.rename('/tmp/a', '/m/x/../../tmp/d/a')
    await guest.rmdir('/tmp/d')
    release()
    await expect(renaming).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await guest.readFile('/tmp/a')).toBe('a')
    expect(kernel.files.usage).toEqual({ bytes: 1, nodes: 3 })
  })

  test('the source of a rename that is removed while the target resolves is ENOENT, not a stale file brought back', async () => {
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => gate.then(() => path) }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files }) })
    await guest.writeFile('/tmp/a', 'secret')
    const renaming = guest.rename('/tmp/a', '/m/x/../../tmp/b')
    const linking = guest.link('/tmp/a', '/m/x/../../tmp/c')
    await guest.unlink('/tmp/a')
    release()
    await expect(renaming).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(linking).rejects.toMatchObject({ code: 'ENOENT' })
    expect(kernel.files.usage.bytes).toBe(0)
  })
})

describe('images that were tampered with', () => {
  const source = (): FileTree => {
    const files = new FileTree(DEFAULT_LIMITS)
    files.put('/a/b', 'content')
    files.put('/c', 'more')
    return files
  }

  test('every byte changed in every bit is refused, or restores a tree whose counts are right', () => {
    const image = source().serialize()
    for (let at = 0; at < image.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = image.slice()
        changed[at] = (changed[at] as number) ^ (1 << bit)
        let tree: FileTree
        try {
          tree = FileTree.restore(changed, DEFAULT_LIMITS)
        } catch (error) {
          expect(error).toMatchObject({ name: 'TokaError', code: 'TOKA_IMAGE_INVALID' })
          continue
        }
        expect(FileTree.restore(tree.serialize(), DEFAULT_LIMITS).usage).toEqual(tree.usage)
      }
    }
  })

  const row = (kind: number, inode: number, content: unknown): unknown[] => [kind, inode, 0, 0, 0, content]
  test.each<[string, unknown[]]>([
    ['a directory that holds itself', [row(0, 1, [['a', 0]])]],
    [
      'a directory with two parents',
      [
        row(0, 1, [
          ['a', 1],
          ['b', 1],
        ]),
        row(0, 2, []),
      ],
    ],
    ['a row that nothing names', [row(0, 1, []), row(1, 2, new Uint8Array(1))]],
    ['a name with a slash', [row(0, 1, [['../x', 1]]), row(1, 2, new Uint8Array(1))]],
    ['a name that is ..', [row(0, 1, [['..', 1]]), row(1, 2, new Uint8Array(1))]],
    [
      'a name twice',
      [
        row(0, 1, [
          ['a', 1],
          ['a', 2],
        ]),
        row(1, 2, new Uint8Array(1)),
        row(1, 3, new Uint8Array(1)),
      ],
    ],
    [
      'an inode twice',
      [
        row(0, 1, [
          ['a', 1],
          ['b', 2],
        ]),
        row(1, 2, new Uint8Array(1)),
        row(1, 2, new Uint8Array(1)),
      ],
    ],
    ['an inode to come', [row(0, 1, [['a', 1]]), row(1, 99, new Uint8Array(1))]],
    ['a root that is a file', [row(1, 1, new Uint8Array(1))]],
    ['a link with a NUL', [row(0, 1, [['a', 1]]), row(2, 2, 'x\0')]],
    ['an unknown kind', [row(0, 1, [['a', 1]]), row(7, 2, 'x')]],
    ['a row that is missing', [row(0, 1, [['a', 5]])]],
    ['no rows', []],
    ['a time that is none', [[0, 1, Number.NaN, 0, 0, []]]],
  ])('%s is refused', (_what, rows) => {
    const image = encodeValue([1, 50, rows])
    expect(() => FileTree.restore(image, DEFAULT_LIMITS)).toThrow(
      expect.objectContaining({ code: 'TOKA_IMAGE_INVALID' }),
    )
  })

  test('a tree deeper than paths can be is refused, without a deep recursion', () => {
    const rows = Array.from({ length: 5_000 }, (_, index) => row(0, index + 1, index < 4_999 ? [['d', index + 1]] : []))
    const image = encodeValue([1, 9_999, rows], { structuredBytes: 2 ** 22 })
    expect(() => FileTree.restore(image, DEFAULT_LIMITS)).toThrow(
      expect.objectContaining({ code: 'TOKA_IMAGE_INVALID' }),
    )
  })

  test('kernel states that are none are refused', () => {
    const files = source().serialize()
    for (const state of [
      [2, '/', 0, undefined, files],
      [1, 'relative', 0, undefined, files],
      [1, '/', -1, undefined, files],
      [1, '/', Number.POSITIVE_INFINITY, undefined, files],
      [1, '/', 0, new Uint8Array(3), files],
      [1, '/', 0, undefined, 'files'],
      'x',
      [],
    ])
      expect(() => Kernel.restore(encodeValue(state), { port: port(), limits: DEFAULT_LIMITS })).toThrow(
        expect.objectContaining({ code: 'TOKA_IMAGE_INVALID' }),
      )
  })
})
