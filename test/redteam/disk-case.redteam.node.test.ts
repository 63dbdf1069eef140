/** A disk that folds case and Unicode forms, ignores code points and cuts endings: no such spelling is a way around a grant or a mount. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DiskDriver } from '../../src/host/disk.node.ts'
import { MemoryDriver } from '../../src/host/memory.ts'
import { EmscriptenSyscalls } from '../../src/kernel/emscripten.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { Right } from '../../src/kernel/preview1-abi.ts'
import { ALL, E, Preview1World, ROOT } from '../preview1-world.ts'
import { bytes, mountPort, port } from '../unit/kernel-guest.ts'

type Fs = typeof import('node:fs')
const disk = vi.hoisted(() => ({ root: '' }))

/** The disk as such a file system answers: names beneath the root, and beneath open directories, lead to what folds to them. */
vi.mock('node:fs', async (original) => {
  const fs = (await original()) as Fs
  const fold = (name: string) =>
    name
      .replaceAll('\u00ad', '')
      .replace(/[. ]+$/, '')
      .normalize('NFD')
      .toUpperCase()
      .toLowerCase()
  const entryOf = (directory: string, name: string): string => {
    if (/^\.{0,2}$/.test(name)) return name
    try {
      const names = fs.readdirSync(directory, 'utf8')
      return names.find((each) => each === name) ?? names.find((each) => fold(each) === fold(name)) ?? name
    } catch {
      return name
    }
  }
  const spelled = (path: unknown): unknown => {
    const start = /^\/proc\/self\/fd\/\d+/.exec(String(path))?.[0] ?? disk.root
    if (typeof path !== 'string' || start === '' || !path.startsWith(`${start}/`)) return path
    const names = path.slice(start.length + 1).split('/')
    return names.reduce((directory, name) => `${directory}/${entryOf(directory, name)}`, start)
  }
  const first = <K extends keyof Fs>(name: K) => ({
    [name]: (path: unknown, ...rest: unknown[]) => (fs[name] as (...all: unknown[]) => unknown)(spelled(path), ...rest),
  })
  const both = (name: 'renameSync' | 'linkSync') => ({
    [name]: (from: unknown, to: unknown) => fs[name](spelled(from) as string, spelled(to) as string),
  })
  return {
    ...fs,
    ...first('openSync'),
    ...first('lstatSync'),
    ...first('statSync'),
    ...first('readdirSync'),
    ...first('opendirSync'),
    ...first('mkdirSync'),
    ...first('rmdirSync'),
    ...first('unlinkSync'),
    ...first('readlinkSync'),
    ...first('lutimesSync'),
    ...both('renameSync'),
    ...both('linkSync'),
    symlinkSync: (target: string, path: string) => fs.symlinkSync(target, spelled(path) as string),
    realpathSync: Object.assign((path: string) => fs.realpathSync(spelled(path) as string), {
      native: (path: string) => fs.realpathSync.native(spelled(path) as string),
    }),
  }
})

const { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } =
  await vi.importActual<Fs>('node:fs')
const { tmpdir } = await vi.importActual<typeof import('node:os')>('node:os')

const WALKS = process.platform === 'linux' ? (['descriptors', 'compare'] as const) : (['compare'] as const)
const CREATE = 1
const DIRECTORY = 2

/** Each is a directory with a file `key`, and spellings that lead to it here. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ['secret', 'SECRET'],
  ['secret', 'Secret'],
  ['secret', 'se\u00adcret'],
  ['secret', 'secret.'],
  ['secret', '\u017fecret'], // a long s
  ['secret', 'secret '],
  ['stra\u00dfe', 'STRASSE'],
  ['stra\u00dfe', 'strasse'],
  ['\u00e9t\u00e9', 'e\u0301te\u0301'],
  ['\u00e9', 'E\u0301'],
  ['\u00e9', '\u00c9'],
  ['\uac00', '\u1100\u1161'], // Hangul, composed or not
  ['2024', '2024.'],
  ['2024', '20\u00ad24'],
]

let root: string
let kernel: Kernel

beforeEach(() => {
  root = realpathSync.native(mkdtempSync(`${tmpdir()}/toka-case-`))
  disk.root = root
  for (const name of new Set(SPELLINGS.map(([name]) => name))) {
    mkdirSync(`${root}/${name}`)
    writeFileSync(`${root}/${name}/key`, 'the key')
  }
})
afterEach(() => {
  disk.root = ''
  rmSync(root, { recursive: true, force: true })
})

/** Everything is as it was, and nothing was made. */
function expectUntouched(): void {
  expect(readdirSync(root).sort()).toEqual([...new Set(SPELLINGS.map(([name]) => name))].sort())
  for (const name of readdirSync(root)) {
    expect(readdirSync(`${root}/${name}`)).toEqual(['key'])
    expect(readFileSync(`${root}/${name}/key`, 'utf8')).toBe('the key')
  }
}

