/** The numbers of WASI preview 1, as its witx files give them (WebAssembly/WASI, legacy/preview1). */
import { errno } from './errno.ts'

export const SUCCESS = 0

export const FileType = { unknown: 0, characterDevice: 2, directory: 3, regularFile: 4, symbolicLink: 7 } as const

export const FdFlag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const
export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const
export const LookupFlag = { followLinks: 1 } as const
export const TimeFlag = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const
export const Whence = { set: 0, current: 1, end: 2 } as const
export const ClockId = { real: 0, monotonic: 1, process: 2, thread: 3 } as const
export const EventType = { clock: 0, read: 1, write: 2 } as const

/** Rights, by their bits. */
export const Right = {
  fdDatasync: 1n << 0n,
  fdRead: 1n << 1n,
  fdSeek: 1n << 2n,
  fdSetFlags: 1n << 3n,
  fdSync: 1n << 4n,
  fdTell: 1n << 5n,
  fdWrite: 1n << 6n,
  fdAdvise: 1n << 7n,
  fdAllocate: 1n << 8n,
  createDirectory: 1n << 9n,
  createFile: 1n << 10n,
  linkSource: 1n << 11n,
  linkTarget: 1n << 12n,
  open: 1n << 13n,
  readDirectory: 1n << 14n,
  readLink: 1n << 15n,
  renameSource: 1n << 16n,
  renameTarget: 1n << 17n,
  pathStat: 1n << 18n,
  pathSetSize: 1n << 19n,
  pathSetTimes: 1n << 20n,
  fdStat: 1n << 21n,
  fdSetSize: 1n << 22n,
  fdSetTimes: 1n << 23n,
  symlink: 1n << 24n,
  removeDirectory: 1n << 25n,
  unlink: 1n << 26n,
  poll: 1n << 27n,
} as const

const all = (...rights: bigint[]): bigint => rights.reduce((sum, right) => sum | right, 0n)

/** What can be done with a file. */
export const FILE_RIGHTS = all(
  ...[Right.fdDatasync, Right.fdRead, Right.fdSeek, Right.fdSetFlags, Right.fdSync, Right.fdTell, Right.fdWrite],
  ...[Right.fdAdvise, Right.fdAllocate, Right.fdStat, Right.fdSetSize, Right.fdSetTimes, Right.poll],
)

/** What can be done with a directory. */
export const DIRECTORY_RIGHTS = all(
  ...[Right.fdSetFlags, Right.fdSync, Right.fdDatasync, Right.fdAdvise, Right.createDirectory, Right.createFile],
  ...[Right.linkSource, Right.linkTarget, Right.open, Right.readDirectory, Right.readLink, Right.renameSource],
  ...[Right.renameTarget, Right.pathStat, Right.pathSetSize, Right.pathSetTimes, Right.fdStat, Right.fdSetTimes],
  ...[Right.symlink, Right.removeDirectory, Right.unlink, Right.poll],
)

/** What can be done with stdin, and with stdout and stderr: no seek and no tell, by which programs know a stream. */
export const INPUT_RIGHTS = all(Right.fdRead, Right.fdSetFlags, Right.fdStat, Right.poll)
export const OUTPUT_RIGHTS = all(
  ...[Right.fdWrite, Right.fdSetFlags, Right.fdSync, Right.fdDatasync, Right.fdStat, Right.poll],
)

/** An unsigned number of 64 bits, whatever sign it came with. */
export const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value)

/** A number of bytes that came as 64 bits. EFBIG for one that no file has. */
export function bytesOf(value: bigint): number {
  const size = unsigned(value)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw errno('EFBIG')
  return Number(size)
}
