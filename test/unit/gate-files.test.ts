/** Files of mounts through the gate: what each call needs, what it charges, and that the driver is asked only after. */
import { describe, expect, test } from 'vitest'
import { codeOf, openWorld, READ, READ_WRITE, WRITE } from '../gate-world.ts'

const fs = (actions: string[], paths: string[], rest: object = {}): object => ({
  resource: 'fs',
  actions,
  paths,
  ...rest,
})
const text = (bytes: unknown): string => new TextDecoder().decode(bytes as Uint8Array)
const FILES = { 'a.txt': 'hello world', 'b.txt': 'other', dir: null, 'dir/c.txt': 'c' }

describe('what calls need', () => {
  const calls: Record<string, (port: ReturnType<typeof openWorld>['gate']['port']['files']) => unknown> = {
    stat: (files) => files.stat(0, 'a.txt'),
    list: (files) => files.list(0, 'dir'),
    readLink: (files) => files.readLink(0, 'a.txt'),
    'open to read': (files) => files.open(0, 'a.txt', READ),
    'open with nothing': (files) => files.open(0, 'a.txt', { ...READ, read: false }),
    'open to write': (files) => files.open(0, 'a.txt', WRITE),
    'open to create': (files) => files.open(0, 'new', { ...READ, read: false, create: true }),
    'open to truncate': (files) => files.open(0, 'a.txt', { ...READ, read: false, truncate: true }),
    'open to append': (files) => files.open(0, 'a.txt', { ...READ, read: false, append: true }),
    makeDirectory: (files) => files.makeDirectory(0, 'new'),
    removeFile: (files) => files.removeFile(0, 'a.txt'),
    removeDirectory: (files) => files.removeDirectory(0, 'dir'),
    rename: (files) => files.rename(0, 'a.txt', 'z.txt'),
    setTimes: (files) => files.setTimes(0, 'a.txt', 0, 0),
  }
  const reads = ['stat', 'list', 'readLink', 'open to read', 'open with nothing']

  test.each(Object.keys(calls))('%s needs its grant and no other, and asks the driver only with it', (name) => {
    const needed = reads.includes(name) ? 'read' : 'write'
    const other = needed === 'read' ? 'write' : 'read'
    const denied = openWorld({ grants: [fs([other], ['/data/**'])], files: FILES })
    expect(codeOf(() => calls[name]!(denied.gate.port.files))).toBe('EACCES')
    expect(denied.files.log).toEqual([])
    expect(denied.gate.denials[0]).toMatchObject({
      operation: `fs.${needed}`,
      reason: 'no-grant',
      allow: expect.stringContaining(`--allow 'fs.${needed}=/data/**'`),
    })
    const allowed = openWorld({ grants: [fs([needed], ['/data/**'])], files: FILES })
    expect(codeOf(() => calls[name]!(allowed.gate.port.files))).toBe(name === 'readLink' ? 'EINVAL' : 'none')
    expect(allowed.gate.denials).toEqual([])
  })

  test('a read-only mount refuses every write, whatever the grants, and none of the reads', () => {
    for (const name of Object.keys(calls)) {
      const { gate, files } = openWorld({ grants: [fs(['read', 'write'], ['/**'])], files: FILES, mode: 'ro' })
      const code = codeOf(() => calls[name]!(gate.port.files))
      if (reads.includes(name)) expect(code).not.toBe('EACCES')
      else {
        expect(code, name).toBe('EACCES')
        expect(files.log).toEqual([])
        expect(gate.denials[0]).toMatchObject({ reason: 'read-only', allow: expect.stringContaining('mode rw') })
      }
    }
  })

  test('opening for both takes both grants, and a call that one of them refuses is charged to neither', () => {
    const { gate } = openWorld({ grants: [fs(['read'], ['/data/**'], { quota: { calls: 1 } })], files: FILES })
    expect(codeOf(() => gate.port.files.open(0, 'a.txt', READ_WRITE))).toBe('EACCES')
    expect(codeOf(() => gate.port.files.open(0, 'a.txt', READ))).toBe('none')
    expect(codeOf(() => gate.port.files.open(0, 'a.txt', READ))).toBe('EACCES')
  })

  test('a denial is the same whether the file exists or not', () => {
    const { gate, files } = openWorld({ grants: [fs(['read'], ['/data/dir/**'])], files: FILES })
    for (const path of ['a.txt', 'missing', 'missing/deeper']) {
      expect(codeOf(() => gate.port.files.stat(0, path))).toBe('EACCES')
      // What is not granted is not resolved either: the answer is the question.
      expect(gate.port.files.resolve(0, path, true)).toBe(path)
    }
    expect(files.log).toEqual([])
    gate.port.files.resolve(0, 'dir/c.txt', true)
    expect(files.log).toEqual(['resolve dir/c.txt'])
  })
})

