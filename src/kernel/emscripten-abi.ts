/** Numbers and layouts of Emscripten's libc, as its system headers have them (system/lib/libc/musl/arch/emscripten/bits). */
import type { FileKind, FileStat } from './host-port.ts'

/** Flags of `open` (bits/fcntl.h). */
export const OpenFlag = {
  accessMode: 0o3,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  directory: 0o200000,
  noFollow: 0o400000,
} as const

/** The directory that stands for the working directory, and flags of the calls that take one (fcntl.h). */
export const AT_CWD = -100
export const AtFlag = { noFollow: 0x100, removeDirectory: 0x200, emptyPath: 0x1000 } as const

/** Commands of `fcntl` (bits/fcntl.h). */
export const Fcntl = {
  duplicate: 0,
  getFlags: 1,
  setFlags: 2,
  getStatus: 3,
  setStatus: 4,
  getLock: 12,
  setLock: 13,
  setLockWait: 14,
  duplicateCloseOnExec: 1030,
} as const

/** Events of `poll` (poll.h). */
export const PollEvent = { input: 1, output: 4, invalid: 32 } as const

/** Modes of a `stat`: a sandbox's files have no owner to keep out, so all of them can be read and written. */
const MODES: Readonly<Record<FileKind, number>> = {
  file: 0o100644,
  directory: 0o040755,
  link: 0o120777,
  // A pipe: nothing is a terminal.
  other: 0o010666,
}
/** Types of a directory's entries (dirent.h). */
export const ENTRY_TYPES: Readonly<Record<FileKind, number>> = { file: 8, directory: 4, link: 10, other: 1 }

/** The user that a sandbox's files belong to. */
export const USER = 1_000

const STAT_BYTES = 96
/** What programs are told to read at once: few calls for a large file, and a buffer that a small heap can spare. */
const BLOCK = 65_536
const SECTOR = 512

/** A `struct stat` (bits/stat.h): 96 bytes with times of 64 bits. */
export function encodeStat(stat: FileStat, device: number): Uint8Array {
  const bytes = new Uint8Array(STAT_BYTES)
  const view = new DataView(bytes.buffer)
  const words = [device, MODES[stat.kind], stat.links, USER, USER, 0]
  words.forEach((word, at) => view.setUint32(at * 4, word, true))
  view.setBigInt64(24, BigInt(stat.size), true)
  view.setInt32(32, BLOCK, true)
  view.setInt32(36, Math.ceil(stat.size / SECTOR), true)
  const times = [stat.accessedMs, stat.modifiedMs, stat.changedMs]
  times.forEach((milliseconds, at) => setTime(view, 40 + at * 16, milliseconds))
  view.setBigUint64(88, BigInt(stat.inode), true)
  return bytes
}

/** A `struct timespec`: seconds of 64 bits, nanoseconds of 32. */
function setTime(view: DataView, at: number, milliseconds: number): void {
  const seconds = Math.floor(milliseconds / 1000)
  view.setBigInt64(at, BigInt(seconds), true)
  view.setUint32(at + 8, Math.floor((milliseconds - seconds * 1000) * 1e6), true)
}

/** Bytes of a `struct dirent` (dirent.h): inode, offset, length, type, a name of 256. */
export const ENTRY_BYTES = 280
const NAME_AT = 19
const NAME_BYTES = 256
const utf8 = new TextEncoder()

/** @param next the entry's successor, as the offset that `lseek` takes back */
export function encodeEntry(name: string, kind: FileKind, inode: number, next: number): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(inode), true)
  view.setBigInt64(8, BigInt(next), true)
  view.setUint16(16, ENTRY_BYTES, true)
  view.setUint8(18, ENTRY_TYPES[kind])
  bytes.set(utf8.encode(name).subarray(0, NAME_BYTES - 1), NAME_AT)
  return bytes
}
