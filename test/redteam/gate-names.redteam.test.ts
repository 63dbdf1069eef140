/** Hostile names at the gate: none reaches the driver as anything but what was decided on, and each attempt is on the record. */
import { describe, expect, test } from 'vitest'
import { parseRule } from '../../src/gate/grants.ts'
import { BORDER, DEFAULT_LIMITS } from '../../src/limits.ts'
import { codeOf, openWorld, READ } from '../gate-world.ts'

const PUBLIC = { resource: 'fs', actions: ['read', 'write'], paths: ['/data/pub/**'] }
const FILES = { pub: null, 'pub/a': 'public', secret: 'secret', 'pub/caf\u00e9': 'composed' }

describe('names that point elsewhere', () => {
  test.each([
    ['a parent directory', 'pub/../secret', 'EACCES'],
    ['a parent directory at the end', 'pub/..', 'EACCES'],
    ['two parents', '../../etc/passwd', 'EACCES'],
    ['an absolute path', '/data/secret', 'EACCES'],
    ['a backslash', 'pub\\..\\secret', 'EACCES'],
    ['a Windows device path', '\\\\?\\C:\\secret', 'EACCES'],
    ['a NUL', 'pub/a\0/../../secret', 'EINVAL'],
    ['a lone surrogate', 'pub/\ud800', 'EILSEQ'],
    ['an over-long name', `pub/${'a'.repeat(BORDER.nameBytes + 1)}`, 'ENAMETOOLONG'],
    ['an over-long path', 'pub/'.repeat(2_000), 'ENAMETOOLONG'],
    ['a deep path', 'a/'.repeat(BORDER.pathDepth + 1), 'ENAMETOOLONG'],
    ['a path of a hundred megabytes', '/'.repeat(1e8), 'ENAMETOOLONG'],
    ['a sibling that begins alike', 'public', 'EACCES'],
    ['a name in capitals', 'PUB/a', 'EACCES'],
    ['a slash of another script', 'pub\u2215a', 'EACCES'],
    ['an encoded parent', '%2e%2e/secret', 'EACCES'],
    ['fullwidth dots', '\uff0e\uff0e/secret', 'EACCES'],
  ])('%s is refused before the driver, on the record', (_what, path, code) => {
    const { gate, files } = openWorld({ grants: [PUBLIC], files: FILES })
    gate.count(1)
    for (const call of [
      () => gate.port.files.stat(0, path),
      () => gate.port.files.open(0, path, READ),
      () => gate.port.files.removeFile(0, path),
      () => gate.port.files.rename(0, 'pub/a', path),
      () => gate.port.files.rename(0, path, 'pub/b'),
    ]) {
      expect(codeOf(call)).toBe(code)
    }
    codeOf(() => gate.port.files.resolve(0, path, true))
    expect(files.log).toEqual([])
    expect(gate.denials.length).toBeGreaterThanOrEqual(5)
    expect(gate.counters()).toEqual({ counted: 1, local: 0, allowed: 0, denied: 1, redecided: 0 })
    for (const { resource } of gate.denials) expect(resource.length).toBeLessThanOrEqual(BORDER.pathBytes)
  })

  test('redundant slashes and dots reach the driver as the one canonical name', () => {
    const { gate, files } = openWorld({ grants: [PUBLIC], files: FILES })
    for (const path of ['pub/a', 'pub//a', './pub/./a', 'pub/a/', 'pub/a/.']) gate.port.files.stat(0, path)
    expect(new Set(files.log)).toEqual(new Set(['stat pub/a']))
  })

  test('two Unicode forms of one name are two names (CVE-2026-49401)', () => {
    const { gate, files } = openWorld({ grants: [{ ...PUBLIC, paths: ['/data/pub/caf\u00e9'] }], files: FILES })
    expect(codeOf(() => gate.port.files.stat(0, 'pub/caf\u00e9'))).toBe('none')
    expect(codeOf(() => gate.port.files.stat(0, 'pub/cafe\u0301'))).toBe('EACCES')
    expect(files.log).toEqual(['stat pub/caf\u00e9'])
  })

  test('a link is decided by where it leads, not by where it lies (GHSA-jxwh-q9gp-f7j9)', () => {
    const world = openWorld({ grants: [PUBLIC], files: FILES })
    Object.assign(world.files, { resolve: () => 'secret' })
    const target = world.gate.port.files.resolve(0, 'pub/link', true) as string
    expect(target).toBe('secret')
    expect(codeOf(() => world.gate.port.files.open(0, target, READ))).toBe('EACCES')
    expect(world.files.log).toEqual([])
  })

  test('no refusal carries a path of the host or its reason', () => {
    const { gate } = openWorld({ files: FILES })
    for (const path of ['secret', '../x', 'missing']) {
      try {
        gate.port.files.stat(0, path)
        expect.unreachable()
      } catch (error) {
        expect((error as Error).message).toBe('permission denied')
      }
    }
  })

  test('a mount that does not exist, and a mount at a place that is not canonical, are refused', () => {
    const { gate } = openWorld({ files: FILES })
    for (const id of [1, -1, 0.5, Number.NaN, 2 ** 32])
      expect(codeOf(() => gate.port.files.stat(id, 'a'))).toBe('ENOENT')
    for (const at of ['data', '/data/', '/a/../b', '/a\\b', '']) {
      expect(() => openWorld({ at })).toThrow(expect.objectContaining({ code: 'TOKA_REQUEST_INVALID' }))
    }
  })
})

