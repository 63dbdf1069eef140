/** What preview 1 knows of a descriptor beside its file: rights, flags, position, and where a directory leads. */
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import { InputStream } from './input.ts'
import { KeptListings } from './kept-listings.ts'
import { type OpenFile, PrivateDirectory } from './open-file.ts'
import { OutputStream } from './output.ts'
import { DIRECTORY_RIGHTS, FILE_RIGHTS, FileType, INPUT_RIGHTS, OUTPUT_RIGHTS } from './preview1-abi.ts'
import type { Process } from './process.ts'
import { type Base, rootBase } from './resolve.ts'

/** What duplicates of a descriptor share. The position is of 64 bits: a guest may seek to where no file reaches. */
export type Cursor = { position: bigint; append: boolean; nonblock: boolean }

/** The content of a directory when its listing began: cookies are places in it, whatever changes meanwhile. */
export type ListedEntry = { name: Uint8Array; inode: bigint; type: number }

export type Fd = {
  file: OpenFile
  type: number
  rights: bigint
  inheriting: bigint
  cursor: Cursor
  /** Of a directory. */
  base: Base | undefined
  /** The name that it was opened under before the guest began. */
  preopen: string | undefined
  listing: readonly ListedEntry[] | undefined
}

/** Names of a tree that nothing was put into: /tmp. */
const EMPTY_NODES = 1
/** The first descriptor that is no stream. */
const FIRST_FREE = 3

const newCursor = (): Cursor => ({ position: 0n, append: false, nonblock: false })

/** One table a process, beside its descriptors: the numbers are the same. */
export class Preview1Descriptors {
  readonly #process: Process
  readonly #known = new Map<number, Fd>()
  readonly listings = new KeptListings<ListedEntry>()

  /**
   * Closes what a guest before this one left open, and opens the root: of a sandbox that was given mounts or files. One
   * that has nothing but its empty /tmp was given none, and programs find no directory open.
   */
  constructor(process: Process) {
    this.#process = process
    process.descriptors.closeFrom(FIRST_FREE)
    const { files, mounts } = process.services
    if (mounts.paths.length === 0 && files.usage.nodes <= EMPTY_NODES) return
    const file = rootDirectory(process)
    const base = rootBase(files)
    process.descriptors.set(FIRST_FREE, file)
    this.#known.set(FIRST_FREE, {
      ...{ file, base, type: FileType.directory, cursor: newCursor(), preopen: '/', listing: undefined },
      ...{ rights: DIRECTORY_RIGHTS, inheriting: DIRECTORY_RIGHTS | FILE_RIGHTS },
    })
  }

  /** A run begins: its streams are new. */
  begin(): void {
    for (const number of [0, 1, 2]) this.#known.delete(number)
  }

  /** EBADF for a number that none has, ENOTCAPABLE without the rights. */
  get(number: number, rights = 0n): Fd {
    const fd = this.#find(number >>> 0)
    if ((fd.rights & rights) !== rights) throw errno('ENOTCAPABLE')
    return fd
  }

  /** ENOTDIR for what is no directory. */
  directory(number: number, rights: bigint): Fd & { base: Base } {
    const fd = this.#find(number >>> 0)
    if (fd.base === undefined) throw errno('ENOTDIR')
    if ((fd.rights & rights) !== rights) throw errno('ENOTCAPABLE')
    return fd as Fd & { base: Base }
  }

  /** Remembers what was opened under a number. */
  opened(number: number, fd: Omit<Fd, 'cursor' | 'preopen' | 'listing'>, append: boolean, nonblock: boolean): void {
    const cursor = { position: 0n, append, nonblock }
    this.#known.set(number, { ...fd, cursor, preopen: undefined, listing: undefined })
  }

  /** Takes the number from the table; the file is the caller's to close. */
  remove(number: number): void {
    const fd = this.#known.get(number)
    if (fd !== undefined) this.listings.forget(fd)
    this.#known.delete(number)
  }

  /** A second number for a descriptor: both share position and flags. */
  duplicate(number: number): number {
    const fd = this.get(number)
    const copy = this.#process.descriptors.duplicate(number >>> 0)
    this.#known.set(copy, { ...fd, preopen: undefined, listing: undefined })
    return copy
  }

  /** Puts one descriptor in another's place, which must be open, and is closed. */
  renumber(from: number, to: number): MaybePromise<void> {
    const fd = this.get(from)
    const before = this.get(to)
    if (from >>> 0 === to >>> 0) return
    const closed = this.#process.descriptors.move(from >>> 0, to >>> 0)
    this.listings.forget(before)
    this.#known.delete(from >>> 0)
    this.#known.set(to >>> 0, fd)
    return closed
  }

  /** A directory of a mount was renamed by this process: those opened in it go by their new names. */
  renamed(from: readonly string[], to: readonly string[]): void {
    for (const fd of this.#known.values()) {
      const names = fd.base?.names
      if (names === undefined || !from.every((name, at) => names[at] === name)) continue
      fd.base = { names: [...to, ...names.slice(from.length)], trail: fd.base?.trail ?? [] }
    }
  }

  #find(number: number): Fd {
    const file = this.#process.descriptors.get(number)
    const known = this.#known.get(number)
    if (known?.file === file) return known
    const stream = streamOf(file)
    this.#known.set(number, stream)
    return stream
  }
}

/** The root: the private tree's, or that of a mount, which is asked when something is wanted of it. */
function rootDirectory({ services: { files, mounts, port } }: Process): OpenFile {
  const own = new PrivateDirectory(files, files.root)
  const mount = mounts.at('/')
  if (mount === undefined) return own
  return {
    read: () => own.read(),
    write: () => own.write(),
    truncate: () => own.truncate(),
    stat: () => port.files.stat(mount, ''),
    setTimes: (accessedMs, modifiedMs) => port.files.setTimes(mount, '', accessedMs, modifiedMs),
    sync: () => {},
    close: () => {},
  }
}

/** A stream of the run. No terminal: programs then write no colours and wait for nobody. */
function streamOf(file: OpenFile): Fd {
  const rights = file instanceof InputStream ? INPUT_RIGHTS : file instanceof OutputStream ? OUTPUT_RIGHTS : 0n
  return {
    ...{ file, rights, inheriting: 0n, type: FileType.unknown, cursor: newCursor() },
    ...{ base: undefined, preopen: undefined, listing: undefined },
  }
}
