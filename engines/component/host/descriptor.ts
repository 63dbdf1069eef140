/** A descriptor of wasi:filesystem: an open file or directory of the process, with its rights; paths lead beneath a directory only. */
import { errno } from '../../../src/kernel/errno.ts'
import type { DirectoryNode, TreeNode } from '../../../src/kernel/file-nodes.ts'
import type { FileStat, MaybePromise } from '../../../src/kernel/host-port.ts'
import type { OpenFile } from '../../../src/kernel/open-file.ts'
import { openAt, statPath, type Where } from '../../../src/kernel/path-calls.ts'
import { checkPath, pathOf } from '../../../src/kernel/paths.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { type Base, rootBase } from '../../../src/kernel/resolve.ts'
import { chain, run, type Steps, wait } from '../../../src/kernel/steps.ts'
import type { Closable, OpenDirectory, World } from './definitions.ts'
import type { DescriptorFlags, OpenFlags } from './filesystem-types.ts'
import type { HeldBytes } from './held-bytes.ts'
import { InputStream, OutputStream } from './streams.ts'

/** Rights of what a component is given at its start, a directory. What a mount allows is decided by the gate, at each call. */
const ROOT_RIGHTS: DescriptorFlags = {
  read: true,
  write: false,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: true,
}

type Parts = {
  world: Pick<World, 'process' | 'held' | 'directories'>
  flags: DescriptorFlags
  /** Of a directory. */
  base?: Base | undefined
  /** The process's descriptor; none for the root directory. */
  fd?: number
  /** Where it is; undefined for private files. */
  mount?: number | undefined
}

export class Descriptor implements Closable, OpenDirectory {
  readonly process: Process
  /** Of the component. */
  readonly held: HeldBytes
  readonly flags: DescriptorFlags
  readonly #world: Parts['world']
  #base: Base | undefined
  readonly #fd: number | undefined
  readonly #mount: number | undefined
  #closed = false

  constructor({ world, flags, base, fd, mount }: Parts) {
    this.#world = world
    this.process = world.process
    this.held = world.held
    this.flags = flags
    this.#base = base
    this.#fd = fd
    this.#mount = mount
    if (mount !== undefined && base) world.directories.add(this)
  }

  /** The root directory of the sandbox. */
  static root(world: Parts['world']): Descriptor {
    return new Descriptor({ world, flags: ROOT_RIGHTS, base: rootBase(world.process.services.files) })
  }

  /** A directory of a mount has another name: all that are open hear of it. */
  tellRenamed(from: readonly string[], to: readonly string[]): void {
    for (const open of this.#world.directories) open.renamed(from, to)
  }

  renamed(from: readonly string[], to: readonly string[]): void {
    const base = this.#base
    if (!base || !from.every((name, at) => base.names[at] === name)) return
    this.#base = { names: [...to, ...base.names.slice(from.length)], trail: base.trail }
  }

  get isDirectory(): boolean {
    return this.#base !== undefined
  }

  /** Where a directory is, of private files where it was when it was opened; undefined for a file. */
  get path(): string | undefined {
    return this.#base && pathOf(this.#base.names)
  }

  /** A directory of private files, which keeps being it whatever it is called. */
  get #node(): DirectoryNode | undefined {
    return this.#mount === undefined ? this.#base?.trail.at(-1) : undefined
  }

