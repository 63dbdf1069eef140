/** What stands behind a descriptor: a private file or directory, a file of a mount, a stream. */
import { errno } from './errno.ts'
import { type DirectoryNode, type FileNode, statOf } from './file-nodes.ts'
import type { FileTree } from './files.ts'
import type { FileStat, HostFile, MaybePromise, OpenIntent } from './host-port.ts'
import { chain } from './steps.ts'

/** Lengths and offsets in bytes, checked by the caller; offset -1 means the descriptor's own position, which moves. */
export interface OpenFile {
  read(length: number, offset: number): MaybePromise<Uint8Array>
  write(bytes: Uint8Array, offset?: number): MaybePromise<number>
  stat(): MaybePromise<FileStat>
  truncate(size: number): MaybePromise<void>
  sync(): MaybePromise<void>
  setTimes(accessedMs: number, modifiedMs: number): MaybePromise<void>
  close(): MaybePromise<void>
}

export class PrivateFile implements OpenFile {
  readonly kind = 'file'
  readonly #files: FileTree
  readonly #node: FileNode
  readonly #intent: Readonly<OpenIntent>
  #position = 0

  constructor(files: FileTree, node: FileNode, intent: Readonly<OpenIntent>) {
    this.#files = files
    this.#node = node
    this.#intent = intent
    files.hold(node)
  }

  read(length: number, offset: number): Uint8Array {
    if (!this.#intent.read) throw errno('EBADF')
    const bytes = this.#files.read(this.#node, offset < 0 ? this.#position : offset, length)
    if (offset < 0) this.#position += bytes.length
    return bytes
  }

  write(bytes: Uint8Array, offset = -1): number {
    if (!this.#intent.write) throw errno('EBADF')
    if (offset >= 0) return this.#files.write(this.#node, offset, bytes)
    if (this.#intent.append) this.#position = this.#node.size
    const written = this.#files.write(this.#node, this.#position, bytes)
    this.#position += written
    return written
  }

  stat(): FileStat {
    return statOf(this.#node)
  }

  truncate(size: number): void {
    if (!this.#intent.write) throw errno('EINVAL')
    this.#files.truncate(this.#node, size)
  }

  sync(): void {}

  setTimes(accessedMs: number, modifiedMs: number): void {
    this.#files.setTimes(this.#node, accessedMs, modifiedMs)
  }

  close(): void {
    this.#files.release(this.#node)
  }
}

export class PrivateDirectory implements OpenFile {
  readonly kind = 'directory'
  readonly node: DirectoryNode
  readonly #files: FileTree

  constructor(files: FileTree, node: DirectoryNode) {
    this.#files = files
    this.node = node
  }

  read(): Uint8Array {
    throw errno('EISDIR')
  }

  write(): number {
    throw errno('EBADF')
  }

  stat(): FileStat {
    return statOf(this.node)
  }

  truncate(): void {
    throw errno('EINVAL')
  }

  sync(): void {}

  setTimes(accessedMs: number, modifiedMs: number): void {
    this.#files.setTimes(this.node, accessedMs, modifiedMs)
  }

  close(): void {}
}

/** A file of a mount. Calls that move the position wait for each other: a driver may answer later. */
export class MountFile implements OpenFile {
  readonly #file: HostFile
  readonly #intent: Readonly<OpenIntent>
  #position = 0
  #queue: Promise<unknown> | undefined

  constructor(file: HostFile, intent: Readonly<OpenIntent>) {
    this.#file = file
    this.#intent = intent
  }

  read(length: number, offset: number): MaybePromise<Uint8Array> {
    if (!this.#intent.read) throw errno('EBADF')
    if (offset >= 0) return this.#file.read(offset, length)
    return this.#inTurn(() =>
      chain(this.#file.read(this.#position, length), (bytes) => {
        this.#position += bytes.length
        return bytes
      }),
    )
  }

  get kind(): 'file' | 'directory' {
    return this.#file.kind
  }

  /** With `append` the driver writes at the end, whatever the offset. */
  write(bytes: Uint8Array, offset = -1): MaybePromise<number> {
    if (!this.#intent.write) throw errno('EBADF')
    const copy = bytes.slice() // the caller's bytes may be gone when an asynchronous driver reads them
    if (offset >= 0) return this.#file.write(offset, copy)
    return this.#inTurn(() =>
      chain(this.#file.write(this.#position, copy), (written) => {
        this.#position += written
        return written
      }),
    )
  }

  stat(): MaybePromise<FileStat> {
    return this.#file.stat()
  }

  truncate(size: number): MaybePromise<void> {
    if (!this.#intent.write) throw errno('EINVAL')
    return this.#file.truncate(size)
  }

  sync(): MaybePromise<void> {
    return this.#file.sync()
  }

  setTimes(accessedMs: number, modifiedMs: number): MaybePromise<void> {
    return this.#file.setTimes(accessedMs, modifiedMs)
  }

  close(): MaybePromise<void> {
    return this.#file.close()
  }

  #inTurn<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    const answer = this.#queue === undefined ? act() : this.#queue.then(act)
    if (!(answer instanceof Promise)) return answer
    const settled: Promise<void> = answer.then(
      () => {},
      () => {},
    )
    this.#queue = settled
    void settled.then(() => {
      if (this.#queue === settled) this.#queue = undefined
    })
    return answer
  }
}
