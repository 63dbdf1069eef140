/** `--out`: files of a guest on the host's disk, all or none, beneath one directory and nowhere else. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeOutFiles } from '../../src/cli/out-files.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
let base = ''
let out = ''

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'toka-out-'))
  out = join(base, 'new', 'out')
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

test('files are written beneath the directory, which is made', async () => {
  const written = await writeOutFiles(out, { '/out/b/c/d.txt': bytes('d'), '/out/a.txt': bytes('a') })
  expect(written.map((path) => path.slice(path.indexOf('new')))).toEqual([
    join('new', 'out', 'a.txt'),
    join('new', 'out', 'b', 'c', 'd.txt'),
  ])
  expect(readFileSync(join(out, 'b/c/d.txt'), 'utf8')).toBe('d')
  expect(readdirSync(out).sort()).toEqual(['a.txt', 'b'])
})

test('a file that is there is replaced', async () => {
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'a.txt'), 'old and longer')
  await writeOutFiles(out, { '/out/a.txt': bytes('new') })
  expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('new')
})

test.each([
  '/out/../escape',
  '/out/a/../../escape',
  '/out/./a',
  '/out//a',
  '/out/',
  '/out',
  '/etc/passwd',
  'out/a',
  '/outside/a',
  '/out/a\0b',
])('%j is refused, and nothing else is written either', async (path) => {
  await expect(writeOutFiles(out, { '/out/aaa.txt': bytes('good'), [path]: bytes('bad') })).rejects.toMatchObject({
    name: 'OutFileError',
  })
  expect(existsSync(out) ? readdirSync(out) : []).toEqual([])
  expect(existsSync(join(base, 'escape')) || existsSync(join(base, 'new', 'escape'))).toBe(false)
})

test('a link to a directory is not followed', async () => {
  const elsewhere = join(base, 'elsewhere')
  mkdirSync(elsewhere)
  mkdirSync(out, { recursive: true })
  symlinkSync(elsewhere, join(out, 'link'))
  await expect(writeOutFiles(out, { '/out/a.txt': bytes('a'), '/out/link/b.txt': bytes('b') })).rejects.toThrow(
    /link is never followed/,
  )
  expect(readdirSync(elsewhere)).toEqual([])
  expect(readdirSync(out)).toEqual(['link'])
})

test('a link in the place of a file is replaced, its target untouched', async () => {
  const target = join(base, 'precious')
  writeFileSync(target, 'precious')
  mkdirSync(out, { recursive: true })
  symlinkSync(target, join(out, 'a.txt'))
  await writeOutFiles(out, { '/out/a.txt': bytes('mine') })
  expect(readFileSync(target, 'utf8')).toBe('precious')
  expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('mine')
})

test('a directory in the place of a file is refused, and nothing else is written either', async () => {
  mkdirSync(join(out, 'taken'), { recursive: true })
  await expect(writeOutFiles(out, { '/out/a.txt': bytes('a'), '/out/taken': bytes('b') })).rejects.toThrow(
    /is a directory/,
  )
  expect(readdirSync(out)).toEqual(['taken'])
})
