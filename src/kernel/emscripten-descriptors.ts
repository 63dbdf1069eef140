/** System calls on open descriptors: `env.__syscall_…` of Emscripten's libc, and what it takes from WASI. */
import { BORDER } from '../limits.ts'
import { encodeStat, Fcntl, PollEvent } from './emscripten-abi.ts'
import {
  type AnySyscall,
  isStream,
  type OpenState,
  placeOf,
  stateOf,
  type Syscall,
  type SyscallContext,
} from './emscripten-context.ts'
import { closeDescriptor, readEntries } from './emscripten-directories.ts'
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import type { OpenFile } from './open-file.ts'
import { makePipe, PipeEnd } from './pipe.ts'
import { chain } from './steps.ts'

const zero = (): number => 0

type Vector = { pointer: number; length: number }

/** The buffers of a call, checked as a list; together no more than moves at once. */
function readVectors({ memory }: SyscallContext, pointer: number, count: number): Vector[] {
  if (count >>> 0 > BORDER.vectors) throw errno('EINVAL')
  const vectors: Vector[] = []
  let left = BORDER.transferBytes
  for (let at = 0; at < count && left > 0; at++) {
    const length = Math.min(memory.u32(pointer + at * 8 + 4), left)
    if (length > 0) vectors.push({ pointer: memory.u32(pointer + at * 8), length })
    left -= length
  }
  return vectors
}

function sizeOf(vectors: readonly Vector[]): number {
  return vectors.reduce((sum, { length }) => sum + length, 0)
}

/** A copy of what the guest wants written. */
function gather({ memory }: SyscallContext, vectors: readonly Vector[]): Uint8Array {
  const all = new Uint8Array(sizeOf(vectors))
  let at = 0
  for (const { pointer, length } of vectors) {
    all.set(memory.range(pointer, length), at)
    at += length
  }
  return all
}

function scatter({ memory }: SyscallContext, vectors: readonly Vector[], bytes: Uint8Array): void {
  let at = 0
  for (const { pointer, length } of vectors) {
    memory.write(pointer, bytes.subarray(at, at + length))
    at += length
  }
}

/** Buffers must be the guest's before anything moves: a read that fails afterwards would lose what it took. */
function checkVectors({ memory }: SyscallContext, vectors: readonly Vector[]): void {
  for (const { pointer, length } of vectors) memory.range(pointer, length)
}

/** @param offset where, or undefined for the descriptor's own position */
function read(context: SyscallContext, descriptor: number, vectors: Vector[], offset?: number): MaybePromise<number> {
  const file = context.process.descriptors.get(descriptor)
  const state = context.opened.get(file)
  if (offset !== undefined && !state) throw errno('ESPIPE')
  checkVectors(context, vectors)
  const from = offset ?? state?.position ?? -1
  return chain(file.read(sizeOf(vectors), from), (bytes) => {
    scatter(context, vectors, bytes)
    if (state && offset === undefined) state.position = from + bytes.length
    return bytes.length
  })
}

function write(context: SyscallContext, descriptor: number, vectors: Vector[], offset?: number): MaybePromise<number> {
  const file = context.process.descriptors.get(descriptor)
  const state = context.opened.get(file)
  if (offset !== undefined && !state) throw errno('ESPIPE')
  const bytes = gather(context, vectors)
  if (!state) return file.write(bytes)
  if (state.append) return append(file, state, bytes)
  const from = offset ?? state.position
  return chain(file.write(bytes, from), (written) => {
    if (offset === undefined) state.position = from + written
    return written
  })
}

function append(file: OpenFile, state: OpenState, bytes: Uint8Array): MaybePromise<number> {
  return chain(file.write(bytes), (written) =>
    chain(file.stat(), ({ size }) => {
      state.position = size
      return written
    }),
  )
}

/** Writes how many bytes moved. */
function told(context: SyscallContext, moved: MaybePromise<number>, out: number): MaybePromise<number> {
  return chain(moved, (count) => {
    context.memory.setU32(out, count)
    return 0
  })
}

