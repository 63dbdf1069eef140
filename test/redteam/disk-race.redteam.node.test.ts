/** Files and directories that another process swaps while the driver works on them. */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DiskDriver } from '../../src/host/disk.node.ts'
import { ComparedWalk, isHostName } from '../../src/host/disk-walk.node.ts'
import type { OpenIntent } from '../../src/kernel/host-port.ts'
import { skipReasons } from '../skip-reasons.ts'
import { text } from '../unit/kernel-guest.ts'

const READ: OpenIntent = { read: true, write: false, create: false, exclusive: false, truncate: false, append: false }
const WRITE: OpenIntent = { ...READ, read: false, write: true, create: true, truncate: true }
const SECRET = 'the host’s own secret'

/** Both ways are tried where both work. */
const WALKS = process.platform === 'linux' ? (['descriptors', 'compare'] as const) : (['compare'] as const)

let folder: string
let root: string
let secret: string
let driver: DiskDriver

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'toka-escape-')))
  root = join(folder, 'root')
  secret = join(folder, 'outside', 'secret')
  mkdirSync(join(root, 'dir', 'sub'), { recursive: true })
  mkdirSync(join(folder, 'outside'))
  writeFileSync(secret, SECRET)
  writeFileSync(join(root, 'dir', 'secret'), 'inside')
  writeFileSync(join(root, 'file'), 'file')
})

afterEach(() => {
  driver.close()
  expect(readFileSync(secret, 'utf8')).toBe(SECRET)
  expect(readdirSync(join(folder, 'outside'))).toEqual(['secret'])
  rmSync(folder, { recursive: true, force: true })
})

describe('directories swapped during a call, reached by descriptors', () => {
  test('a host process that swaps a directory for a link, again and again, gains nothing', async (context) => {
    context.skip(process.platform !== 'linux', skipReasons.noPlatformFeature)
    driver = new DiskDriver(root, { walk: 'descriptors' })
    symlinkSync('../outside', join(root, 'link'))
    const swap = new Worker(
      `const { renameSync } = require('node:fs'), { workerData: r } = require('node:worker_threads')
      for (;;) {
        renameSync(r + '/dir', r + '/held'); renameSync(r + '/link', r + '/dir')
        renameSync(r + '/dir', r + '/link'); renameSync(r + '/held', r + '/dir')
      }`,
      { eval: true, workerData: root },
    )
    const outcomes = { read: 0, refused: 0 }
    try {
      const end = performance.now() + 600
      while (performance.now() < end || outcomes.read === 0 || outcomes.refused === 0) {
        if (performance.now() > end + 5_000) break
        try {
          const file = driver.open('dir/secret', READ)
          const content = text(file.read(0, 100) as Uint8Array)
          file.close()
          expect(content).toBe('inside')
          const again = driver.open('dir/secret', { ...READ, write: true, truncate: true })
          again.write(0, new TextEncoder().encode('inside'))
          again.close()
          outcomes.read++
        } catch (error) {
          expect(error).toMatchObject({ name: 'GuestFacingError' })
          outcomes.refused++
        }
        await Promise.resolve()
      }
    } finally {
      await swap.terminate()
    }
    // The test proves something only when both moments were met.
    expect(outcomes.read).toBeGreaterThan(0)
    expect(outcomes.refused).toBeGreaterThan(0)
  })
})

