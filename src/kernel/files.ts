/** The private files of a sandbox: a tree in memory with limits, cheap forks and a record of what changed. */
import { TokaError } from '../errors.ts'
import { BORDER, type Limits } from '../limits.ts'
import { errno } from './errno.ts'
import { readFileImage, writeFileImage } from './file-image.ts'
import { depthOf, heightOf, isSealed, linkSize } from './file-nodes.ts'
import type { DirectoryNode, FileNode, LinkNode, TreeNode } from './file-nodes.ts'
import type { DirectoryEntry } from './host-port.ts'
import { type ChangedFile, copyTree, listChanged, sortedEntries } from './file-walk.ts'
import { hostGivenPath } from './paths.ts'

export type { ChangedFile }
export type FileLimits = Pick<Limits, 'fileBytes' | 'fileNodes'>

/** Capacity added at once when a file grows, at most. */
const GROWTH_BYTES = 2 ** 24
const NO_BYTES = new Uint8Array(0)

/** Largest file of a private tree, whatever the limit allows: to ask for more ends a worker's thread. */
const FILE_BYTES = 2 ** 31

/** @throws ENOSPC when the host has not as much: the limit may be set higher than that */
function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > FILE_BYTES) throw errno('ENOSPC')
  try {
    return new Uint8Array(bytes)
  } catch {
    throw errno('ENOSPC')
  }
}

/**
 * The tree. Its calls take directories and names that the resolver found (resolve.ts); each looks again, acts at
 * once or not at all, and fails with an errno without a path. Sizes and offsets are bytes, times milliseconds.
 *
 * `limits.fileBytes` bounds the bytes of files (unlinked and open ones too) and of links' targets;
 * `limits.fileNodes` bounds names: each entry of a directory counts, so a hard link does.
 */
export class FileTree {
  readonly limits: Readonly<FileLimits>
  readonly root: DirectoryNode
  /** Milliseconds for time stamps; the kernel sets its clock here. */
  now: () => number
  #bytes = 0
  #nodes = 0
  #inode = 1
  #revision = 1
  #mark = 0

  constructor(limits: Readonly<FileLimits>, now: () => number = () => Date.now()) {
    this.limits = { fileBytes: limits.fileBytes, fileNodes: limits.fileNodes }
    this.now = now
    this.root = {
      kind: 'directory',
      inode: this.#inode++,
      entries: new Map(),
      parent: undefined,
      removed: false,
      ...this.#times(),
    }
  }

