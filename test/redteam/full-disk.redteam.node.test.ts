/** A disk without room, a real one: what is written to it fails by name, leaves nothing half-done, and works again later. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { OutFileError, writeOutFiles } from '../../src/cli/out-files.ts'
import { createToka } from '../../src/index.ts'
import { DiskDriver } from '../../src/host/disk.node.ts'
import { openCache } from '../../src/loader/cache.node.ts'
import { writePackageImage } from '../../src/packages/image-directory.node.ts'
import { auditFile, directoryKeys, sqliteStore } from '../../src/security/index.node.ts'
import { createSecurityManager } from '../../src/security/index.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { E, Preview1World } from '../preview1-world.ts'
import { openSecurity, refusal, rules } from '../security-world.ts'
import { skipReasons } from '../skip-reasons.ts'
import { mountPort, port } from '../unit/kernel-guest.ts'

/** Bytes of the disk: of its pages some are its directories'. */
const SIZE = 256 * 1024
const disk = mkdtempSync(join(tmpdir(), 'toka-full-'))
const mounted =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', disk], { stdio: 'ignore' }).status === 0

afterAll(() => {
  if (mounted) spawnSync('umount', ['--lazy', disk])
  rmSync(disk, { recursive: true, force: true })
})

beforeEach((context) => {
  context.skip(!mounted, skipReasons.noPlatformFeature)
  for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true })
})

const ballast = join(disk, 'ballast')

/** Leaves `room` bytes at most. */
function fill(room = 0): void {
  const page = Buffer.alloc(4_096, 1)
  try {
    for (;;) writeFileSync(ballast, page, { flag: 'a' })
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
  if (room > 0) writeFileSync(ballast, Buffer.alloc(statSync(ballast).size - room, 1))
}

/** Programs that write until the disk is full, and say how that was told. */
const WRITERS = {
  javascript: `const fs = require('fs'); let code
    try { for (;;) fs.appendFileSync('/m/flood', 'x'.repeat(1000)) } catch (error) { code = error.code }
    code`,
  python: `code = None
try:
    with open('/m/flood', 'ab', buffering=0) as file:
        while True: file.write(b'x' * 1000)
except OSError as error:
    import errno
    code = errno.errorcode[error.errno]
code`,
} as const

describe.each(WAYS)('a guest on a mount whose disk is full (%s)', (way) => {
  test.each(Object.entries(WRITERS))('%s is told ENOSPC, and goes on', async (language, source) => {
    writeFileSync(join(disk, 'kept'), 'as it was')
    const sandbox = await (await tokaOf(way)).open({
      language: language as keyof typeof WRITERS,
      mounts: [{ at: '/m', from: disk, mode: 'rw' }],
      grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/m/**'] }],
    })
    expect(await sandbox.run({ source })).toMatchObject({ status: 'completed', value: 'ENOSPC', denials: [] })
    expect(readFileSync(join(disk, 'kept'), 'utf8')).toBe('as it was')
    expect(readFileSync(join(disk, 'flood'), 'utf8')).toMatch(/^x+$/)
    rmSync(join(disk, 'flood'))
    const again =
      language === 'python' ? `open('/m/small', 'w').write('ok')` : `require('fs').writeFileSync('/m/small', 'ok'); 2`
    expect(await sandbox.run({ source: again })).toMatchObject({ status: 'completed', value: 2 })
    expect(readFileSync(join(disk, 'small'), 'utf8')).toBe('ok')
    await sandbox.dispose()
  })
})

test('a WASI module on it is told ENOSPC, and makes no entry that there is no room for', async () => {
  fill()
  const it = new Preview1World({ mounts: ['/m'], port: port({ files: mountPort([new DiskDriver(disk)]) }) })
  const fd = await it.open('m/flood', 1)
  let answer = 0
  for (let round = 0; answer === 0 && round < 100; round++) answer = await it.write(fd, 'x'.repeat(1_000))
  expect(answer).toBe(-E.nospc)
})

describe('what Toka itself writes', () => {
  test('a cache on a full disk is none: the run is as without it', async () => {
    fill()
    const toka = await createToka({ cache: disk, isolation: 'inline' })
    expect(await toka.run({ language: 'javascript', source: '1 + 1' })).toMatchObject({ value: 2 })
    await toka.dispose()
    expect(readdirSync(disk)).toEqual(['ballast'])
    const cache = openCache(disk)
    await cache.put('key', new Uint8Array(10_000))
    expect(await cache.get('key')).toBeUndefined()
  })

  test('the files of a run are all there or none', async () => {
    fill(8_192)
    const files = { '/out/a': new Uint8Array(4_000), '/out/b': new Uint8Array(40_000) }
    await expect(writeOutFiles(join(disk, 'out'), files)).rejects.toThrow(OutFileError)
    expect(readdirSync(join(disk, 'out'))).toEqual([])
  })

  test('a package image is there whole or not at all', async () => {
    fill(8_192)
    await expect(writePackageImage(join(disk, 'images'), 'x', new Uint8Array(40_000))).rejects.toMatchObject({
      code: 'ENOSPC',
    })
    expect(readdirSync(join(disk, 'images'))).toEqual([])
  })

  test('keys that cannot be written are the ones of before', async () => {
    const keys = directoryKeys(join(disk, 'keys'))
    const { security } = await openSecurity({ keys })
    const before = await security.keys()
    fill()
    expect(await refusal(security.rotate())).toContain('ENOSPC')
    expect(readdirSync(join(disk, 'keys'))).toEqual(['keys.json'])
    const reader = await openSecurity({ keys: directoryKeys(join(disk, 'keys')) })
    expect(await reader.security.keys()).toEqual(before)
    rmSync(ballast)
    await security.rotate()
    expect((await security.keys()).length).toBe(before.length + 1)
  })

  test('a store that cannot be written gives nothing away, and says why', async () => {
    const store = sqliteStore(join(disk, 'state.db'))
    const cell = { key: 'calls', initial: 1_000, until: Number.MAX_SAFE_INTEGER }
    let taken = store.lease(cell, false) as number
    fill()
    const failures = new Set<string>()
    for (let round = 0; round < 50; round++) {
      try {
        const amount = store.lease({ ...cell, key: `calls${round}` }, true)
        expect(amount).toBe(1_000)
      } catch (error) {
        failures.add((error as Error).message)
      }
    }
    expect([...failures]).toEqual(['database or disk is full'])
    rmSync(ballast)
    taken += store.lease(cell, true) as number
    expect(taken).toBe(1_000)
    expect(store.lease(cell, true)).toBe(0)
    await store.close()
  })

  test('a log goes on where it was, and every record is in it', async () => {
    const path = join(disk, 'log')
    const audit = auditFile(path)
    const { security, options } = await openSecurity({ audit })
    const { token } = await security.mint({ grants: rules('tool.call=t') })
    await security.flushAudit()
    fill(2_000)
    for (let call = 0; call < 100; call++) await security.authorize({ token, operation: 'tool.call', resource: 'no' })
    expect(await refusal(security.flushAudit())).toContain('ENOSPC')
    // What is there by now is whole, though the disk took a part of the next piece.
    await security.verifyAudit(readFileSync(path))
    rmSync(ballast)
    await security.flushAudit()
    const { events, unsigned } = await security.verifyAudit(readFileSync(path))
    expect(events.filter(({ outcome }) => outcome === 'denied')).toHaveLength(100)
    expect(unsigned).toBe(0)
    await audit.close?.()
    expect(
      await createSecurityManager({ ...options, audit: { append: () => {} } }).verifyAudit(readFileSync(path)),
    ).toMatchObject({ unsigned: 0 })
  })
})