describe.each(WALKS)('files swapped during a call, reached by %s', (walk) => {
  // The last name is guarded by O_NOFOLLOW in both walks: this is a promise, not a matter of odds.
  test('a host process that swaps a file for a link, again and again, gains nothing', async (context) => {
    context.skip(process.platform !== 'linux', skipReasons.noPlatformFeature)
    driver = new DiskDriver(root, { walk })
    const swap = new Worker(
      `const { renameSync, symlinkSync, writeFileSync } = require('node:fs'), { workerData: r } = require('node:worker_threads')
      for (;;) {
        symlinkSync('../outside/secret', r + '/next'); renameSync(r + '/next', r + '/leaf')
        writeFileSync(r + '/next', 'inside'); renameSync(r + '/next', r + '/leaf')
      }`,
      { eval: true, workerData: root },
    )
    const met = { inside: 0, refused: 0 }
    try {
      const end = performance.now() + 500
      while (performance.now() < end || ((met.inside === 0 || met.refused === 0) && performance.now() < end + 5_000)) {
        let content: string
        try {
          const file = driver.open('leaf', READ)
          content = text(file.read(0, 100) as Uint8Array)
          file.close()
        } catch (error) {
          expect(error).toMatchObject({ name: 'GuestFacingError' })
          met.refused++
          continue
        }
        expect(content).toBe('inside')
        met.inside++
      }
    } finally {
      await swap.terminate()
    }
    expect(met.inside).toBeGreaterThan(0)
    expect(met.refused).toBeGreaterThan(0)
  })
})

describe('directories swapped around an open, compared', () => {
  const swapIn = (): void => {
    renameSync(join(root, 'dir'), join(root, 'held'))
    symlinkSync('../outside', join(root, 'dir'))
  }
  const swapBack = (): void => {
    rmSync(join(root, 'dir'))
    renameSync(join(root, 'held'), join(root, 'dir'))
  }
  let walk: ComparedWalk
  let path: string

  beforeEach(() => {
    driver = new DiskDriver(root, { walk: 'compare' })
    walk = new ComparedWalk(root)
    path = join(root, 'dir', 'secret')
  })

  test('the entry that was meant is confirmed', () => {
    expect(() => walk.confirm(path, lstatSync(path, { bigint: true }))).not.toThrow()
  })

  test('a file outside is refused while the link lies there, and after it was swapped back', () => {
    const outside = lstatSync(secret, { bigint: true })
    swapIn()
    expect(() => walk.confirm(path, outside)).toThrow(/EACCES/)
    swapBack()
    expect(() => walk.confirm(path, outside)).toThrow(/EACCES/)
  })

  test('a swap back between two looks of a confirmation does not help: one look at each once let it through', () => {
    const outside = lstatSync(secret, { bigint: true })
    swapIn()
    let swapped = false
    const opened = new Proxy(outside, {
      get(target, key) {
        if (key === 'ino' && !swapped) {
          swapped = true
          swapBack()
        }
        return Reflect.get(target, key)
      },
    })
    expect(() => walk.confirm(path, opened)).toThrow(/EACCES/)
  })

  test('an open that is refused after the file was opened leaves no descriptor of the host behind', () => {
    const confirm = vi.spyOn(ComparedWalk.prototype, 'confirm').mockImplementation(() => {
      throw new Error('swapped')
    })
    try {
      const next = openSync(join(root, 'file'), 'r')
      closeSync(next)
      for (let round = 0; round < 5; round++)
        expect(() => driver.open('file', { ...WRITE, create: false })).toThrow(/EIO/)
      const after = openSync(join(root, 'file'), 'r')
      closeSync(after)
      expect(after).toBe(next)
      expect(readFileSync(join(root, 'file'), 'utf8')).toBe('file') // refused before it was cut
    } finally {
      confirm.mockRestore()
    }
  })
})

test('names that Windows reads as something else are none there', () => {
  driver = new DiskDriver(root)
  for (const name of [
    'a\\b',
    'c:',
    'file::$DATA',
    'nul',
    'NUL.txt',
    'com1',
    'LPT¹',
    'conin$',
    'dot.',
    'space ',
    'a<b',
    'tab\t',
    'q?',
    'star*',
    'pipe|',
  ])
    expect([name, isHostName(name, 'win32')]).toEqual([name, false])
  for (const name of ['a', 'null', 'console', 'com', 'a.b', '.hidden', 'comma,', 'é'])
    expect([name, isHostName(name, 'win32')]).toEqual([name, true])
})
