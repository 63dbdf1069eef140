/** A directory handle of the browser as a mount: asynchronous, without links, each write committed before it is answered. */
import type { FileDriver } from '../gate/drivers.ts'
import { errno, type ErrnoName } from '../kernel/errno.ts'
import {
  type DirectoryEntry,
  type FileStat,
  GuestFacingError,
  type HostFile,
  type MountPath,
  type OpenIntent,
} from '../kernel/host-port.ts'
import { compareNames } from '../kernel/paths.ts'
import { mountNames, splitMountPath } from './mount-path.ts'

/** Entries of one directory that are listed; a larger one is EOVERFLOW. */
const LISTED_ENTRIES = 65_536

/** DOMException names of the File System standard (fs.spec.whatwg.org) as errno names. */
const FAILURES: Readonly<Record<string, ErrnoName>> = {
  NotFoundError: 'ENOENT',
  NotAllowedError: 'EACCES',
  SecurityError: 'EACCES',
  NoModificationAllowedError: 'EBUSY',
  InvalidModificationError: 'ENOTEMPTY',
  InvalidStateError: 'EBUSY',
  QuotaExceededError: 'ENOSPC',
  TypeMismatchError: 'ENOTDIR',
  TypeError: 'EINVAL', // a name that the browser does not allow
}

async function inBrowser<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof GuestFacingError) throw error
    throw errno(FAILURES[error instanceof Error || error instanceof DOMException ? error.name : ''] ?? 'EIO')
  }
}

export class OpfsDriver implements FileDriver {
  readonly #root: FileSystemDirectoryHandle

  constructor(root: FileSystemDirectoryHandle) {
    this.#root = root
  }

  /** There are no links: a path means itself when the directories above it exist. */
  resolve(path: MountPath): Promise<MountPath> {
    return inBrowser(async () => {
      if (path !== '') await this.#directory(splitMountPath(path).parent)
      return path
    })
  }

