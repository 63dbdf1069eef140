/** Programs that try every way out of a mounted directory, and what the host's directory looks like afterwards. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGate } from '../../src/gate/gate.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { openPolicy } from '../../src/gate/policy.ts'
import { DiskDriver } from '../../src/host/disk.node.ts'
import { Right } from '../../src/kernel/preview1-abi.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { ALL, E, Preview1World, ROOT } from '../preview1-world.ts'

const CREATE = 1
const DIRECTORY = 2
const TRUNCATE = 8

let base: string
let root: string
/** What lies outside, as it was. */
const SECRET = 'the secret'

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'toka-escape-'))
  root = join(base, 'root')
  mkdirSync(join(root, 'sub'), { recursive: true })
  mkdirSync(join(base, 'outside'))
  writeFileSync(join(base, 'outside/secret'), SECRET)
  writeFileSync(join(root, 'file'), 'mine')
  writeFileSync(join(root, 'denied'), SECRET)
  symlinkSync('../outside', join(root, 'out'))
  symlinkSync('../outside/secret', join(root, 'leak'))
  symlinkSync(join(base, 'outside/secret'), join(root, 'absolute'))
  symlinkSync('../../outside/new', join(root, 'sub/create'))
  symlinkSync('denied', join(root, 'alias'))
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

/** A guest with the directory at `/m`, of which all but `/m/denied` is granted. */
function guest(): Preview1World {
  const names = ['file', 'leak', 'out', 'absolute', 'alias', 'new', 'hard', 'soft', 'moved', 'case', 'FILE']
  const paths = ['/m', ...names.map((name) => `/m/${name}`), '/m/sub/**', '/m/out/**']
  const grants = [{ resource: 'fs', actions: ['read', 'write'], paths }]
  const ledger = createLedger()
  const drivers = {
    mounts: [{ at: '/m', mode: 'rw' as const, driver: new DiskDriver(root) }],
    environment: () => undefined,
    callTool: () => new Uint8Array(0),
  }
  const gate = createGate({
    policy: openPolicy(grants as never, ledger),
    drivers,
    ledger,
    limits: DEFAULT_LIMITS,
    now: () => 0,
  })
  gate.begin({})
  return new Preview1World({ mounts: ['/m'], port: gate.port })
}

function expectUntouched(): void {
  expect(readFileSync(join(base, 'outside/secret'), 'utf8')).toBe(SECRET)
  expect(readdirSync(join(base, 'outside'))).toEqual(['secret'])
  expect(readdirSync(base).sort()).toEqual(['outside', 'root'])
  expect(statSync(join(base, 'outside/secret')).nlink).toBe(1)
  expect(readFileSync(join(root, 'denied'), 'utf8')).toBe(SECRET)
}

/** Every path that should lead nowhere. */
const WAYS_OUT = [
  ...['m/../../outside/secret', 'm/..', '..', '../outside/secret', '/etc/passwd', 'm/leak', 'm/absolute'],
  ...['m/out/secret', 'm/out/../outside/secret', 'm/sub/../../outside/secret', 'm/sub/create', 'm/denied', 'm/alias'],
  ...['m\\..\\..\\outside\\secret', 'm/./../outside/secret', 'm//..//outside/secret', 'm/FILE', 'm/file.', 'm/file '],
  ...['m/file/', 'm/file/.', 'm/file\0/../x', '\\\\?\\C:\\', 'm/ﬁle', 'proc/self/environ', 'm/sub/x\0'],
]

