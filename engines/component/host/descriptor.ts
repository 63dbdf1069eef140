/** A descriptor of wasi:filesystem: an open file or directory of the process, with its rights; paths lead beneath a directory only. */
import { errno } from '../../../src/kernel/errno.ts'
import type { FileStat, MaybePromise } from '../../../src/kernel/host-port.ts'
import type { OpenFile } from '../../../src/kernel/open-file.ts'
import { openAt, statPath, type Where } from '../../../src/kernel/path-calls.ts'
import { checkPath, pathOf } from '../../../src/kernel/paths.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { type Base, rootBase } from '../../../src/kernel/resolve.ts'
import { chain, run, type Steps } from '../../../src/kernel/steps.ts'
import type { Closable } from './definitions.ts'
import type { DescriptorFlags, OpenFlags } from './filesystem-types.ts'
import type { HeldBytes } from './held-bytes.ts'
import { InputStream, OutputStream } from './streams.ts'

/** Rights of what a component is given at its start. What a mount allows is decided by the gate, at each call. */
export const ALL_RIGHTS: DescriptorFlags = {
  read: true,
  write: true,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: true,
}

type Parts = {
  process: Process
  held: HeldBytes
  flags: DescriptorFlags
  /** Of a directory. */
  base?: Base | undefined
  /** The process's descriptor; none for the root directory. */
  fd?: number
}

export class Descriptor implements Closable {
  readonly process: Process
  /** Of the component. */
  readonly held: HeldBytes
  readonly flags: DescriptorFlags
  readonly #base: Base | undefined
  readonly #fd: number | undefined
  #closed = false

  constructor({ process, held, flags, base, fd }: Parts) {
    this.process = process
    this.held = held
    this.flags = flags
    this.#base = base
    this.#fd = fd
  }

  /** The root directory of the sandbox. */
  static root(process: Process, held: HeldBytes): Descriptor {
    return new Descriptor({ process, held, flags: ALL_RIGHTS, base: rootBase(process.services.files) })
  }

  get isDirectory(): boolean {
    return this.#base !== undefined
  }

  /** Where a directory was when it was opened; undefined for a file. */
  get path(): string | undefined {
    return this.#base && pathOf(this.#base.names)
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

  /** Opens a file or a directory beneath this one, with no more rights than this one has. */
  *open(path: string, followLast: boolean, open: OpenFlags, flags: DescriptorFlags): Steps<Descriptor> {
    const where = this.beneath(path)
    if (flags.write || flags.mutateDirectory || open.create || open.truncate) this.mustMutate()
    if (flags.read && !this.flags.read) throw errno('EPERM')
    if ((open.directory && open.create) || (open.truncate && !flags.write)) throw errno('EINVAL')
    const { create, exclusive, truncate } = open
    const write = flags.write || create
    const intent = { read: flags.read || !write, write, create, exclusive, truncate, append: false }
    const { descriptor: fd, kind, base } = yield* openAt(this.process, where, intent, followLast)
    const opened = new Descriptor({ process: this.process, held: this.held, flags, base, fd })
    if (!open.directory || kind === 'directory') return opened
    opened.close()
    throw errno('ENOTDIR')
  }
}