describe.each(WALKS)('reached by %s', (walk) => {
  const mounted = (): Preview1World => {
    // What a mount hides stays hidden.
    const drivers = [new DiskDriver(root, { walk }), new MemoryDriver()]
    return new Preview1World({ mounts: ['/m', '/m/secret'], port: port({ files: mountPort(drivers) }) })
  }

  test('the disk folds, and names that are spelled as they are lead to their files', async () => {
    const { lstatSync } = await import('node:fs')
    const it = mounted()
    for (const [name, other] of SPELLINGS) {
      expect(lstatSync(`${root}/${other}/KEY`).isFile()).toBe(true)
      if (name === 'secret') expect(await it.stat('m/secret/key')).toBe(-E.noent)
      else expect(await it.read(await it.open(`m/${name}/key`))).toBe('the key')
    }
  })

  test.each(SPELLINGS)('WASI: %j is not %j', async (name, other) => {
    const it = mounted()
    const below = await it.open('m', DIRECTORY, ALL & ~Right.fdWrite)
    for (const path of [other, `${other}/key`, `${other}/`, ...(name === 'secret' ? [] : [`${name}/KEY`])]) {
      for (const [fd, way] of [
        [ROOT, `m/${path}`],
        [below, path],
      ] as const) {
        expect(await it.stat(way, 0, fd)).toBe(-E.noent)
        for (const flags of [0, CREATE, DIRECTORY])
          expect(await it.call('path_open', fd, 1, way, flags, Right.fdRead, 0n, 0, it.out)).not.toBe(E.success)
        expect(await it.call('path_rename', fd, way, ROOT, 'm/moved')).toBe(E.noent)
        expect(await it.call('path_unlink_file', fd, way)).toBe(E.noent)
        expect(await it.call('path_remove_directory', fd, way)).toBe(E.noent)
        expect(await it.call('path_filestat_set_times', fd, 0, way, 1n, 1n, 5)).toBe(E.noent)
        expect(await it.call('path_link', fd, 0, way, ROOT, 'm/second')).toBe(E.noent)
        expect(await it.call('path_create_directory', fd, way)).toBe(E.noent)
        expect(await it.call('path_symlink', 'x', fd, way)).not.toBe(E.success)
      }
    }
    expectUntouched()
  })

  test.each(SPELLINGS)('Emscripten: %j is not %j', (_name, other) => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    kernel = mounted().kernel
    const calls = new EmscriptenSyscalls(() => memory, {
      pending: undefined,
      settle: (answer) => answer,
      made: () => {},
    })
    calls.bind(kernel.process)
    const call = (name: string, ...args: unknown[]) =>
      (calls.env as Record<string, (...all: unknown[]) => number>)[name]?.(...args)
    const text = (value: string, at: number) => {
      new Uint8Array(memory.buffer).set(bytes(`${value}\0`), at)
      return at
    }
    for (const path of [`/m/${other}`, `/m/${other}/key`]) {
      expect(call('__syscall_openat', -100, text(path, 1_024), 0, 0)).toBe(-E.noent)
      expect(call('__syscall_openat', -100, text(path, 1_024), 0o102, 0)).toBe(-E.noent)
      expect(call('__syscall_stat64', text(path, 1_024), 8_192)).toBe(-E.noent)
      expect(call('__syscall_unlinkat', -100, text(path, 1_024), 0)).toBe(-E.noent)
      expect(call('__syscall_renameat', -100, text(path, 1_024), -100, text('/m/moved', 4_096))).toBe(-E.noent)
    }
    expectUntouched()
  })
})
