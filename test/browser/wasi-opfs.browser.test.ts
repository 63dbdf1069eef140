/** WASI preview 1 over the origin private file system of a browser: the same calls, answered later. */
import { afterEach, expect, test } from 'vitest'
import { OpfsDriver } from '../../src/host/opfs.browser.ts'
import { createToka } from '../../src/index.ts'
import { Right } from '../../src/kernel/preview1-abi.ts'
import { buildModule } from '../loader-modules.ts'
import { ALL, E, Preview1World, ROOT } from '../preview1-world.ts'
import { mountPort, port } from '../unit/kernel-guest.ts'
import { call, i32 } from '../wasm-guests.ts'

const CREATE = 1
const DIRECTORY = 2
let names: string[] = []

async function directory(): Promise<FileSystemDirectoryHandle> {
  const name = `wasi-${crypto.randomUUID()}`
  names.push(name)
  return (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true })
}

afterEach(async () => {
  const storage = await navigator.storage.getDirectory()
  for (const name of names) await storage.removeEntry(name, { recursive: true })
  names = []
})

test('files are made, written, appended to, listed, renamed and removed', async () => {
  const driver = new OpfsDriver(await directory())
  const it = new Preview1World({ mounts: ['/m'], port: port({ files: mountPort([driver]) }) })
  await it.ok('path_create_directory', ROOT, 'm/d')
  const d = await it.open('m/d', DIRECTORY, ALL & ~Right.fdWrite)
  const fd = await it.open('file', CREATE, ALL, 0, d)
  expect(await it.write(fd, 'abc')).toBe(3)
  await it.ok('fd_fdstat_set_flags', fd, 1)
  await it.write(fd, 'def')
  await it.ok('fd_seek', fd, 2n, 0, it.out)
  expect(await it.read(fd)).toBe('cdef')
  await it.ok('fd_filestat_set_size', fd, 4n)
  expect(await it.stat('file', 1, d)).toMatchObject({ size: 4, type: 4 })
  expect((await it.list(d)).map(({ name }) => name)).toEqual(['.', '..', 'file'])
  await it.ok('path_rename', d, 'file', d, 'moved')
  expect(await it.call('path_open', d, 0, '../d/moved', 0, 0n, 0n, 0, it.out)).toBe(E.notcapable)
  expect(await it.call('path_symlink', 'moved', d, 'l')).toBe(E.perm)
  expect(await it.call('path_remove_directory', ROOT, 'm/d')).toBe(E.notempty)
  await it.ok('fd_close', fd)
  await it.ok('path_unlink_file', d, 'moved')
  await it.ok('path_remove_directory', ROOT, 'm/d')
})

test('a module is suspended while the browser opens a file for it', async () => {
  const handle = await directory()
  const file = await (await handle.getFileHandle('x', { create: true })).createWritable()
  await file.write('found')
  await file.close()
  const module = buildModule({
    imports: [
      {
        module: 'wasi_snapshot_preview1',
        name: 'path_open',
        params: ['i32', 'i32', 'i32', 'i32', 'i32', 'i64', 'i64', 'i32', 'i32'],
        results: ['i32'],
      },
      { module: 'wasi_snapshot_preview1', name: 'fd_read', params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'] },
    ],
    memory: { minimum: 1, name: 'memory' },
    functions: [
      {
        name: 'open',
        results: ['i32'],
        code: [...[3, 0, 16, 3, 0].flatMap(i32), 0x42, 2, 0x42, 0, ...i32(0), ...i32(32), ...call(0)],
      },
      // read through the descriptor that open left at 32, into 64; answers the first byte
      {
        name: 'read',
        results: ['i32'],
        code: [...i32(32), 0x28, 2, 0, ...i32(40), ...i32(1), ...i32(48), ...call(1), 0x1a, ...i32(64), 0x2d, 0, 0],
      },
    ],
    data: [
      { offset: 16, bytes: new TextEncoder().encode('m/x') },
      { offset: 40, bytes: [64, 0, 0, 0, 10, 0, 0, 0] },
    ],
  })
  const toka = await createToka()
  try {
    const sandbox = await toka.open({
      language: 'wasm',
      module,
      mounts: [{ at: '/m', from: handle, mode: 'ro' }],
      grants: [{ resource: 'fs', actions: ['read'], paths: ['/m/**'] }],
    })
    expect((await sandbox.call('open')).value).toBe(0)
    expect((await sandbox.call('read')).value).toBe('f'.charCodeAt(0))
  } finally {
    await toka.dispose()
  }
})
