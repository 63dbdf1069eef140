/** A host directory as a mount: everything is opened beneath its root, no link is followed, special files are refused. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs'
import process from 'node:process'
import type { FileDriver } from '../gate/drivers.ts'
import { errno } from '../kernel/errno.ts'
import type { DirectoryEntry, FileStat, HostFile, MountPath, OpenIntent } from '../kernel/host-port.ts'
import { compareNames } from '../kernel/paths.ts'
import { BORDER } from '../limits.ts'
import { onDisk } from './disk-errors.node.ts'
import { DiskFile } from './disk-file.node.ts'
import { DiskStats, kindOf, toSeconds } from './disk-stats.node.ts'
import { ComparedWalk, DescriptorWalk, type DiskWalk } from './disk-walk.node.ts'
import { mountNames, splitMountPath } from './mount-path.ts'

/** Entries of one directory that are listed; a larger one is EOVERFLOW: reading it would stall every guest. */
const LISTED_ENTRIES = 65_536
/** Inodes are told of so many entries at most: each takes a look and a hash, some 6 us. */
const NUMBERED_ENTRIES = 1_024
/** Components looked at in one resolution: the links of a host may be as long as paths. */
const RESOLVE_STEPS = 4_096
/** Never through a link, never waiting for a FIFO's other end, never as a controlling terminal. */
const SAFE = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

export type DiskOptions = {
  /** How entries are reached; default `descriptors` on Linux with /proc, `compare` elsewhere. */
  walk?: 'descriptors' | 'compare'
}

/**
 * All calls are synchronous, so those of one thread never interleave: a rename of a guest's falls between two opens,
 * never into one. Throws the host's own error when the root cannot be opened.
 */
export class DiskDriver implements FileDriver {
  readonly #walk: DiskWalk
  readonly #stats = new DiskStats()

  constructor(root: string, options: DiskOptions = {}) {
    const walk = options.walk ?? (DescriptorWalk.works ? 'descriptors' : 'compare')
    this.#walk = walk === 'descriptors' ? new DescriptorWalk(root) : new ComparedWalk(root)
  }