  /** What the tree holds now. */
  get usage(): { bytes: number; nodes: number } {
    return { bytes: this.#bytes, nodes: this.#nodes }
  }

  /** The node of a name, or undefined. */
  lookup(directory: DirectoryNode, name: string): TreeNode | undefined {
    return directory.entries.get(name)?.node
  }

  createFile(directory: DirectoryNode, name: string): FileNode {
    this.#vacant(directory, name)
    const times = this.#times()
    const file: FileNode = {
      kind: 'file',
      inode: this.#inode++,
      data: NO_BYTES,
      size: 0,
      owned: true,
      links: 1,
      opens: 0,
      revision: ++this.#revision,
      ...times,
    }
    this.#add(directory, name, file)
    return file
  }

  makeDirectory(directory: DirectoryNode, name: string): DirectoryNode {
    this.#vacant(directory, name)
    const made: DirectoryNode = {
      kind: 'directory',
      inode: this.#inode++,
      entries: new Map(),
      parent: directory,
      removed: false,
      ...this.#times(),
    }
    this.#add(directory, name, made)
    return made
  }

  /** Makes a symbolic link; the target is text that nobody checks until it is followed. */
  symlink(directory: DirectoryNode, name: string, target: string): LinkNode {
    this.#vacant(directory, name)
    const link: LinkNode = { kind: 'link', inode: this.#inode++, target, links: 1, ...this.#times() }
    const size = linkSize(link)
    this.#room(size)
    this.#add(directory, name, link)
    this.#bytes += size
    return link
  }

  /** Gives a file or link another name. */
  link(node: TreeNode, directory: DirectoryNode, name: string): void {
    if (node.kind === 'directory' || isSealed(node)) throw errno('EPERM')
    if (node.links === 0) throw errno('ENOENT')
    this.#vacant(directory, name)
    this.#add(directory, name, node)
    node.links++
    node.changedMs = this.now()
  }

  /** Removes the name of a file or link. An open file keeps its bytes until it is closed. */
  unlink(directory: DirectoryNode, name: string): void {
    const node = this.#present(directory, name)
    if (node.kind === 'directory') throw errno('EISDIR')
    this.#remove(directory, name)
    this.#dropLink(node)
  }

  removeDirectory(directory: DirectoryNode, name: string): void {
    const node = this.#present(directory, name)
    if (node.kind !== 'directory') throw errno('ENOTDIR')
    if (node.entries.size > 0) throw errno('ENOTEMPTY')
    this.#remove(directory, name)
    node.removed = true
    node.parent = undefined
  }

  /** Renames as POSIX has it: a file replaces a file, a directory an empty directory; two names of one file stay. */
  rename(from: DirectoryNode, name: string, to: DirectoryNode, newName: string): void {
    const node = this.#present(from, name)
    if (to.removed) throw errno('ENOENT')
    const target = this.lookup(to, newName)
    if (target === node) return
    if (node.kind === 'directory') this.#checkMove(node, to, target)
    else if (target?.kind === 'directory') throw errno('EISDIR')
    if (target !== undefined) {
      if (target.kind === 'directory') this.removeDirectory(to, newName)
      else this.unlink(to, newName)
    }
    this.#remove(from, name)
    this.#add(to, newName, node)
    if (node.kind === 'directory') node.parent = to
    node.changedMs = this.now()
  }

  /** Entries in the order of their names' bytes. */
  list(directory: DirectoryNode): DirectoryEntry[] {
    return sortedEntries(directory).map(([name, { node }]) => ({ name, kind: node.kind, inode: node.inode }))
  }

  /** A copy of at most `length` bytes from `offset`; empty at the end. */
  read(file: FileNode, offset: number, length: number): Uint8Array {
    return file.data.slice(Math.min(offset, file.size), Math.min(offset + length, file.size))
  }

  /** Writes all bytes or fails with ENOSPC; a gap before `offset` is zeros. */
  write(file: FileNode, offset: number, bytes: Uint8Array): number {
    if (bytes.length > 0) {
      this.#grow(file, Math.max(offset + bytes.length, file.size))
      file.data.set(bytes, offset)
    }
    this.#changed(file)
    return bytes.length
  }

  truncate(file: FileNode, size: number): void {
    if (file.sealed) throw errno('EROFS')
    if (size < file.size) {
      file.data = file.data.slice(0, size)
      file.owned = true
      this.#bytes -= file.size - size
      file.size = size
    } else {
      this.#grow(file, size)
    }
    this.#changed(file)
  }

  setTimes(node: TreeNode, accessedMs: number, modifiedMs: number): void {
    if (isSealed(node)) throw errno('EROFS')
    node.accessedMs = accessedMs
    node.modifiedMs = modifiedMs
    node.changedMs = this.now()
  }

  /** A descriptor opened the file: its bytes stay while it is held. */
  hold(file: FileNode): void {
    file.opens++
  }

  /** The descriptor is closed. */
  release(file: FileNode): void {
    file.opens--
    if (file.opens === 0 && file.links === 0) this.#free(file)
  }

  /**
   * Writes a file from the host's side and makes the directories above it; bytes are copied.
   * @throws TokaError TOKA_REQUEST_INVALID for a path that cannot be, TOKA_LIMIT_FILES beyond the limits
   */
  put(path: string, content: string | Uint8Array): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    const names = hostGivenPath(path, 'files')
    const name = names.pop()
    if (name === undefined) throw new TokaError('TOKA_REQUEST_INVALID', 'files: "/" is a directory')
    try {
      const directory = this.#makeDirectories(names)
      const present = this.lookup(directory, name)
      if (present !== undefined && present.kind !== 'file') throw errno('EISDIR')
      const file = present ?? this.createFile(directory, name)
      this.truncate(file, 0)
      this.write(file, 0, bytes)
    } catch (error) {
      throw hostFailure(error, path)
    }
  }

  /** Makes a directory and those above it from the host's side. Throws as {@link put} does. */
  putDirectory(path: string): DirectoryNode {
    try {
      return this.#makeDirectories(hostGivenPath(path, 'files'))
    } catch (error) {
      throw hostFailure(error, path)
    }
  }

  /**
   * Puts what an image brings into a directory, which is made; what has the name already stays.
   * @param nodes of `sealFiles`, shared by all trees
   */
  graft(path: string, nodes: ReadonlyMap<string, TreeNode>): void {
    const directory = this.putDirectory(path)
    directory.grafted = true
    for (const [name, node] of nodes) if (!directory.entries.has(name)) directory.entries.set(name, { node, since: 0 })
  }

  /** A copy of a file's bytes by its canonical path, or undefined. Follows no links. */
  get(path: string): Uint8Array | undefined {
    let node: TreeNode | undefined = this.root
    for (const name of hostGivenPath(path, 'path'))
      node = node?.kind === 'directory' ? this.lookup(node, name) : undefined
    return node?.kind === 'file' ? node.data.slice(0, node.size) : undefined
  }

  /** From here on {@link changedFiles} counts. Costs nothing. */
  markUnchanged(): void {
    this.#mark = this.#revision
  }

  /** Files created, written, truncated or renamed since the mark (or the start), by path. Links are none. */
  changedFiles(): ChangedFile[] {
    return listChanged(this.root, this.#mark)
  }

  /**
   * An independent tree with the same content; bytes are shared until one side writes.
   * Files that are only held open are not in it.
   */
  fork(limits: Readonly<FileLimits> = this.limits, now = this.now): FileTree {
    const twin = new FileTree(limits, now)
    twin.#bytes = copyTree(this.root, twin.root)
    twin.#nodes = this.#nodes
    twin.#inode = this.#inode
    twin.#revision = this.#revision
    twin.#mark = this.#mark
    return twin
  }

  /** The whole tree as bytes: an encoded value (docs/values.md) that `FileTree.restore` takes. */
  serialize(): Uint8Array {
    return writeFileImage(this.root, this.#inode)
  }

  /**
   * The tree of serialized bytes, which may be hostile. Nothing in it counts as changed.
   * @throws TokaError TOKA_IMAGE_INVALID for damaged bytes, TOKA_LIMIT_FILES beyond the limits
   */
  static restore(bytes: Uint8Array, limits: Readonly<FileLimits>, now?: () => number): FileTree {
    const tree = new FileTree(limits, now)
    const image = readFileImage(bytes, tree.root, limits)
    tree.#inode = image.nextInode
    tree.#nodes = image.nodes
    tree.#bytes = image.bytes
    tree.#mark = tree.#revision
    return tree
  }

  #makeDirectories(names: readonly string[]): DirectoryNode {
    let directory = this.root
    for (const name of names) {
      const present = this.lookup(directory, name)
      if (present !== undefined && present.kind !== 'directory') throw errno('ENOTDIR')
      directory = present ?? this.makeDirectory(directory, name)
    }
    return directory
  }

  #times(): { accessedMs: number; modifiedMs: number; changedMs: number } {
    const now = this.now()
    return { accessedMs: now, modifiedMs: now, changedMs: now }
  }

  #vacant(directory: DirectoryNode, name: string): void {
    if (directory.removed) throw errno('ENOENT')
    if (directory.sealed) throw errno('EROFS')
    if (directory.entries.has(name)) throw errno('EEXIST')
    if (this.#nodes >= this.limits.fileNodes) throw errno('ENOSPC')
  }

  #present(directory: DirectoryNode, name: string): TreeNode {
    const node = this.lookup(directory, name)
    if (node === undefined) throw errno('ENOENT')
    if (isSealed(node) || directory.sealed) throw errno('EROFS')
    if (node.kind === 'directory' && node.grafted) throw errno('EBUSY')
    return node
  }