/** Whence of `lseek`. */
const Seek = { set: 0, current: 1, end: 2 } as const

function seek(context: SyscallContext, descriptor: number, offset: bigint, whence: number, out: number) {
  const file = context.process.descriptors.get(descriptor)
  const state = context.opened.get(file)
  if (!state || file instanceof PipeEnd) throw errno('ESPIPE')
  const from: MaybePromise<number> =
    whence === Seek.set
      ? 0
      : whence === Seek.current
        ? state.position
        : whence === Seek.end
          ? chain(file.stat(), ({ size }) => size)
          : -1
  return chain(from, (start) => {
    if (start < 0) throw errno('EINVAL')
    const position = placeOf(BigInt(start) + offset)
    if (state.directory && position === 0) context.listings.forget(state.directory)
    state.position = position
    context.memory.setU64(out, BigInt(position))
    return 0
  })
}

/** Bytes of a `struct flock` begin with the kind of lock; nobody else holds one. */
const UNLOCKED = 2

const control: Syscall = (context, descriptor, command, varargs) => {
  const { process, memory } = context
  const state = stateOf(context, descriptor)
  switch (command) {
    case Fcntl.duplicate:
    case Fcntl.duplicateCloseOnExec:
      return process.descriptors.duplicate(descriptor, memory.u32(varargs))
    case Fcntl.getStatus:
      return state.flags
    case Fcntl.getLock:
      memory.write(memory.u32(varargs), Uint8Array.of(UNLOCKED, 0))
      return 0
    case Fcntl.getFlags:
    case Fcntl.setFlags:
    case Fcntl.setStatus:
    case Fcntl.setLock:
    case Fcntl.setLockWait:
      return 0
    default:
      throw errno('EINVAL')
  }
}

const duplicateTo: Syscall = ({ process }, descriptor, copy) => {
  if (descriptor === copy) throw errno('EINVAL')
  process.descriptors.duplicateTo(descriptor, copy >>> 0)
  return copy
}

const pipe: Syscall = (context, out) => {
  const { process, memory, opened } = context
  memory.range(out, 8)
  const [reader, writer] = makePipe()
  const first = process.descriptors.add(reader)
  let second: number
  try {
    second = process.descriptors.add(writer)
  } catch (error) {
    void process.descriptors.close(first)
    throw error
  }
  for (const end of [reader, writer]) opened.delete(end)
  memory.setU32(out, first)
  memory.setU32(out + 4, second)
  return 0
}

/** Bytes of a `struct pollfd`: a descriptor, what is asked, what is so. */
const POLL_BYTES = 8

function readiness({ process }: SyscallContext, descriptor: number, events: number): number {
  let file: OpenFile
  try {
    file = process.descriptors.get(descriptor)
  } catch {
    return PollEvent.invalid
  }
  const both = PollEvent.input | PollEvent.output
  if (!(file instanceof PipeEnd)) return events & both
  return file.ready ? events & (file.writes ? PollEvent.output : PollEvent.input) : 0
}

const poll: Syscall = (context, pointer, count, timeout) => {
  const { process, memory } = context
  if (count >>> 0 > process.services.limits.descriptors) throw errno('EINVAL')
  const look = (): number => {
    let ready = 0
    for (let at = 0; at < count; at++) {
      const asked = memory.u32(pointer + at * POLL_BYTES + 4) & 0xffff
      const found = readiness(context, memory.u32(pointer + at * POLL_BYTES) | 0, asked)
      memory.setU32(pointer + at * POLL_BYTES + 4, asked | (found << 16))
      if (found !== 0) ready++
    }
    return ready
  }
  const ready = look()
  if (ready > 0 || timeout === 0) return ready
  // Nobody but the process itself could make anything ready: only time can pass.
  const milliseconds = timeout < 0 ? Number.POSITIVE_INFINITY : timeout
  return process.services.clock.sleep(milliseconds, process.signal).then(look)
}