  open(path: MountPath, intent: OpenIntent): Promise<HostFile> {
    return inBrowser(async () => {
      const found = await this.#find(path)
      if (found !== undefined && intent.create && intent.exclusive) throw errno('EEXIST')
      if (found?.kind === 'directory') {
        if (intent.write || intent.create) throw errno('EISDIR')
        return new OpfsDirectory(statOfDirectory(path))
      }
      if (found === undefined && !intent.create) throw errno('ENOENT')
      const file = new OpfsFile(found ?? (await this.#create(path)), path, intent)
      if (intent.truncate) await file.truncate(0)
      return file
    })
  }

  stat(path: MountPath): Promise<FileStat> {
    return inBrowser(async () => {
      const found = await this.#find(path)
      if (found === undefined) throw errno('ENOENT')
      return found.kind === 'directory' ? statOfDirectory(path) : statOfFile(path, await found.getFile())
    })
  }

  list(path: MountPath): Promise<DirectoryEntry[]> {
    return inBrowser(async () => {
      const directory = await this.#directory(mountNames(path))
      const entries: DirectoryEntry[] = []
      for await (const [name, handle] of directory.entries()) {
        if (entries.length >= LISTED_ENTRIES) throw errno('EOVERFLOW')
        entries.push({ name, kind: handle.kind, inode: inodeOf(path === '' ? name : `${path}/${name}`) })
      }
      return entries.sort((a, b) => compareNames(a.name, b.name))
    })
  }

  async readLink(path: MountPath): Promise<string> {
    await this.stat(path)
    throw errno('EINVAL')
  }

  makeDirectory(path: MountPath): Promise<void> {
    return inBrowser(async () => {
      if ((await this.#find(path)) !== undefined) throw errno('EEXIST')
      const { parent, name } = splitMountPath(path)
      await (await this.#directory(parent)).getDirectoryHandle(name, { create: true })
    })
  }

  removeFile(path: MountPath): Promise<void> {
    return this.#remove(path, 'file')
  }

  removeDirectory(path: MountPath): Promise<void> {
    return this.#remove(path, 'directory')
  }

  /** Files only, by copy and removal: a directory answers EXDEV, after which programs copy by themselves. */
  rename(from: MountPath, to: MountPath): Promise<void> {
    return inBrowser(async () => {
      const source = await this.#find(from)
      if (source === undefined) throw errno('ENOENT')
      if (from === to) return
      if (source.kind === 'directory') throw errno('EXDEV')
      const target = await this.#find(to)
      if (target?.kind === 'directory') throw errno('EISDIR')
      const written = await (target ?? (await this.#create(to))).createWritable()
      await (await source.getFile()).stream().pipeTo(written)
      const { parent, name } = splitMountPath(from)
      await (await this.#directory(parent)).removeEntry(name)
    })
  }

  /** Browsers set times themselves. */
  async setTimes(): Promise<void> {
    throw errno('ENOTSUP')
  }

  async symlink(): Promise<void> {
    throw errno('EPERM')
  }

  async link(): Promise<void> {
    throw errno('EPERM')
  }

  close(): void {}

  #remove(path: MountPath, kind: 'file' | 'directory'): Promise<void> {
    return inBrowser(async () => {
      const { parent, name } = splitMountPath(path)
      const found = await this.#find(path)
      if (found === undefined) throw errno('ENOENT')
      if (found.kind !== kind) throw errno(kind === 'file' ? 'EISDIR' : 'ENOTDIR')
      await (await this.#directory(parent)).removeEntry(name)
    })
  }

  async #create(path: MountPath): Promise<FileSystemFileHandle> {
    const { parent, name } = splitMountPath(path)
    return (await this.#directory(parent)).getFileHandle(name, { create: true })
  }

  async #directory(names: readonly string[]): Promise<FileSystemDirectoryHandle> {
    let directory = this.#root
    for (const name of names) directory = await directory.getDirectoryHandle(name)
    return directory
  }

  async #find(path: MountPath): Promise<FileSystemFileHandle | FileSystemDirectoryHandle | undefined> {
    if (path === '') return this.#root
    const { parent, name } = splitMountPath(path)
    const directory = await this.#directory(parent)
    try {
      return await directory.getFileHandle(name)
    } catch (error) {
      const kind = error instanceof DOMException ? error.name : ''
      if (kind === 'NotFoundError') return undefined
      if (kind === 'TypeMismatchError') return directory.getDirectoryHandle(name)
      throw error
    }
  }
}

class OpfsFile implements HostFile {
  readonly kind = 'file'
  readonly #path: MountPath
  readonly #intent: Readonly<OpenIntent>
  #handle: FileSystemFileHandle | undefined

  constructor(handle: FileSystemFileHandle, path: MountPath, intent: Readonly<OpenIntent>) {
    this.#handle = handle
    this.#path = path
    this.#intent = intent
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return inBrowser(async () => {
      const file = await this.#open(this.#intent.read).getFile()
      return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer())
    })
  }

  /** Opened with `append` the bytes go to the end, whatever the offset. */
  write(offset: number, bytes: Uint8Array): Promise<number> {
    return inBrowser(async () => {
      const handle = this.#open(this.#intent.write)
      const position = this.#intent.append ? (await handle.getFile()).size : offset
      await this.#commit((written) => written.write({ type: 'write', position, data: bytes.slice() }))
      return bytes.length
    })
  }

  stat(): Promise<FileStat> {
    return inBrowser(async () => statOfFile(this.#path, await this.#open(true).getFile()))
  }

  truncate(size: number): Promise<void> {
    return inBrowser(() => this.#commit((written) => written.truncate(size)))
  }

  async sync(): Promise<void> {
    this.#open(true)
  }

  async setTimes(): Promise<void> {
    throw errno('ENOTSUP')
  }

  async close(): Promise<void> {
    this.#open(true)
    this.#handle = undefined
  }

  /** A change is there as a whole or not at all: the browser swaps the file in when the stream closes. */
  async #commit(change: (written: FileSystemWritableFileStream) => Promise<void>): Promise<void> {
    const written = await this.#open(this.#intent.write).createWritable({ keepExistingData: true })
    try {
      await change(written)
    } catch (error) {
      await written.abort().catch(() => {})
      throw error
    }
    await written.close()
  }

  #open(allowed: boolean): FileSystemFileHandle {
    if (this.#handle === undefined || !allowed) throw errno('EBADF')
    return this.#handle
  }
}

class OpfsDirectory implements HostFile {
  readonly kind = 'directory'
  readonly #stat: FileStat

  constructor(stat: FileStat) {
    this.#stat = stat
  }

  read(): never {
    throw errno('EISDIR')
  }

  write(): never {
    throw errno('EBADF')
  }

  stat(): FileStat {
    return this.#stat
  }

  truncate(): never {
    throw errno('EINVAL')
  }

  sync(): void {}

  setTimes(): never {
    throw errno('ENOTSUP')
  }

  close(): void {}
}

function statOfFile(path: MountPath, file: File): FileStat {
  const time = file.lastModified
  return {
    kind: 'file',
    size: file.size,
    modifiedMs: time,
    accessedMs: time,
    changedMs: time,
    inode: inodeOf(path),
    links: 1,
  }
}

function statOfDirectory(path: MountPath): FileStat {
  return { kind: 'directory', size: 0, modifiedMs: 0, accessedMs: 0, changedMs: 0, inode: inodeOf(path), links: 1 }
}

/** Browsers show no inode: two FNV-1a hashes of the path, 48 bits. A renamed file has another. */
function inodeOf(path: MountPath): number {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let index = 0; index < path.length; index++) {
    low = Math.imul(low ^ path.charCodeAt(index), 0x01000193)
    high = Math.imul(high ^ path.charCodeAt(index), 0x85ebca6b)
  }
  return (high & 0xffff) * 2 ** 32 + (low >>> 0)
}