describe('moving', () => {
  test('deletes at the source and creates at the destination: both must be writable', () => {
    for (const paths of [['/data/a.txt'], ['/data/z.txt']]) {
      const { gate, files } = openWorld({ grants: [fs(['write'], paths)], files: FILES })
      expect(codeOf(() => gate.port.files.rename(0, 'a.txt', 'z.txt'))).toBe('EACCES')
      expect(files.log).toEqual([])
    }
    const { gate, files } = openWorld({ grants: [fs(['write'], ['/data/a.txt', '/data/z.txt'])], files: FILES })
    gate.port.files.rename(0, 'a.txt', 'z.txt')
    expect(files.log).toEqual(['stat a.txt', 'rename a.txt'])
  })

  test('what may not be read cannot be moved to where it may', () => {
    const grants = [fs(['write'], ['/data/**']), fs(['read'], ['/data/dir/**'])]
    const { gate, files } = openWorld({ grants, files: FILES })
    expect(codeOf(() => gate.port.files.rename(0, 'a.txt', 'dir/a.txt'))).toBe('EACCES')
    expect(gate.denials[0]).toMatchObject({ operation: 'fs.read', resource: '/data/a.txt' })
    expect(files.log).toEqual([])
    expect(codeOf(() => gate.port.files.rename(0, 'dir/c.txt', 'dir/d.txt'))).toBe('none')
  })

  test('a directory moves only when everything beneath it is covered on both sides', () => {
    const shallow = openWorld({ grants: [fs(['read', 'write'], ['/data/*'])], files: FILES })
    expect(codeOf(() => shallow.gate.port.files.rename(0, 'dir', 'dir2'))).toBe('EACCES')
    expect(shallow.files.log).toEqual(['stat dir'])
    const partial = openWorld({
      grants: [fs(['read', 'write'], ['/data/*', '/data/dir/**', '/data/dir2/c*'])],
      files: FILES,
    })
    expect(codeOf(() => partial.gate.port.files.rename(0, 'dir', 'dir2'))).toBe('EACCES')
    const deep = openWorld({ grants: [fs(['read', 'write'], ['/data/**'])], files: FILES })
    expect(codeOf(() => deep.gate.port.files.rename(0, 'dir', 'dir2'))).toBe('none')
  })

  test('a mount itself is neither moved nor removed', () => {
    const { gate } = openWorld({ grants: [fs(['read', 'write'], ['/**'])], files: FILES })
    expect(codeOf(() => gate.port.files.rename(0, '', 'x'))).toBe('EBUSY')
    expect(codeOf(() => gate.port.files.rename(0, 'dir', ''))).toBe('EBUSY')
    expect(codeOf(() => gate.port.files.removeDirectory(0, ''))).toBe('EBUSY')
  })

  test('a move costs one call of the quota for each name', () => {
    const { gate } = openWorld({ grants: [fs(['write'], ['/data/**'], { quota: { calls: 3 } })], files: FILES })
    gate.port.files.rename(0, 'a.txt', 'z.txt')
    expect(gate.usage().hostCalls).toBe(1)
    expect(codeOf(() => gate.port.files.rename(0, 'z.txt', 'a.txt'))).toBe('EACCES')
    expect(codeOf(() => gate.port.files.removeFile(0, 'z.txt'))).toBe('none')
  })
})