/** A `struct statfs` (bits/statfs.h): counts of 64 bits between words of 32. */
const STATFS_BYTES = 72
const BLOCK = 4_096

function writeFileSystem({ process, memory }: SyscallContext, out: number): number {
  const { files, limits } = process.services
  const view = new DataView(new ArrayBuffer(STATFS_BYTES))
  const free = Math.floor((limits.fileBytes - files.usage.bytes) / BLOCK)
  const nodes = limits.fileNodes - files.usage.nodes
  const counts = [Math.floor(limits.fileBytes / BLOCK), free, free, limits.fileNodes, nodes]
  counts.forEach((count, at) => view.setBigUint64(8 + at * 8, BigInt(Math.max(count, 0)), true))
  view.setUint32(4, BLOCK, true)
  view.setUint32(56, BORDER.nameBytes, true)
  view.setUint32(60, BLOCK, true)
  memory.write(out, new Uint8Array(view.buffer))
  return 0
}

const stat: Syscall = (context, descriptor, out) =>
  chain(context.process.descriptors.get(descriptor).stat(), (found) => {
    context.memory.write(out, encodeStat(found, 1))
    return 0
  })

const sync: Syscall = ({ process }, descriptor) => chain(process.descriptors.get(descriptor).sync(), zero)

export const descriptorSyscalls: Readonly<Record<string, AnySyscall>> = {
  __syscall_fstat64: stat,
  __syscall_fdatasync: sync,
  __syscall_ftruncate64: ({ process }, descriptor: number, size: bigint) =>
    chain(process.descriptors.get(descriptor).truncate(placeOf(size)), zero),
  __syscall_getdents64: readEntries,
  __syscall_fcntl64: control,
  __syscall_dup: ({ process }, descriptor: number) => process.descriptors.duplicate(descriptor),
  __syscall_dup3: duplicateTo,
  __syscall_pipe: pipe,
  __syscall_poll: poll,
  __syscall_fchmod: ({ process }, descriptor: number) => chain(process.descriptors.get(descriptor).stat(), zero),
  __syscall_statfs64: (context, _path: number, _size: number, out: number) => writeFileSystem(context, out),
  __syscall_fstatfs64: (context, descriptor: number, _size: number, out: number) => {
    context.process.descriptors.get(descriptor)
    return writeFileSystem(context, out)
  },
}

/** Answers of a `fd_fdstat_get`: all rights. A stream has no type of WASI's: a character device would be taken for a terminal. */
const FDSTAT_BYTES = 24
const FileType = { unknown: 0, directory: 3, file: 4 } as const

function writeDescriptorStat(context: SyscallContext, descriptor: number, out: number): number {
  const file = context.process.descriptors.get(descriptor)
  const bytes = new Uint8Array(FDSTAT_BYTES).fill(0xff, 8)
  const state = context.opened.get(file)
  bytes[0] = isStream(context, file) ? FileType.unknown : state?.directory ? FileType.directory : FileType.file
  context.memory.write(out, bytes)
  return 0
}

/** By their names in `wasi_snapshot_preview1`. */
export const wasiSyscalls: Readonly<Record<string, AnySyscall>> = {
  fd_read: (context, descriptor: number, vectors: number, count: number, out: number) =>
    told(context, read(context, descriptor, readVectors(context, vectors, count)), out),
  fd_pread: (context, descriptor: number, vectors: number, count: number, offset: bigint, out: number) =>
    told(context, read(context, descriptor, readVectors(context, vectors, count), placeOf(offset)), out),
  fd_write: (context, descriptor: number, vectors: number, count: number, out: number) =>
    told(context, write(context, descriptor, readVectors(context, vectors, count)), out),
  fd_pwrite: (context, descriptor: number, vectors: number, count: number, offset: bigint, out: number) =>
    told(context, write(context, descriptor, readVectors(context, vectors, count), placeOf(offset)), out),
  fd_seek: seek,
  fd_close: closeDescriptor,
  fd_sync: sync,
  fd_fdstat_get: writeDescriptorStat,
}
