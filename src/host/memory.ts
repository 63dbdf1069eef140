/** Files given by value as a mount: a private tree of its own behind the driver interface. */
import type { FileDriver } from '../gate/drivers.ts'
import { errno } from '../kernel/errno.ts'
import { type DirectoryNode, statOf, type TreeNode } from '../kernel/file-nodes.ts'
import { type FileLimits, FileTree } from '../kernel/files.ts'
import type { DirectoryEntry, FileStat, HostFile, MountPath, OpenIntent } from '../kernel/host-port.ts'
import { PrivateDirectory, PrivateFile } from '../kernel/open-file.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { mountNames, splitMountPath } from './mount-path.ts'

export class MemoryDriver implements FileDriver {
  /** The files: the host reads here what guests have written. */
  readonly files: FileTree

  /**
   * @param content absolute path (`/a/b.txt`) to content; copied
   * @param files the tree that it goes into, which becomes the driver's own
   * @param limits what the mount may hold; default `fileBytes` and `fileNodes` of the default limits
   * @throws TokaError TOKA_REQUEST_INVALID for a path that cannot be, TOKA_LIMIT_FILES
   */
  constructor(
    content: Readonly<Record<string, string | Uint8Array>> = {},
    limits: Readonly<FileLimits> = DEFAULT_LIMITS,
    files = new FileTree(limits),
  ) {
    this.files = files
    for (const [path, bytes] of Object.entries(content)) this.files.put(path.startsWith('/') ? path : `/${path}`, bytes)
  }

  /** There are no links: a path means itself when what lies above it exists. */
  resolve(path: MountPath): MountPath {
    if (path !== '') this.#directory(splitMountPath(path).parent)
    return path
  }

  open(path: MountPath, intent: OpenIntent): HostFile {
    const node = this.#node(path)
    if (node === undefined) {
      if (!intent.create) throw errno('ENOENT')
      const { parent, name } = splitMountPath(path)
      return new MemoryFile(
        new PrivateFile(this.files, this.files.createFile(this.#directory(parent), name), intent),
        intent,
      )
    }
    if (intent.create && intent.exclusive) throw errno('EEXIST')
    if (node.kind === 'directory') {
      if (intent.write || intent.create) throw errno('EISDIR')
      return new MemoryFile(new PrivateDirectory(this.files, node), intent)
    }
    if (node.kind === 'link') throw errno('ELOOP')
    if (intent.truncate) this.files.truncate(node, 0)
    return new MemoryFile(new PrivateFile(this.files, node, intent), intent)
  }

  stat(path: MountPath): FileStat {
    return statOf(this.#present(path))
  }

  list(path: MountPath): DirectoryEntry[] {
    return this.files.list(this.#directory(mountNames(path)))
  }

  readLink(path: MountPath): string {
    this.#present(path)
    throw errno('EINVAL')
  }

  makeDirectory(path: MountPath): void {
    if (path === '') throw errno('EEXIST')
    const { parent, name } = splitMountPath(path)
    this.files.makeDirectory(this.#directory(parent), name)
  }

  removeFile(path: MountPath): void {
    const { parent, name } = splitMountPath(path)
    this.files.unlink(this.#directory(parent), name)
  }

  removeDirectory(path: MountPath): void {
    const { parent, name } = splitMountPath(path)
    this.files.removeDirectory(this.#directory(parent), name)
  }

  rename(from: MountPath, to: MountPath): void {
    const source = splitMountPath(from)
    const target = splitMountPath(to)
    this.files.rename(this.#directory(source.parent), source.name, this.#directory(target.parent), target.name)
  }

  setTimes(path: MountPath, accessedMs: number, modifiedMs: number): void {
    this.files.setTimes(this.#present(path), accessedMs, modifiedMs)
  }

  symlink(): void {
    throw errno('EPERM')
  }

  link(): void {
    throw errno('EPERM')
  }

  close(): void {}

  fork(): MemoryDriver {
    return new MemoryDriver({}, this.files.limits, this.files.fork())
  }

  #node(path: MountPath): TreeNode | undefined {
    if (path === '') return this.files.root
    const { parent, name } = splitMountPath(path)
    return this.files.lookup(this.#directory(parent), name)
  }

  #present(path: MountPath): TreeNode {
    const node = this.#node(path)
    if (node === undefined) throw errno('ENOENT')
    return node
  }

  #directory(names: readonly string[]): DirectoryNode {
    let node: TreeNode | undefined = this.files.root
    for (const name of names) {
      if (node.kind !== 'directory') throw errno('ENOTDIR')
      node = this.files.lookup(node, name)
      if (node === undefined) throw errno('ENOENT')
    }
    if (node.kind !== 'directory') throw errno('ENOTDIR')
    return node
  }
}

/** An open file of the tree at offsets of the caller's. */
class MemoryFile implements HostFile {
  readonly kind: HostFile['kind']
  #file: PrivateFile | PrivateDirectory | undefined
  readonly #intent: Readonly<OpenIntent>

  constructor(file: PrivateFile | PrivateDirectory, intent: Readonly<OpenIntent>) {
    this.kind = file.kind
    this.#file = file
    this.#intent = intent
  }

  read(offset: number, length: number): Uint8Array {
    return this.#open().read(length, offset)
  }

  write(offset: number, bytes: Uint8Array): number {
    return this.#open().write(bytes, this.#intent.append ? -1 : offset)
  }

  stat(): FileStat {
    return this.#open().stat()
  }

  truncate(size: number): void {
    this.#open().truncate(size)
  }

  sync(): void {
    this.#open()
  }

  setTimes(accessedMs: number, modifiedMs: number): void {
    this.#open().setTimes(accessedMs, modifiedMs)
  }

  close(): void {
    const file = this.#open()
    this.#file = undefined
    file.close()
  }

  #open(): PrivateFile | PrivateDirectory {
    if (this.#file === undefined) throw errno('EBADF')
    return this.#file
  }
}
