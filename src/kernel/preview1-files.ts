/** The calls of WASI preview 1 on open descriptors. */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import { ExactTimes } from './exact-times.ts'
import { Structure } from './guest-memory.ts'
import type { FileStat } from './host-port.ts'
import { InputStream } from './input.ts'
import { OutputStream } from './output.ts'
import { bytesOf, FdFlag, FileType, Right, TimeFlag, unsigned, Whence } from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import type { Fd } from './preview1-descriptors.ts'
import { type Steps, wait } from './steps.ts'

const I64_MAX = 2n ** 63n - 1n
const ALL_FLAGS = Object.values(FdFlag).reduce((all, flag) => all | flag, 0)
/** Flags that a driver cannot promise: what was written is the host's to flush, with fd_sync and fd_datasync. */
export const UNSUPPORTED_FLAGS = FdFlag.dsync | FdFlag.rsync | FdFlag.sync

/** The size of `filestat`. */
const STAT_BYTES = 64

const TYPES = {
  file: FileType.regularFile,
  directory: FileType.directory,
  link: FileType.symbolicLink,
  other: FileType.unknown,
} as const

export const typeOf = (kind: FileStat['kind']): number => TYPES[kind]

/** Writes what `stat` said. */
export function writeStat({ memory, times }: Preview1Context, out: number, stat: FileStat): void {
  const { accessed, modified } = times.of(stat)
  const { bytes } = new Structure(STAT_BYTES)
    .u64(0, 1n)
    .u64(8, BigInt(stat.inode))
    .u8(16, typeOf(stat.kind))
    .u64(24, BigInt(stat.links))
    .u64(32, BigInt(stat.size))
    .u64(40, unsigned(accessed))
    .u64(48, unsigned(modified))
    .u64(56, unsigned(ExactTimes.changed(stat)))
  memory.write(out, bytes)
}

/**
 * Sets the times that the flags name, and leaves the others.
 * @param read what `stat` says of the file
 * @param set sets both, in milliseconds
 */
export function* setTimes(
  context: Preview1Context,
  [accessed, modified, flags]: readonly [bigint, bigint, number],
  read: () => Steps<FileStat>,
  set: (accessedMs: number, modifiedMs: number) => Steps<void>,
): Steps<void> {
  const before = context.times.of(yield* read())
  const now = BigInt(context.process.services.clock.stampMs()) * 1_000_000n
  const one = (given: bigint, isGiven: number, isNow: number, old: bigint): bigint =>
    (flags & isGiven) !== 0 ? unsigned(given) : (flags & isNow) !== 0 ? now : old
  const toAccessed = one(accessed, TimeFlag.accessed, TimeFlag.accessedNow, before.accessed)
  const toModified = one(modified, TimeFlag.modified, TimeFlag.modifiedNow, before.modified)
  yield* set(Number(toAccessed) / 1e6, Number(toModified) / 1e6)
  context.times.remember(yield* read(), toAccessed, toModified)
}

/** EINVAL for flags that nobody defined, or that contradict each other. */
export function checkTimeFlags(flags: number): void {
  const both = (one: number, other: number): boolean => (flags & one) !== 0 && (flags & other) !== 0
  if (both(TimeFlag.accessed, TimeFlag.accessedNow) || both(TimeFlag.modified, TimeFlag.modifiedNow) || flags & ~15)
    throw errno('EINVAL')
}

type Vector = { pointer: number; length: number }

/** The vectors of a call, every one of them within memory; EINVAL for more than 1,024. */
function vectorsOf({ memory }: Preview1Context, pointer: number, count: number): Vector[] {
  if (count >>> 0 > BORDER.vectors) throw errno('EINVAL')
  const heads = memory.range(pointer, count * 8)
  const view = new DataView(heads.buffer, heads.byteOffset, heads.byteLength)
  return Array.from({ length: count }, (_, at) => {
    const vector = { pointer: view.getUint32(at * 8, true), length: view.getUint32(at * 8 + 4, true) }
    memory.range(vector.pointer, vector.length)
    return vector
  })
}

/** Bytes of all vectors, or as many as one call moves. */
function lengthOf(vectors: readonly Vector[]): number {
  const sum = vectors.reduce((all, { length }) => all + length, 0)
  return Math.min(sum, BORDER.transferBytes)
}

function scatter({ memory }: Preview1Context, vectors: readonly Vector[], bytes: Uint8Array): void {
  let at = 0
  for (const { pointer, length } of vectors) {
    if (at >= bytes.length) return
    memory.write(pointer, bytes.subarray(at, at + length))
    at += length
  }
}

function gather({ memory }: Preview1Context, vectors: readonly Vector[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(vectors))
  let at = 0
  for (const { pointer, length } of vectors) {
    const piece = Math.min(length, bytes.length - at)
    bytes.set(memory.range(pointer, piece), at)
    at += piece
  }
  return bytes
}

const isStream = ({ file }: Fd): boolean => file instanceof InputStream || file instanceof OutputStream