  /** Whether a directory is where it was when it was opened: one of private files may have been renamed since. */
  get isInPlace(): boolean {
    const { files } = this.process.services
    let at: TreeNode | undefined = files.root
    for (const name of this.#base?.names ?? []) at = at?.kind === 'directory' ? files.lookup(at, name) : undefined
    return !this.#node || at === this.#node
  }

  /** @throws GuestFacingError EISDIR, EBADF */
  get file(): OpenFile {
    if (this.isDirectory) throw errno('EISDIR')
    return this.#open()
  }

  /** What is open, whatever it is; undefined for the root directory. */
  #open(): OpenFile {
    if (this.#closed || this.#fd === undefined) throw errno('EBADF')
    return this.process.descriptors.get(this.#fd)
  }

  stat(): MaybePromise<FileStat> {
    return this.#base ? run(statPath(this.process, this.beneath('.'), true)) : this.#open().stat()
  }

  /** Whether another is the same directory or file, by whatever name. */
  *isSame(other: Descriptor): Steps<boolean> {
    if (this === other) return true
    if (this.isDirectory !== other.isDirectory) return false
    if (this.#node && other.#node) return this.#node === other.#node
    if (this.isDirectory) return this.path === other.path
    if (this.#mount !== other.#mount) return false
    return (yield* wait(this.stat())).inode === (yield* wait(other.stat())).inode
  }

  setTimes(accessedMs: number, modifiedMs: number): MaybePromise<void> {
    return this.#open().setTimes(accessedMs, modifiedMs)
  }

  sync(): MaybePromise<void> {
    return this.#fd === undefined ? undefined : this.#open().sync()
  }

  read(length: number, offset: number): MaybePromise<Uint8Array> {
    if (!this.flags.read) throw errno('EBADF')
    return this.file.read(length, offset)
  }

  write(bytes: Uint8Array, offset: number): MaybePromise<number> {
    if (!this.flags.write) throw errno('EBADF')
    return this.file.write(bytes, offset)
  }

  readStream(start: number): InputStream {
    if (!this.flags.read) throw errno('EBADF')
    const { file } = this
    let offset = start
    return new InputStream((length) =>
      chain(file.read(length, offset), (bytes) => {
        offset += bytes.length
        return bytes
      }),
    )
  }

  /**
   * @param start where writing begins; undefined for the end, wherever that is then
   * @param onBackground hears of what is written later
   */
  writeStream(start: number | undefined, onBackground?: (written: Promise<void>) => void): OutputStream {
    if (!this.flags.write) throw errno('EBADF')
    const { file } = this
    let offset = start
    const push = (bytes: Uint8Array): MaybePromise<number> =>
      chain(offset ?? chain(file.stat(), ({ size }) => size), (at) =>
        chain(file.write(bytes, at), (written) => {
          if (offset !== undefined) offset += written
          return written
        }),
      )
    return new OutputStream(push, onBackground ? { onBackground } : {})
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#world.directories.delete(this)
    if (this.#fd === undefined) return
    const answer = this.process.descriptors.close(this.#fd)
    // Nobody is left who could be told.
    if (answer instanceof Promise) answer.catch(() => {})
  }

  /** The directory must be one in which names may be made and removed. */
  mustMutate(): this {
    if (!this.isDirectory) throw errno('ENOTDIR')
    if (!this.flags.mutateDirectory) throw errno('EROFS')
    return this
  }

  /** A path beneath this directory: what leads out of it is refused when it is resolved. */
  beneath(path: string): Where {
    if (!this.#base) throw errno('ENOTDIR')
    return { base: this.#base, path: checkPath(path) }
  }

  /**
   * Opens a file or a directory beneath this one, with no more rights than this one has. To make a file is to write it;
   * who wants nothing in particular, reads; a directory is read, and what is written are the files in it.
   */
  *open(path: string, followLast: boolean, open: OpenFlags, flags: DescriptorFlags): Steps<Descriptor> {
    const where = this.beneath(path)
    if (flags.write || flags.mutateDirectory || open.create || open.truncate) this.mustMutate()
    const { create, exclusive, truncate } = open
    const read = flags.read || !flags.write
    const write = flags.write || create
    if (read && !this.flags.read) throw errno('EPERM')
    if ((open.directory && create) || (truncate && !flags.write)) throw errno('EINVAL')
    const intent = { read, write, create, exclusive, truncate, append: false }
    const { descriptor: fd, kind, base, mount } = yield* openAt(this.process, where, intent, followLast)
    const rights = kind === 'directory' ? { ...flags, read, write: false } : { ...flags, read, write }
    const opened = new Descriptor({ world: this.#world, flags: rights, base, fd, mount })
    if (!open.directory || kind === 'directory') return opened
    opened.close()
    throw errno('ENOTDIR')
  }
}