describe('open files', () => {
  test('a byte quota shortens reads, then refuses them, but still tells the end of a file', () => {
    const { gate } = openWorld({ grants: [fs(['read'], ['/data/**'], { quota: { bytes: 11 } })], files: FILES })
    const file = gate.port.files.open(0, 'a.txt', READ) as Exclude<
      ReturnType<typeof gate.port.files.open>,
      Promise<unknown>
    >
    expect(text(file.read(0, 6))).toBe('hello ')
    expect(text(file.read(6, 100))).toBe('world')
    expect(file.read(11, 100)).toEqual(new Uint8Array())
    expect(codeOf(() => file.read(0, 1))).toBe('EACCES')
    expect(gate.denials.at(-1)).toMatchObject({ reason: 'quota', resource: '/data/a.txt' })
    expect(gate.usage()).toMatchObject({ bytesRead: 11, bytesWritten: 0 })
  })

  test('a byte quota shortens writes, then refuses them', () => {
    const { gate, files } = openWorld({ grants: [fs(['write'], ['/data/**'], { quota: { bytes: 4 } })], files: FILES })
    const file = gate.port.files.open(0, 'new', WRITE) as Exclude<
      ReturnType<typeof gate.port.files.open>,
      Promise<unknown>
    >
    expect(file.write(0, new TextEncoder().encode('abcdef'))).toBe(4)
    expect(text(files.nodes.get('new'))).toBe('abcd')
    expect(codeOf(() => file.write(4, new Uint8Array(1)))).toBe('EACCES')
    expect(file.write(4, new Uint8Array())).toBe(0)
    expect(gate.usage()).toMatchObject({ bytesWritten: 4 })
  })

  test('a file gives only what it was opened for', () => {
    const { gate, files } = openWorld({ grants: [fs(['read', 'write'], ['/data/**'])], files: FILES })
    const reader = gate.port.files.open(0, 'a.txt', READ) as Exclude<
      ReturnType<typeof gate.port.files.open>,
      Promise<unknown>
    >
    expect(codeOf(() => reader.write(0, new Uint8Array(1)))).toBe('EACCES')
    expect(codeOf(() => reader.truncate(0))).toBe('EACCES')
    const writer = gate.port.files.open(0, 'a.txt', WRITE) as typeof reader
    expect(codeOf(() => writer.read(0, 1))).toBe('EACCES')
    expect(codeOf(() => writer.stat())).toBe('none')
    expect(text(files.nodes.get('a.txt'))).toBe('hello world')
  })

  test('a closed file is dead, and closing it twice closes it once', () => {
    const { gate, files } = openWorld({ grants: [fs(['read'], ['/data/**'])], files: FILES })
    const file = gate.port.files.open(0, 'a.txt', READ) as Exclude<
      ReturnType<typeof gate.port.files.open>,
      Promise<unknown>
    >
    file.close()
    file.close()
    expect(codeOf(() => file.read(0, 1))).toBe('EACCES')
    expect(files.log.filter((line) => line === 'close a.txt')).toHaveLength(1)
  })

  test('an open file expires with its grant', () => {
    const { gate, clock } = openWorld({ grants: [fs(['read'], ['/data/**'], { expires: 2_000_000 })], files: FILES })
    const file = gate.port.files.open(0, 'a.txt', READ) as Exclude<
      ReturnType<typeof gate.port.files.open>,
      Promise<unknown>
    >
    expect(codeOf(() => file.read(0, 1))).toBe('none')
    clock.ms = 2_000_000
    expect(codeOf(() => file.read(0, 1))).toBe('EACCES')
    expect(codeOf(() => gate.port.files.stat(0, 'a.txt'))).toBe('EACCES')
    expect(gate.denials.map(({ reason }) => reason)).toEqual(['expired', 'expired'])
  })

  test('an open that fails leaves no handle behind', () => {
    const { gate } = openWorld({ grants: [fs(['read'], ['/data/**'])] })
    for (let index = 0; index < 1_500; index++)
      expect(codeOf(() => gate.port.files.open(0, 'missing', READ))).toBe('ENOENT')
    expect(codeOf(() => gate.port.files.open(0, 'missing', { ...READ, read: true }))).toBe('ENOENT')
  })

  test('the driver is handed canonical paths beneath its mount', () => {
    const { gate, files } = openWorld({ grants: [fs(['read'], ['/**'])], files: FILES, at: '/' })
    gate.port.files.stat(0, 'dir//./c.txt/')
    gate.port.files.stat(0, '')
    expect(files.log).toEqual(['stat dir/c.txt', 'stat '])
  })
})