/** A descriptor to read or write: a directory is EISDIR, a file that was opened otherwise EBADF, as POSIX has it. */
function transferable(context: Preview1Context, number: number, right: bigint): Fd {
  const fd = context.fds.get(number)
  if (fd.base !== undefined) throw errno('EISDIR')
  if ((fd.rights & right) === 0n) throw errno('EBADF')
  return fd
}

/** A descriptor with a position: EBADF for a directory, ESPIPE for a stream. */
function seekable(context: Preview1Context, number: number, right: bigint): Fd {
  const fd = context.fds.get(number)
  if (fd.base !== undefined) throw errno('EBADF')
  if (isStream(fd)) throw errno('ESPIPE')
  if ((fd.rights & right) === 0n) throw errno('ENOTCAPABLE')
  return fd
}

/** A file of bytes; EBADF for a directory and, for calls that change one, a stream. */
function regular(context: Preview1Context, number: number, right: bigint): Fd {
  const fd = context.fds.get(number)
  if (fd.base !== undefined || isStream(fd)) throw errno('EBADF')
  if ((fd.rights & right) === 0n) throw errno('ENOTCAPABLE')
  return fd
}

/** A place of a file that can be read at: beyond what numbers hold there is nothing. */
const placeOf = (position: bigint): number => Number(position > BigInt(Number.MAX_SAFE_INTEGER) ? -1n : position)

function* readAt(fd: Fd, length: number, position: bigint): Steps<Uint8Array> {
  const place = placeOf(position)
  return place < 0 ? new Uint8Array(0) : yield* wait(fd.file.read(length, place))
}

function* writeAt(fd: Fd, bytes: Uint8Array, position: bigint): Steps<number> {
  const place = placeOf(position)
  if (place < 0 || place + bytes.length > Number.MAX_SAFE_INTEGER) throw errno('EFBIG')
  return bytes.length === 0 ? 0 : yield* wait(fd.file.write(bytes, place))
}

/** stdin that must not wait is EAGAIN until something has come. */
function* readStream(context: Preview1Context, fd: Fd, length: number): Steps<Uint8Array> {
  const { file } = fd
  if (fd.cursor.nonblock && file instanceof InputStream) {
    const ready = file.ready()
    if (ready instanceof Promise) {
      ready.catch(() => {}) // who reads next is told
      throw errno('EAGAIN')
    }
  }
  return yield* wait(context.settle(file.read(length, -1)))
}

