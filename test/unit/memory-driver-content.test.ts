/** The memory driver keeps what it was given and what was written. */
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/host/memory.ts'
import { readOnly } from '../../src/host/read-only.ts'
import { text } from './kernel-guest.ts'

const READ = { read: true, write: false, create: false, exclusive: false, truncate: false, append: false }

describe('files by value as a mount', () => {
  test('hold a copy of what was given, with or without a leading slash', () => {
    const bytes = new Uint8Array([97])
    const driver = new MemoryDriver({ '/a/b': bytes, c: 'text' })
    bytes.fill(0)
    expect(text(driver.open('a/b', READ).read(0, 10) as Uint8Array)).toBe('a')
    expect(driver.list('')).toMatchObject([
      { name: 'a', kind: 'directory' },
      { name: 'c', kind: 'file' },
    ])
    expect(text(driver.files.get('/c') as Uint8Array)).toBe('text')
  })

  test('an open file obeys its intent, and answers EBADF once it is closed', () => {
    const driver = new MemoryDriver({ '/f': 'abc' })
    const file = driver.open('f', READ)
    expect(() => file.write(0, new Uint8Array(1))).toThrow(/EBADF/)
    driver.removeFile('f')
    expect(text(file.read(1, 5) as Uint8Array)).toBe('bc')
    file.close()
    for (const act of [() => file.read(0, 1), () => file.stat(), () => file.close(), () => file.sync()])
      expect(act).toThrow(/EBADF/)
    expect(driver.files.usage).toEqual({ bytes: 0, nodes: 0 })
  })

  test('writes land at their offset, appends at the end', () => {
    const driver = new MemoryDriver({ '/f': 'abcdef' })
    const file = driver.open('f', { ...READ, write: true })
    file.write(2, new Uint8Array([88]))
    const end = driver.open('f', { ...READ, write: true, append: true })
    end.write(0, new Uint8Array([89]))
    expect(text(file.read(0, 100) as Uint8Array)).toBe('abXdefY')
  })

  test('resolve asks only that the directories above exist', () => {
    const driver = new MemoryDriver({ '/a/f': '' })
    expect([driver.resolve('a/none'), driver.resolve('')]).toEqual(['a/none', ''])
    expect(() => driver.resolve('none/x')).toThrow(/ENOENT/)
    expect(() => driver.resolve('a/f/x')).toThrow(/ENOTDIR/)
    for (const path of ['../a', 'a/../f', '/a', 'a//f', 'a/']) expect(() => driver.resolve(path)).toThrow(/EACCES/)
  })

  test('read-only refuses every change and passes every question on', () => {
    const inner = new MemoryDriver({ '/f': 'x' })
    const driver = readOnly(inner)
    expect(text((driver.open('f', READ) as ReturnType<MemoryDriver['open']>).read(0, 1) as Uint8Array)).toBe('x')
    expect([driver.resolve('f', true), driver.list('')]).toMatchObject(['f', [{ name: 'f', kind: 'file' }]])
    for (const act of [
      () => driver.removeFile('f'),
      () => driver.makeDirectory('d'),
      () => driver.open('f', { ...READ, write: true }),
    ])
      expect(act).toThrow(/EROFS/)
    expect(inner.files.usage).toEqual({ bytes: 1, nodes: 1 })
  })
})
