// The attacker: a component that was given a directory of the host, and tries every name that might lead out of it.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createToka, type GrantInput, type Sandbox } from '../../src/index.ts'
import { assembled } from '../component-bench.ts'

const SECRET = 'the host’s own secret'
const utf8 = new TextEncoder()
const toka = await createToka()

let folder: string
let root: string
let sandbox: Sandbox
let mount: unknown

const on = (method: string) => `wasi-filesystem-types-method-descriptor-${method}`
const value = async (name: string, ...args: unknown[]) => (await sandbox.call(name, ...args)).value
const fs = (method: string, ...args: unknown[]) => value(on(method), ...args) as Promise<{ tag: string; val?: unknown }>

async function open(grants: GrantInput[], mode: 'ro' | 'rw' = 'rw'): Promise<void> {
  sandbox = await toka.open({
    language: 'wasm',
    module: assembled('wasi'),
    mounts: [{ at: '/m', from: root, mode }],
    grants,
  })
  const [[top]] = (await value('wasi-filesystem-preopens-get-directories')) as [[unknown, string]]
  const flags = { read: true, write: false, mutateDirectory: true }
  mount = (await fs('open-at', top, {}, 'm', { directory: true }, flags)).val
}

const ALL: GrantInput[] = [{ resource: 'fs', actions: ['read', 'write'], paths: ['/m', '/m/**'] }]

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'toka-component-')))
  root = join(folder, 'root')
  mkdirSync(join(root, 'dir'), { recursive: true })
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside', 'secret'), SECRET)
  writeFileSync(join(root, 'file'), 'inside')
  symlinkSync('../outside', join(root, 'planted'))
  symlinkSync(join(folder, 'outside', 'secret'), join(root, 'absolute'))
  symlinkSync('../../outside/secret', join(root, 'dir', 'up'))
})

afterEach(async () => {
  await sandbox.dispose()
  expect(readFileSync(join(folder, 'outside', 'secret'), 'utf8')).toBe(SECRET)
  expect(readdirSync(join(folder, 'outside'))).toEqual(['secret'])
  expect(existsSync(join(folder, 'new'))).toBe(false)
  rmSync(folder, { recursive: true, force: true })
})

afterAll(() => toka.dispose())

const OUT = [
  '../outside/secret',
  'dir/../../outside/secret',
  '/etc/passwd',
  '//etc/passwd',
  'planted/secret',
  'absolute',
  'dir/up',
  './dir/../planted/secret',
  'planted/../../outside/secret',
  'file/../../outside/secret',
  '..\\outside\\secret',
  '%2e%2e/outside/secret',
  '\u2024\u2024/outside/secret',
  '/proc/self/environ',
  '/dev/fd/0',
]

describe('with every right in its mount', () => {
  beforeEach(() => open(ALL))

  test.each(OUT)('nothing outside is read, written or made by %s', async (path) => {
    for (const symlinkFollow of [true, false]) {
      const read = await fs('open-at', mount, { symlinkFollow }, path, {}, { read: true })
      expect(read.tag).toBe('err')
      const write = await fs(
        'open-at',
        mount,
        { symlinkFollow },
        path,
        { create: true, truncate: true },
        { write: true, read: true },
      )
      // A name of nothing but odd characters is a name inside.
      if (write.tag === 'ok') await fs('write', write.val, utf8.encode('x'), 0n)
      const stat = await fs('stat-at', mount, { symlinkFollow }, path)
      if (symlinkFollow && stat.tag === 'ok') expect(stat.val).toMatchObject({ size: 1n })
    }
    await fs('unlink-file-at', mount, path)
    await fs('create-directory-at', mount, `${path}/new`)
    await fs('rename-at', mount, 'file', mount, path)
    await fs('link-at', mount, {}, 'file', mount, path)
  })

  test.each(['../outside', '/etc', 'dir/../../outside', '..'])('no link to %s is made on the host', async (target) => {
    expect(await fs('symlink-at', mount, target, 'made')).toEqual({ tag: 'err', val: 'not-permitted' })
    expect(readdirSync(root)).not.toContain('made')
  })

  test('an open directory follows it when it is renamed, and leads to nothing that takes its name', async () => {
    const flags = { read: true, mutateDirectory: true }
    const open = async (from: unknown, path: string) =>
      (await fs('open-at', from, {}, path, { directory: true }, flags)).val
    await fs('create-directory-at', mount, 'dir/deep')
    const [dir, deep] = [await open(mount, 'dir'), await open(mount, 'dir/deep')]
    expect(await fs('rename-at', mount, 'dir', mount, 'moved')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', mount, 'dir')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', dir, 'a')).toEqual({ tag: 'ok' })
    expect(await fs('create-directory-at', deep, 'b')).toEqual({ tag: 'ok' })
    expect(readdirSync(join(root, 'dir'))).toEqual([])
    expect(readdirSync(join(root, 'moved')).toSorted()).toEqual(['a', 'deep', 'up'])
    expect(readdirSync(join(root, 'moved', 'deep'))).toEqual(['b'])
  })

  test('what is inside is read and written as it should', async () => {
    const file = await fs('open-at', mount, {}, 'file', {}, { read: true, write: true })
    expect(await fs('read', file.val, 10n, 0n)).toEqual({ tag: 'ok', val: [utf8.encode('inside'), false] })
    expect(await fs('write', file.val, utf8.encode('INSIDE'), 0n)).toEqual({ tag: 'ok', val: 6n })
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('INSIDE')
  })
})

test('a mount without a grant is denied, and the denial says what would allow it', async () => {
  await open([])
  const [[top]] = (await value('wasi-filesystem-preopens-get-directories')) as [[unknown, string]]
  const ended = await sandbox.call(on('open-at'), top, {}, 'm/file', {}, { read: true })
  expect(ended.value).toEqual({ tag: 'err', val: 'access' })
  expect(ended.denials[0]).toMatchObject({ resource: '/m/file', allow: "--allow 'fs.read=/m/**'" })
})

test('a grant to read is none to write', async () => {
  await open([{ resource: 'fs', actions: ['read'], paths: ['/m', '/m/**'] }])
  const write = await fs('open-at', mount, {}, 'file', {}, { read: true, write: true })
  expect(write.tag).toBe('err')
  expect((await fs('unlink-file-at', mount, 'file')).tag).toBe('err')
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('inside')
})

test('a mount to read is not written, whatever is granted', async () => {
  await open(ALL, 'ro')
  expect((await fs('open-at', mount, {}, 'file', {}, { read: true, write: true })).tag).toBe('err')
  expect((await fs('create-directory-at', mount, 'new')).tag).toBe('err')
  expect(readdirSync(root).sort()).toEqual(['absolute', 'dir', 'file', 'planted'])
})