export const fileCalls = {
  *fd_read(context, number: number, vectors: number, count: number, out: number) {
    const fd = transferable(context, number, Right.fdRead)
    const into = vectorsOf(context, vectors, count)
    const length = lengthOf(into)
    const bytes = isStream(fd) ? yield* readStream(context, fd, length) : yield* readAt(fd, length, fd.cursor.position)
    if (!isStream(fd)) fd.cursor.position += BigInt(bytes.length)
    scatter(context, into, bytes)
    context.memory.setU32(out, bytes.length)
  },

  *fd_pread(context, number: number, vectors: number, count: number, offset: bigint, out: number) {
    const fd = transferable(context, number, Right.fdRead)
    if (isStream(fd)) throw errno('ESPIPE')
    if ((fd.rights & Right.fdSeek) === 0n) throw errno('ENOTCAPABLE')
    const into = vectorsOf(context, vectors, count)
    const bytes = yield* readAt(fd, lengthOf(into), unsigned(offset))
    scatter(context, into, bytes)
    context.memory.setU32(out, bytes.length)
  },

  *fd_write(context, number: number, vectors: number, count: number, out: number) {
    const fd = transferable(context, number, Right.fdWrite)
    const bytes = gather(context, vectorsOf(context, vectors, count))
    const { cursor } = fd
    if (isStream(fd)) return context.memory.setU32(out, yield* wait(fd.file.write(bytes)))
    if (cursor.append) cursor.position = BigInt((yield* wait(fd.file.stat())).size)
    const written = yield* writeAt(fd, bytes, cursor.position)
    cursor.position += BigInt(written)
    context.memory.setU32(out, written)
  },

  *fd_pwrite(context, number: number, vectors: number, count: number, offset: bigint, out: number) {
    const fd = transferable(context, number, Right.fdWrite)
    if (isStream(fd)) throw errno('ESPIPE')
    if ((fd.rights & Right.fdSeek) === 0n) throw errno('ENOTCAPABLE')
    const bytes = gather(context, vectorsOf(context, vectors, count))
    // As Linux has it: what was opened to append is appended to, whatever the offset.
    const place = fd.cursor.append ? BigInt((yield* wait(fd.file.stat())).size) : unsigned(offset)
    context.memory.setU32(out, yield* writeAt(fd, bytes, place))
  },

  *fd_seek(context, number: number, offset: bigint, whence: number, out: number) {
    const right = whence === Whence.current && offset === 0n ? Right.fdSeek | Right.fdTell : Right.fdSeek
    const { cursor, file } = seekable(context, number, right)
    let from: bigint
    if (whence === Whence.set) from = 0n
    else if (whence === Whence.current) from = cursor.position
    else if (whence === Whence.end) from = BigInt((yield* wait(file.stat())).size)
    else throw errno('EINVAL')
    const position = from + offset
    if (position < 0n || position > I64_MAX) throw errno('EINVAL')
    context.memory.setU64(out, position)
    cursor.position = position
  },

  fd_tell(context, number: number, out: number) {
    context.memory.setU64(out, seekable(context, number, Right.fdTell).cursor.position)
  },

  fd_advise(context, number: number, offset: bigint, length: bigint, advice: number) {
    const fd = context.fds.get(number)
    if (fd.base !== undefined) throw errno('EBADF')
    if (isStream(fd)) throw errno('ESPIPE')
    if ((fd.rights & Right.fdAdvise) === 0n) throw errno('ENOTCAPABLE')
    if (advice >>> 0 > 5 || offset < 0n || length < 0n) throw errno('EINVAL')
  },

  *fd_allocate(context, number: number, offset: bigint, length: bigint) {
    const { file } = regular(context, number, Right.fdAllocate)
    if (offset < 0n || length <= 0n) throw errno('EINVAL')
    const end = bytesOf(unsigned(offset) + unsigned(length))
    if (end > (yield* wait(file.stat())).size) yield* wait(file.truncate(end))
  },

  *fd_close(context, number: number) {
    context.fds.get(number)
    context.fds.remove(number >>> 0)
    yield* wait(context.process.descriptors.close(number >>> 0))
  },

  *fd_sync(context, number: number) {
    yield* wait(context.fds.get(number, Right.fdSync).file.sync())
  },

  *fd_datasync(context, number: number) {
    yield* wait(context.fds.get(number, Right.fdDatasync).file.sync())
  },

  fd_fdstat_get(context, number: number, out: number) {
    const { type, cursor, rights, inheriting } = context.fds.get(number)
    const flags = (cursor.append ? FdFlag.append : 0) | (cursor.nonblock ? FdFlag.nonblock : 0)
    const stat = new Structure(24).u8(0, type).u16(2, flags).u64(8, rights).u64(16, inheriting)
    context.memory.write(out, stat.bytes)
  },

  fd_fdstat_set_flags(context, number: number, flags: number) {
    const fd = context.fds.get(number)
    if (flags & ~ALL_FLAGS) throw errno('EINVAL')
    if (fd.base !== undefined) throw errno('EBADF')
    if ((fd.rights & Right.fdSetFlags) === 0n) throw errno('ENOTCAPABLE')
    if (flags & UNSUPPORTED_FLAGS) throw errno('ENOTSUP')
    fd.cursor.append = (flags & FdFlag.append) !== 0
    fd.cursor.nonblock = (flags & FdFlag.nonblock) !== 0
  },

  fd_fdstat_set_rights(context, number: number, base: bigint, inheriting: bigint) {
    const fd = context.fds.get(number)
    const [own, passedOn] = [unsigned(base), unsigned(inheriting)]
    if ((own & ~fd.rights) !== 0n || (passedOn & ~fd.inheriting) !== 0n) throw errno('ENOTCAPABLE')
    fd.rights = own
    fd.inheriting = passedOn
  },

  *fd_filestat_get(context, number: number, out: number) {
    writeStat(context, out, yield* wait(context.fds.get(number, Right.fdStat).file.stat()))
  },

  *fd_filestat_set_size(context, number: number, size: bigint) {
    const fd = context.fds.get(number)
    if (fd.base !== undefined) throw errno('EBADF')
    if (isStream(fd)) throw errno('EINVAL')
    // A file that was not opened to be written is no file to cut: EINVAL, as ftruncate has it.
    if ((fd.rights & Right.fdWrite) === 0n) throw errno('EINVAL')
    if ((fd.rights & Right.fdSetSize) === 0n) throw errno('ENOTCAPABLE')
    if (size < 0n) throw errno('EINVAL')
    yield* wait(fd.file.truncate(bytesOf(size)))
  },

  *fd_filestat_set_times(context, number: number, accessed: bigint, modified: bigint, flags: number) {
    const fd = context.fds.get(number)
    if (isStream(fd)) throw errno('EBADF')
    if ((fd.rights & Right.fdSetTimes) === 0n) throw errno('ENOTCAPABLE')
    checkTimeFlags(flags)
    const { file } = fd
    yield* setTimes(
      context,
      [accessed, modified, flags],
      () => wait(file.stat()),
      (accessedMs, modifiedMs) => wait(file.setTimes(accessedMs, modifiedMs)),
    )
  },

  fd_prestat_get(context, number: number, out: number) {
    const { preopen } = context.fds.get(number)
    if (preopen === undefined) throw errno('EBADF')
    context.memory.write(out, new Structure(8).u32(4, preopen.length).bytes)
  },

  fd_prestat_dir_name(context, number: number, out: number, length: number) {
    const { preopen } = context.fds.get(number)
    if (preopen === undefined) throw errno('EBADF')
    if (length >>> 0 < preopen.length) throw errno('ENAMETOOLONG')
    context.memory.write(out, new TextEncoder().encode(preopen))
  },

  *fd_renumber(context, from: number, to: number) {
    yield* wait(context.fds.renumber(from, to))
  },
} satisfies Calls
