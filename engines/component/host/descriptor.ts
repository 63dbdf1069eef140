/** A descriptor of wasi:filesystem: a directory by its place in the sandbox's tree, or an open file of the process; with its rights. */
import { errno } from '../../../src/kernel/errno.ts'
import type { FileStat, MaybePromise } from '../../../src/kernel/host-port.ts'
import type { OpenFile } from '../../../src/kernel/open-file.ts'
import { openPath, statPath } from '../../../src/kernel/path-calls.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { resolvePath } from '../../../src/kernel/resolve.ts'
import { chain, run, type Steps } from '../../../src/kernel/steps.ts'
import type { Closable } from './definitions.ts'
import type { DescriptorFlags, OpenFlags } from './filesystem-types.ts'
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

export class Descriptor implements Closable {
  readonly process: Process
  /** Canonical, absolute. */
  readonly path: string
  readonly flags: DescriptorFlags
  /** The process's descriptor of a file; undefined for a directory. */
  readonly #fd: number | undefined
  #closed = false

  constructor(process: Process, path: string, flags: DescriptorFlags, fd?: number) {
    this.process = process
    this.path = path
    this.flags = flags
    this.#fd = fd
  }

  get isDirectory(): boolean {
    return this.#fd === undefined
  }

  /** @throws GuestFacingError EISDIR, EBADF */
  get file(): OpenFile {
    if (this.#fd === undefined) throw errno('EISDIR')
    if (this.#closed) throw errno('EBADF')
    return this.process.descriptors.get(this.#fd)
  }

  stat(): MaybePromise<FileStat> {
    return this.isDirectory ? run(statPath(this.process, this.path, true)) : this.file.stat()
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
    let offset = start
    void this.file
    return new InputStream((length) =>
      chain(this.read(length, offset), (bytes) => {
        offset += bytes.length
        return bytes
      }),
    )
  }

  /** @param start where writing begins; undefined for the end, wherever that is then */
  writeStream(start: number | undefined): OutputStream {
    if (!this.flags.write) throw errno('EBADF')
    let offset = start
    void this.file
    return new OutputStream((bytes) =>
      chain(offset ?? chain(this.stat(), ({ size }) => size), (at) =>
        chain(this.write(bytes, at), (written) => {
          if (offset !== undefined) offset += written
          return written
        }),
      ),
    )
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#fd !== undefined) void this.process.descriptors.close(this.#fd)
  }

  /** The directory must be one in which names may be made and removed. */
  mustMutate(): this {
    if (!this.isDirectory) throw errno('ENOTDIR')
    if (!this.flags.mutateDirectory) throw errno('EROFS')
    return this
  }

  /**
   * Where a relative path beneath this directory leads: a canonical path of the sandbox, in which nothing but its last
   * name may be a link. What leads out of the directory is EPERM: by `..`, by an absolute path, by a link.
   */
  *resolve(path: string, followLast: boolean): Steps<string> {
    if (!this.isDirectory) throw errno('ENOTDIR')
    if (path === '') throw errno('ENOENT')
    if (path.includes('\0')) throw errno('EINVAL')
    if (path.startsWith('/') || climbsOut(path)) throw errno('EPERM')
    const { files, mounts, port } = this.process.services
    const place = yield* resolvePath({ files, mounts, port: port.files }, this.path, path, followLast)
    if (!isBeneath(place.path, this.path)) throw errno('EPERM')
    return place.slash ? `${place.path}/` : place.path
  }

  /** Opens a file or a directory beneath this one. */
  *open(path: string, followLast: boolean, open: OpenFlags, flags: DescriptorFlags): Steps<Descriptor> {
    const changes = flags.write || flags.mutateDirectory || open.create || open.truncate
    if (changes) this.mustMutate()
    if ((flags.read && !this.flags.read) || (flags.write && !this.flags.write)) throw errno('EPERM')
    const place = yield* this.resolve(path, followLast)
    const present = yield* existing(this.process, place)
    if (present && open.create && open.exclusive) throw errno('EEXIST')
    if (present?.kind === 'link') throw errno('ELOOP')
    if (present?.kind === 'directory') {
      if (flags.write || open.truncate) throw errno('EISDIR')
      return new Descriptor(this.process, place.replace(/(.)\/$/, '$1'), flags)
    }
    if (open.directory) throw errno(present ? 'ENOTDIR' : 'ENOENT')
    const { create, exclusive, truncate } = open
    if (truncate && !flags.write) throw errno('EINVAL')
    const intent = {
      read: flags.read || !flags.write,
      write: flags.write || create,
      create,
      exclusive,
      truncate,
      append: false,
    }
    return new Descriptor(this.process, place, flags, yield* openPath(this.process, place, intent))
  }
}

function* existing(process: Process, path: string): Steps<FileStat | undefined> {
  try {
    return yield* statPath(process, path, false)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether the dots of a path alone lead above where it starts. */
function climbsOut(path: string): boolean {
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) return true
  }
  return false
}

function isBeneath(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`)
}