describe('names of variables and tools', () => {
  test.each([
    '',
    'LANG\0',
    'LANG=x',
    'lang',
    ' LANG',
    '__proto__',
    'constructor',
    'L'.repeat(1e7),
    '\ud800',
    'LANG\u200b',
  ])('%j is not LANG', (name) => {
    let asked = 0
    const { gate } = openWorld({
      grants: [
        { resource: 'env', actions: ['read'], names: ['LANG'] },
        { resource: 'tool', actions: ['call'], names: ['LANG'] },
      ],
      drivers: {
        environment: () => String(asked++),
        callTool: () => new Uint8Array(asked++),
      },
    })
    expect(gate.port.environment(name)).toBeUndefined()
    expect(codeOf(() => gate.port.callTool(name, new Uint8Array(), new AbortController().signal))).toBe('TOKA_DENIED')
    expect(asked).toBe(0)
    expect(gate.denialCount).toBe(2)
    for (const { resource } of gate.denials) expect(resource.length).toBeLessThanOrEqual(4_352)
  })
})

describe('numbers out of range', () => {
  test('offsets and lengths that are no sizes are brought into bounds before the driver sees them', () => {
    const seen: number[][] = []
    const world = openWorld({ grants: [PUBLIC], files: FILES })
    const open = world.files.open.bind(world.files)
    Object.assign(world.files, {
      open: (path: string, intent: typeof READ) => ({
        ...open(path, intent),
        read: (offset: number, length: number) => {
          seen.push([offset, length])
          return new Uint8Array(length)
        },
        write: (offset: number, bytes: Uint8Array) => {
          seen.push([offset, bytes.length])
          return 1e9
        },
      }),
    })
    const file = world.gate.port.files.open(0, 'pub/a', { ...READ, write: true })
    if (file instanceof Promise) throw new Error('the driver answers at once')
    for (const number of [-1, Number.NaN, Infinity, -Infinity, 1e300, 0.5, 2 ** 53]) {
      file.read(number, number)
      expect(file.write(number, new Uint8Array(2))).toBe(2)
    }
    for (const [offset, length] of seen as [number, number][]) {
      expect(Number.isSafeInteger(offset) && offset >= 0).toBe(true)
      expect(Number.isInteger(length) && length >= 0 && length <= BORDER.transferBytes).toBe(true)
    }
    expect(file.write(0, new Uint8Array(BORDER.transferBytes + 1)) as number).toBe(BORDER.transferBytes)
  })

  test('a driver that answers more than it was asked for does not pass it on', () => {
    const world = openWorld({ grants: [{ ...PUBLIC, quota: { bytes: 10 } }], files: FILES })
    const open = world.files.open.bind(world.files)
    Object.assign(world.files, {
      open: (path: string, intent: typeof READ) => ({ ...open(path, intent), read: () => new Uint8Array(1_000) }),
    })
    const file = world.gate.port.files.open(0, 'pub/a', READ)
    if (file instanceof Promise) throw new Error('the driver answers at once')
    expect((file.read(0, 4) as Uint8Array).length).toBe(4)
    expect((file.read(0, 999) as Uint8Array).length).toBe(6)
  })
})

describe('grants from strangers', () => {
  test.each([
    [
      'a getter',
      {
        get resource(): string {
          throw new Error('x')
        },
      },
    ],
    [
      'a proxy',
      new Proxy(
        { resource: 'fs' },
        {
          ownKeys: () => {
            throw new Error('x')
          },
        },
      ),
    ],
  ])('%s makes no grant', (_what, grant) => {
    expect(() => openWorld({ grants: [grant] })).toThrow()
  })

  test('what a grant says when it is checked is what counts: changing the object later changes nothing', () => {
    const grant = { resource: 'fs', actions: ['read'], paths: ['/data/pub/**'] }
    const { gate } = openWorld({ grants: [grant], files: FILES })
    grant.paths.push('/**')
    grant.actions.push('write')
    expect(codeOf(() => gate.port.files.stat(0, 'secret'))).toBe('EACCES')
    expect(codeOf(() => gate.port.files.removeFile(0, 'pub/a'))).toBe('EACCES')
  })

  test('rules and patterns of any size end quickly', () => {
    const begun = performance.now()
    for (const rule of [
      `fs.read=/${'*a'.repeat(400)}`,
      `fs.read=/${'{a,'.repeat(300)}`,
      `fs.read=/${'{a,b}'.repeat(200)}`,
      `fs.read=/*a${'?'.repeat(60)}`,
      '='.repeat(1e6),
      `clock${'x'.repeat(1e6)}`,
    ]) {
      try {
        openWorld({ grants: [parseRule(rule)] })
      } catch (error) {
        expect(error).toMatchObject({ code: 'TOKA_GRANT_INVALID' })
      }
    }
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  test('a limit of host calls that is no number of calls refuses, never allows', () => {
    for (const hostCalls of [0, -1, Number.NaN]) {
      const { gate } = openWorld({ grants: [PUBLIC], files: FILES, limits: { ...DEFAULT_LIMITS, hostCalls } })
      expect(codeOf(() => gate.port.files.stat(0, 'pub/a'))).toBe('EACCES')
    }
  })
})
