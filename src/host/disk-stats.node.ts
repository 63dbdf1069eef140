/** What a guest learns of a host file: kind, size, times, and a number that is not the host's inode. */
import { createHmac, randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileKind, FileStat } from '../kernel/host-port.ts'

/** Bytes of the hash that make an inode: 48 bits are exact in a number, and collide once in 10^7 files. */
const INODE_BYTES = 6

type Kinds = { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }

export function kindOf(entry: Kinds): FileKind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

/** What libuv is given cuts what a number of seconds cannot tell: half a microsecond more keeps each millisecond. */
export function toSeconds(milliseconds: number): number {
  return (milliseconds % 1_000 === 0 ? milliseconds : milliseconds + 0.0005) / 1_000
}

export class DiskStats {
  readonly #key = randomBytes(32)

  of(stats: BigIntStats): FileStat {
    return {
      kind: kindOf(stats),
      size: Number(stats.size),
      modifiedMs: Number(stats.mtimeMs),
      accessedMs: Number(stats.atimeMs),
      changedMs: Number(stats.ctimeMs),
      inode: createHmac('sha256', this.#key).update(`${stats.dev}:${stats.ino}`).digest().readUIntBE(0, INODE_BYTES),
      links: Number(stats.nlink),
    }
  }
}