  #add(directory: DirectoryNode, name: string, node: TreeNode): void {
    directory.entries.set(name, { node, since: ++this.#revision })
    directory.modifiedMs = directory.changedMs = this.now()
    this.#nodes++
  }

  #remove(directory: DirectoryNode, name: string): void {
    directory.entries.delete(name)
    directory.modifiedMs = directory.changedMs = this.now()
    this.#nodes--
  }

  #dropLink(node: FileNode | LinkNode): void {
    node.links--
    node.changedMs = this.now()
    if (node.links > 0) return
    if (node.kind === 'link') this.#bytes -= linkSize(node)
    else if (node.opens === 0) this.#free(node)
  }

  #free(file: FileNode): void {
    this.#bytes -= file.size
    file.data = NO_BYTES
    file.size = 0
  }

  #checkMove(node: DirectoryNode, to: DirectoryNode, target: TreeNode | undefined): void {
    for (let above: DirectoryNode | undefined = to; above !== undefined; above = above.parent)
      if (above === node) throw errno('EINVAL')
    if (target !== undefined && target.kind !== 'directory') throw errno('ENOTDIR')
    if (target !== undefined && target.entries.size > 0) throw errno('ENOTEMPTY')
    if (depthOf(to) + heightOf(node) > BORDER.pathDepth) throw errno('ENAMETOOLONG')
  }

  #room(bytes: number): void {
    if (bytes > 0 && this.#bytes + bytes > this.limits.fileBytes) throw errno('ENOSPC')
  }

  /** Makes `file.data` ours and the file `size` bytes large, which is never less than it is. */
  #grow(file: FileNode, size: number): void {
    if (file.sealed) throw errno('EROFS')
    this.#room(size - file.size)
    if (!file.owned || size > file.data.length) {
      const doubled = Math.min(file.size * 2, file.size + GROWTH_BYTES, this.limits.fileBytes)
      const grown = allocate(size > file.data.length ? Math.max(size, doubled) : size)
      grown.set(file.data.subarray(0, file.size))
      file.data = grown
      file.owned = true
    }
    this.#bytes += size - file.size
    file.size = size
  }

  #changed(file: FileNode): void {
    file.modifiedMs = file.changedMs = this.now()
    file.revision = ++this.#revision
  }
}

function hostFailure(error: unknown, path: string): unknown {
  if (error instanceof TokaError || !(error instanceof Error) || !('code' in error)) return error
  const shown = JSON.stringify(path.slice(0, 200))
  if (error.code === 'ENOSPC')
    return new TokaError('TOKA_LIMIT_FILES', `files: ${shown} exceeds limits.fileBytes or limits.fileNodes`)
  return new TokaError('TOKA_REQUEST_INVALID', `files: ${shown} names a file where another entry needs a directory`)
}
