/** The listing of directories in WASI preview 1: entries behind a cookie, into a buffer that may end in the middle of one. */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import { Structure } from './guest-memory.ts'
import { PrivateDirectory } from './open-file.ts'
import { listPath } from './path-calls.ts'
import { FileType, Right, unsigned } from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import type { Fd, ListedEntry } from './preview1-descriptors.ts'
import { typeOf } from './preview1-files.ts'
import type { Base } from './resolve.ts'
import { type Steps, wait } from './steps.ts'

/** Bytes of an entry before its name. */
const HEAD_BYTES = 24

/** The entries now, `.` and `..` first. Above what was opened nothing is told: `..` then is the directory itself. */
function* readListing(context: Preview1Context, fd: Fd & { base: Base }): Steps<readonly ListedEntry[]> {
  const { process } = context
  const own = BigInt((yield* wait(fd.file.stat())).inode)
  const above = fd.preopen === undefined && fd.file instanceof PrivateDirectory ? fd.file.node.parent?.inode : undefined
  const entries = yield* listPath(process, { base: fd.base, path: '.' })
  const utf8 = new TextEncoder()
  const entry = (name: string, inode: bigint, type: number) => ({ name: utf8.encode(name), inode, type })
  return [
    entry('.', own, FileType.directory),
    entry('..', above === undefined ? own : BigInt(above), FileType.directory),
    ...entries.map(({ name, inode, kind }) => entry(name, BigInt(inode), typeOf(kind))),
  ]
}

/** Entries from a place on, as many as fit; the last one may be cut, which tells the guest that there are more. */
function pack(listing: readonly ListedEntry[], from: number, room: number): Uint8Array {
  const packed = new Uint8Array(room)
  let used = 0
  for (let at = from; at < listing.length && used < room; at++) {
    const { name, inode, type } = listing[at] as ListedEntry
    const head = new Structure(HEAD_BYTES)
      .u64(0, BigInt(at + 1))
      .u64(8, inode)
      .u32(16, name.length)
      .u8(20, type)
    for (const part of [head.bytes, name]) {
      const piece = part.subarray(0, room - used)
      packed.set(piece, used)
      used += piece.length
    }
  }
  return packed.subarray(0, used)
}

export const directoryCalls = {
  /**
   * A cookie is a place in the listing that began with cookie 0: what is made or removed since neither moves the others
   * nor is told twice. Where the listing was let go, the directory is read anew.
   */
  *fd_readdir(context, number: number, buffer: number, length: number, cookie: bigint, out: number) {
    const fd = context.fds.directory(number, Right.readDirectory)
    const from = unsigned(cookie)
    const room = Math.min(length >>> 0, BORDER.transferBytes)
    context.memory.range(buffer, room)
    if (from === 0n || fd.listing === undefined) context.fds.listings.keep(fd, yield* readListing(context, fd))
    const listing = fd.listing ?? []
    const packed = pack(listing, Number(from > BigInt(listing.length) ? listing.length : from), room)
    // A buffer that is not full says that the listing ended, so a larger one than a call fills cannot be served.
    if (packed.length === room && length >>> 0 > room) throw errno('EINVAL')
    context.memory.write(buffer, packed)
    context.memory.setU32(out, packed.length)
  },
} satisfies Calls
