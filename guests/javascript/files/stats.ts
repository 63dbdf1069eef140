/** What the kernel tells of a file, in Node's classes. */
import { constants } from './arguments.ts'

export type FileKind = 'file' | 'directory' | 'link' | 'other'
/** As the kernel encodes it (src/kernel/host-port.ts). Times in milliseconds since 1970. */
export type FileStat = {
  kind: FileKind
  size: number
  modifiedMs: number
  accessedMs: number
  changedMs: number
  inode: number
  links: number
}

const MODES: Record<FileKind, number> = {
  file: constants.S_IFREG | 0o644,
  directory: constants.S_IFDIR | 0o755,
  link: constants.S_IFLNK | 0o777,
  other: 0o644,
}

const BLOCK = 4_096

class Kinded {
  readonly #kind: FileKind

  constructor(kind: FileKind) {
    this.#kind = kind
  }

  isFile(): boolean {
    return this.#kind === 'file'
  }
  isDirectory(): boolean {
    return this.#kind === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.#kind === 'link'
  }
  isBlockDevice(): boolean {
    return false
  }
  isCharacterDevice(): boolean {
    return this.#kind === 'other'
  }
  isFIFO(): boolean {
    return false
  }
  isSocket(): boolean {
    return false
  }
}

export class Stats extends Kinded {
  readonly dev = 0
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid = 0
  readonly gid = 0
  readonly rdev = 0
  readonly size: number
  readonly blksize = BLOCK
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
  readonly atime: Date
  readonly mtime: Date
  readonly ctime: Date
  readonly birthtime: Date

  constructor(stat: FileStat) {
    super(stat.kind)
    this.ino = stat.inode
    this.mode = MODES[stat.kind]
    this.nlink = stat.links
    this.size = stat.size
    this.blocks = Math.ceil(stat.size / 512)
    this.atimeMs = stat.accessedMs
    this.mtimeMs = stat.modifiedMs
    this.ctimeMs = stat.changedMs
    this.birthtimeMs = stat.changedMs
    this.atime = new Date(this.atimeMs)
    this.mtime = new Date(this.mtimeMs)
    this.ctime = new Date(this.ctimeMs)
    this.birthtime = new Date(this.birthtimeMs)
  }
}

export class Dirent extends Kinded {
  readonly name: string
  readonly parentPath: string

  constructor(name: string, parentPath: string, kind: FileKind) {
    super(kind)
    this.name = name
    this.parentPath = parentPath
  }
}