  resolve(path: MountPath, followLast: boolean): MountPath {
    const names = mountNames(path)
    return onDisk(() => (this.#isPlain(names, followLast) ? path : this.#follow(names, followLast)))
  }

  open(path: MountPath, intent: OpenIntent): HostFile {
    const names = mountNames(path)
    return onDisk(() => this.#walk.opening(names, (entry) => this.#openChecked(entry, intent)))
  }

  stat(path: MountPath): FileStat {
    return onDisk(() => {
      if (path === '') return this.#walk.directory([], (root) => this.#stats.of(statSync(root, { bigint: true })))
      const { parent, name } = splitMountPath(path)
      return this.#walk.entry(parent, name, (entry) => this.#stats.of(lstatSync(entry, { bigint: true })))
    })
  }

  /** Names that are no UTF-8 are left out: no guest could ask for them. */
  list(path: MountPath): DirectoryEntry[] {
    const names = mountNames(path)
    return onDisk(() => this.#walk.directory(names, (path) => this.#listDirectory(path))).sort((a, b) =>
      compareNames(a.name, b.name),
    )
  }

  readLink(path: MountPath): string {
    return onDisk(() => {
      if (path === '') throw errno('EINVAL')
      const { parent, name } = splitMountPath(path)
      const target = this.#walk.entry(parent, name, (entry) => readlinkSync(entry))
      // An absolute target is a path of the host.
      if (isAbsolute(target)) throw errno('EACCES')
      return target
    })
  }

  makeDirectory(path: MountPath): void {
    if (path === '') throw errno('EEXIST')
    this.#onEntry(path, (entry) => mkdirSync(entry))
  }

  removeFile(path: MountPath): void {
    this.#onEntry(path, (entry) => {
      const kind = kindOf(lstatSync(entry))
      if (kind === 'directory') throw errno('EISDIR')
      if (kind === 'other') throw errno('EACCES')
      unlinkSync(entry)
    })
  }

  removeDirectory(path: MountPath): void {
    this.#onEntry(path, (entry) => {
      if (!lstatSync(entry).isDirectory()) throw errno('ENOTDIR')
      rmdirSync(entry)
    })
  }

  /** Links that lead upwards stay where the host put them (EPERM): they would come to mean something else. */
  rename(from: MountPath, to: MountPath): void {
    this.#onEntry(from, (source) =>
      this.#onEntry(to, (target) => {
        const moved = kindOf(lstatSync(source))
        const replaced = lstatSync(target, { throwIfNoEntry: false })
        if (moved === 'link') checkDownward(readlinkSync(source))
        if (moved === 'other' || (replaced !== undefined && kindOf(replaced) === 'other')) throw errno('EACCES')
        renameSync(source, target)
      }),
    )
  }

  setTimes(path: MountPath, accessedMs: number, modifiedMs: number): void {
    const set = (entry: string): void => lutimesSync(entry, toSeconds(accessedMs), toSeconds(modifiedMs))
    if (path === '') onDisk(() => this.#walk.directory([], set))
    else this.#onEntry(path, set)
  }

  symlink(target: string, path: MountPath): void {
    this.#onEntry(path, (entry) => symlinkSync(target, entry))
  }

  link(existing: MountPath, path: MountPath): void {
    this.#onEntry(existing, (source) =>
      this.#onEntry(path, (target) => {
        const kind = kindOf(lstatSync(source))
        if (kind === 'link') checkDownward(readlinkSync(source))
        else if (kind !== 'file') throw errno(kind === 'other' ? 'EACCES' : 'EPERM')
        linkSync(source, target)
      }),
    )
  }

  close(): void {
    this.#walk.close()
  }

  #listDirectory(path: string): DirectoryEntry[] {
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const entries: DirectoryEntry[] = []
    const directory = opendirSync(path, { encoding: 'buffer' as BufferEncoding, bufferSize: 1_024 })
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (entries.length >= LISTED_ENTRIES) throw errno('EOVERFLOW')
        try {
          entries.push({ name: utf8.decode(entry.name as unknown as Uint8Array), kind: kindOf(entry), inode: 0 })
        } catch {
          // no UTF-8
        }
      }
    } finally {
      directory.closeSync()
    }
    return entries.length > NUMBERED_ENTRIES ? entries : entries.map((entry) => this.#numbered(path, entry))
  }

  /** The entry with its inode, if it is still there. */
  #numbered(directory: string, entry: DirectoryEntry): DirectoryEntry {
    const found = lstatSync(`${directory}/${entry.name}`, { bigint: true, throwIfNoEntry: false })
    return found === undefined ? entry : { ...entry, inode: this.#stats.of(found).inode }
  }

  #onEntry(path: MountPath, act: (entry: string) => void): void {
    const { parent, name } = splitMountPath(path)
    onDisk(() => this.#walk.entry(parent, name, act))
  }

  #openChecked(entry: string, intent: OpenIntent): HostFile {
    checkKind(lstatSync(entry, { bigint: true, throwIfNoEntry: false }), intent)
    const fd = openSync(entry, flagsOf(intent), 0o666)
    let kind: HostFile['kind']
    try {
      const opened = fstatSync(fd, { bigint: true })
      kind = opened.isDirectory() ? 'directory' : 'file'
      checkKind(opened, { ...intent, exclusive: false })
      this.#walk.confirm(entry, opened)
      if (intent.truncate) ftruncateSync(fd, 0)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return new DiskFile(fd, intent, this.#stats, kind)
  }

  /** Whether a path has no link on its way: then it means itself. */
  #isPlain(names: readonly string[], followLast: boolean): boolean {
    if (names.length === 0) return true
    try {
      return this.#walk.entry(names.slice(0, -1), names.at(-1) as string, (entry) => {
        return !followLast || !lstatSync(entry, { throwIfNoEntry: false })?.isSymbolicLink()
      })
    } catch {
      return false // the slow way tells what is wrong
    }
  }

  #follow(names: readonly string[], followLast: boolean): MountPath {
    const todo = [...names].reverse()
    const resolved: string[] = []
    let links = 0
    for (let steps = 0; todo.length > 0; steps++) {
      const name = todo.pop() as string
      if (steps > RESOLVE_STEPS) throw errno('ELOOP')
      if (name === '' || name === '.') continue
      if (name === '..') {
        if (resolved.pop() === undefined) throw errno('EACCES') // above the root
        continue
      }
      const last = todo.length === 0
      const kind = this.#kindAt(resolved, name)
      if (kind === 'link' && (!last || followLast)) {
        if (++links > BORDER.linkFollows) throw errno('ELOOP')
        todo.push(...this.#target(resolved, name))
        continue
      }
      if (!last && kind !== 'directory') throw errno(kind === undefined ? 'ENOENT' : 'ENOTDIR')
      resolved.push(name)
    }
    const path = resolved.join('/')
    mountNames(path) // a host's link may spell what no guest can
    return path
  }

  #kindAt(parent: readonly string[], name: string): FileStat['kind'] | undefined {
    return this.#walk.entry(parent, name, (entry) => {
      const found = lstatSync(entry, { throwIfNoEntry: false })
      return found === undefined ? undefined : kindOf(found)
    })
  }

  #target(parent: readonly string[], name: string): string[] {
    const target = this.#walk.entry(parent, name, (entry) => readlinkSync(entry))
    if (isAbsolute(target)) throw errno('EACCES')
    return target.split(process.platform === 'win32' ? /[\\/]/ : '/').reverse()
  }
}

/** EPERM for a link's target that means something else in another place. */
function checkDownward(target: string): void {
  if (isAbsolute(target) || target.split(/[\\/]/).includes('..')) throw errno('EPERM')
}

function isAbsolute(target: string): boolean {
  return target.startsWith('/') || (process.platform === 'win32' && /^([A-Za-z]:|\\)/.test(target))
}

function flagsOf(intent: OpenIntent): number {
  const access = intent.write ? (intent.read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY
  const create = intent.create ? constants.O_CREAT | (intent.exclusive ? constants.O_EXCL : 0) : 0
  return access | create | (intent.append ? constants.O_APPEND : 0) | SAFE
}

/** Only regular files, and directories for reading. */
function checkKind(found: BigIntStats | undefined, intent: OpenIntent): void {
  if (found === undefined) {
    if (!intent.create) throw errno('ENOENT')
    return
  }
  const kind = kindOf(found)
  if (intent.create && intent.exclusive) throw errno('EEXIST')
  if (kind === 'link') throw errno('ELOOP')
  if (kind === 'other') throw errno('EACCES')
  if (kind === 'directory' && (intent.write || intent.create)) throw errno('EISDIR')
}