describe('no call leaves the directory', () => {
  test.each(WAYS_OUT)('by %j', async (path) => {
    const it = guest()
    const d = await it.open('m', DIRECTORY, ALL & ~Right.fdWrite)
    for (const [fd, way] of [
      [ROOT, path],
      [d, path.replace(/^m\//, '')],
    ] as const) {
      for (const flags of [0, TRUNCATE, CREATE | TRUNCATE])
        for (const follow of [0, 1]) {
          const answer = await it.call('path_open', fd, follow, way, flags, Right.fdRead | Right.fdWrite, 0n, 0, it.out)
          // A name that only differs by its case or form is another file, which may be made.
          if (answer === E.success) {
            const opened = it.view.u32(it.out)
            expect(await it.read(opened)).not.toContain('secret')
            await it.write(opened, 'written')
          }
        }
      await it.call('path_filestat_set_times', fd, 1, way, 1n, 1n, 5)
      await it.call('path_create_directory', fd, `${way}/made`)
      await it.call('path_symlink', way, fd, 'm/soft')
      await it.call('path_link', fd, 0, way, ROOT, 'm/hard')
      await it.call('path_rename', ROOT, 'm/file', fd, way)
      await it.call('path_unlink_file', fd, way)
      await it.call('path_remove_directory', fd, way)
    }
    expectUntouched()
    expect(existsSync(join(base, 'made'))).toBe(false)
  })
})

describe('links', () => {
  test('made by a guest lead downwards, to what it may read', async () => {
    const it = guest()
    for (const target of ['../outside', '..', 'sub/../..', '../../etc'])
      expect(await it.call('path_symlink', target, ROOT, 'm/soft')).toBe(E.perm)
    expect(await it.call('path_symlink', '/etc', ROOT, 'm/soft')).toBe(E.notcapable)
    expect(await it.call('path_symlink', 'denied', ROOT, 'm/soft')).toBe(E.acces)
    await it.ok('path_symlink', 'file', ROOT, 'm/soft')
    expect(lstatSync(join(root, 'soft')).isSymbolicLink()).toBe(true)
    expectUntouched()
  })

  test('give no second name to what may not be read or written', async () => {
    const it = guest()
    expect(await it.call('path_link', ROOT, 0, 'm/denied', ROOT, 'm/hard')).toBe(E.acces)
    expect(await it.call('path_rename', ROOT, 'm/denied', ROOT, 'm/moved')).toBe(E.acces)
    for (const link of ['m/leak', 'm/absolute', 'm/out'])
      expect(await it.call('path_link', ROOT, 0, link, ROOT, 'm/hard')).toBe(E.perm)
    expectUntouched()
  })

  test('that the host swaps in between check and use are not followed', async () => {
    const it = guest()
    const fd = await it.open('m/sub', DIRECTORY, ALL & ~Right.fdWrite)
    rmSync(join(root, 'sub'), { recursive: true })
    symlinkSync('../outside', join(root, 'sub'))
    expect(await it.call('path_open', fd, 0, 'secret', 0, Right.fdRead, 0n, 0, it.out)).not.toBe(E.success)
    expect(await it.call('path_open', fd, 0, 'new', CREATE, Right.fdWrite, 0n, 0, it.out)).not.toBe(E.success)
    expectUntouched()
  })

  test('are resolved where a directory is renamed by one: its handle follows, and one of that spelling does not', async () => {
    mkdirSync(join(root, 'sub/deep/below'), { recursive: true })
    mkdirSync(join(root, 'new'))
    mkdirSync(join(root, 'sub/new'))
    writeFileSync(join(root, 'sub/new/mine'), 'below')
    symlinkSync('sub/deep', join(root, 'soft'))
    const it = guest()
    const spelled = await it.open('m/new', DIRECTORY, ALL & ~Right.fdWrite)
    const moved = await it.open('m/sub/new', DIRECTORY, ALL & ~Right.fdWrite)
    // `..` of where the link leads, which is /m/sub, and not of where it lies, which is /m.
    await it.ok('path_rename', ROOT, 'm/soft/../new', ROOT, 'm/soft/../moved')
    expect(await it.read(await it.open('mine', 0, Right.fdRead, 0, moved))).toBe('below')
    expect(await it.stat('mine', 0, spelled)).toBe(-E.acces) // /m/new/mine, which is not granted
    expect(await it.stat('.', 0, spelled)).toMatchObject({ type: 3 })
  })

  test('of the host to a file outside are that file: what the host linked, it shared', async () => {
    linkSync(join(base, 'outside/secret'), join(root, 'new'))
    const it = guest()
    expect(await it.read(await it.open('m/new', 0, Right.fdRead))).toBe(SECRET)
  })
})

test('rights on an open handle are never widened, and a handle in the place of the root is no root', async () => {
  const it = guest()
  const fd = await it.open('m/file', 0, Right.fdRead)
  expect(await it.call('fd_fdstat_set_rights', fd, Right.fdRead | Right.fdWrite, 0n)).toBe(E.notcapable)
  expect(await it.write(fd, 'x')).toBe(-E.badf)
  const sub = await it.open('m/sub', DIRECTORY, ALL & ~Right.fdWrite)
  await it.ok('fd_renumber', sub, ROOT)
  expect(await it.call('path_open', ROOT, 1, '../file', 0, Right.fdRead, 0n, 0, it.out)).toBe(E.notcapable)
  expect(await it.call('path_open', ROOT, 1, 'm/file', 0, Right.fdRead, 0n, 0, it.out)).toBe(E.noent)
  expectUntouched()
})
