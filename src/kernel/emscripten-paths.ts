/** System calls on paths, as Emscripten's libc makes them: `env.__syscall_…`, results that are not negative, or an errno. */
import { AT_CWD, AtFlag, encodeStat, OpenFlag } from './emscripten-abi.ts'
import {
  type AnySyscall,
  type OpenState,
  pathAt,
  placeOf,
  readPath,
  readText,
  type Syscall,
  type SyscallContext,
} from './emscripten-context.ts'
import { errno } from './errno.ts'
import type { FileStat, MaybePromise, OpenIntent } from './host-port.ts'
import * as work from './path-calls.ts'
import type { Process } from './process.ts'
import { chain, run, type Steps, wait } from './steps.ts'

const zero = (): number => 0
const utf8 = new TextEncoder()

function intentOf(flags: number): OpenIntent {
  const mode = flags & OpenFlag.accessMode
  const write = mode === OpenFlag.writeOnly || mode === OpenFlag.readWrite
  const has = (bit: number): boolean => (flags & bit) !== 0
  return {
    read: mode !== OpenFlag.writeOnly,
    write,
    create: write && has(OpenFlag.create),
    exclusive: has(OpenFlag.create) && has(OpenFlag.exclusive),
    truncate: write && has(OpenFlag.truncate),
    append: write && has(OpenFlag.append),
  }
}

/** A file that is made without the wish to write: POSIX allows it, the kernel's intents do not. */
function madeForReading(flags: number): OpenIntent {
  return { ...intentOf(flags), write: true, create: true }
}

const openAt: Syscall = (context, directory, pointer, flags) => {
  const { process, memory } = context
  const path = pathAt(context, directory, readPath(memory, pointer))
  const readsOnly = (flags & OpenFlag.accessMode) === 0
  const intent = readsOnly && flags & OpenFlag.create ? madeForReading(flags) : intentOf(flags)
  const follow = (flags & OpenFlag.noFollow) === 0 && !(intent.create && intent.exclusive)
  return chain(run(work.openAt(process, path, intent, follow)), ({ descriptor, file, kind, base }) => {
    if (kind !== 'directory' && flags & OpenFlag.directory) {
      return chain(process.descriptors.close(descriptor), () => {
        throw errno('ENOTDIR')
      })
    }
    const state: OpenState = { position: 0, append: intent.append, flags }
    if (base) state.directory = { path: `/${base.names.join('/')}`, listing: undefined }
    context.opened.set(file, state)
    return descriptor
  })
}

function writeStat({ memory }: SyscallContext, pointer: number, stat: MaybePromise<FileStat>): MaybePromise<number> {
  return chain(stat, (found) => {
    memory.write(pointer, encodeStat(found, 1))
    return 0
  })
}

function statAt(context: SyscallContext, path: string, out: number, follow: boolean): MaybePromise<number> {
  return writeStat(context, out, run(work.statPath(context.process, path, follow)))
}

/** The path of a call that may mean its open directory itself: an empty one with AT_EMPTY_PATH. */
function isItself({ memory }: SyscallContext, pointer: number, flags: number): boolean {
  return (flags & AtFlag.emptyPath) !== 0 && readText(memory, pointer).length === 0
}

/** The path must lead somewhere; nothing else is done: files of a sandbox have no modes. */
const mustExist: Syscall = (context, pointer) =>
  chain(run(work.statPath(context.process, readPath(context.memory, pointer), true)), zero)

const readLinkAt: Syscall = (context, directory, pointer, out, size) => {
  const path = pathAt(context, directory, readPath(context.memory, pointer))
  return chain(run(work.readLink(context.process, path)), (target) => {
    const bytes = utf8.encode(target).subarray(0, size >>> 0)
    context.memory.write(out, bytes)
    return bytes.length
  })
}

const unlinkAt: Syscall = (context, directory, pointer, flags) => {
  const path = pathAt(context, directory, readPath(context.memory, pointer))
  const remove = flags & AtFlag.removeDirectory ? work.removeDirectory : work.removeFile
  return chain(run(remove(context.process, path)), zero)
}

const renameAt: Syscall = (context, fromDirectory, from, toDirectory, to) => {
  const { process, memory } = context
  const source = pathAt(context, fromDirectory, readPath(memory, from))
  const target = pathAt(context, toDirectory, readPath(memory, to))
  return chain(run(work.renamePath(process, source, target)), zero)
}

/** Nanoseconds that stand for the time of the call, and for no change (sys/stat.h). */
const TIME_NOW = 0x3fff_ffff
const TIME_OMIT = 0x3fff_fffe
const TIMESPEC = 16

const setTimesAt: Syscall = (context, directory, pointer, times, flags) => {
  const { process, memory } = context
  const isOpenFile = pointer === 0 || isItself(context, pointer, flags)
  const path = isOpenFile ? '' : pathAt(context, directory, readPath(memory, pointer))
  const follow = (flags & AtFlag.noFollow) === 0
  const file = isOpenFile ? process.descriptors.get(directory) : undefined
  const now = process.services.clock.stampMs()
  const wanted = (at: number, present: number): number => {
    if (times === 0) return now
    const nanoseconds = memory.u32(times + at * TIMESPEC + 8)
    if (nanoseconds === TIME_NOW) return now
    if (nanoseconds === TIME_OMIT) return present
    return Number(BigInt.asIntN(64, memory.u64(times + at * TIMESPEC))) * 1000 + nanoseconds / 1e6
  }
  const stat = file ? file.stat() : run(work.statPath(process, path, follow))
  return chain(stat, ({ accessedMs, modifiedMs }) => {
    const [accessed, modified] = [wanted(0, accessedMs), wanted(1, modifiedMs)]
    const done = file
      ? file.setTimes(accessed, modified)
      : run(work.setTimes(process, path, accessed, modified, follow))
    return chain(done, zero)
  })
}

function* truncatePath(process: Process, path: string, size: number): Steps<number> {
  const { descriptor, file } = yield* work.openAt(process, path, intentOf(OpenFlag.writeOnly), true)
  try {
    yield* wait(file.truncate(size))
  } finally {
    yield* wait(process.descriptors.close(descriptor))
  }
  return 0
}

const truncate = ({ process, memory }: SyscallContext, pointer: number, length: bigint): MaybePromise<number> => {
  const size = placeOf(length)
  return run(truncatePath(process, readPath(memory, pointer), size))
}

const currentDirectory: Syscall = ({ process, memory }, out, size) => {
  const bytes = utf8.encode(`${process.cwd}\0`)
  if (bytes.length > size >>> 0) throw errno('ERANGE')
  memory.write(out, bytes)
  return bytes.length
}

export const pathSyscalls: Readonly<Record<string, AnySyscall>> = {
  __syscall_openat: openAt,
  __syscall_stat64: (context, path: number, out: number) => statAt(context, readPath(context.memory, path), out, true),
  __syscall_lstat64: (context, path: number, out: number) =>
    statAt(context, readPath(context.memory, path), out, false),
  __syscall_newfstatat: (context, directory: number, path: number, out: number, flags: number) => {
    if (isItself(context, path, flags))
      return writeStat(context, out, context.process.descriptors.get(directory).stat())
    const whole = pathAt(context, directory, readPath(context.memory, path))
    return statAt(context, whole, out, (flags & AtFlag.noFollow) === 0)
  },
  /** Whatever is asked for: what a grant refuses is refused when it is done. */
  __syscall_faccessat: (context, directory: number, path: number) => {
    const whole = pathAt(context, directory, readPath(context.memory, path))
    return chain(run(work.statPath(context.process, whole, true)), zero)
  },
  __syscall_mkdirat: (context, directory: number, path: number) =>
    chain(run(work.makeDirectory(context.process, pathAt(context, directory, readPath(context.memory, path)))), zero),
  __syscall_unlinkat: unlinkAt,
  __syscall_rmdir: (context, path: number) => unlinkAt(context, AT_CWD, path, AtFlag.removeDirectory),
  __syscall_renameat: renameAt,
  __syscall_symlinkat: (context, target: number, directory: number, path: number) => {
    const { process, memory } = context
    const link = pathAt(context, directory, readPath(memory, path))
    return chain(run(work.symlinkPath(process, readPath(memory, target), link)), zero)
  },
  __syscall_readlinkat: readLinkAt,
  __syscall_utimensat: setTimesAt,
  __syscall_truncate64: truncate,
  __syscall_chmod: mustExist,
  __syscall_fchmodat2: (context, directory: number, path: number) => {
    const whole = pathAt(context, directory, readPath(context.memory, path))
    return chain(run(work.statPath(context.process, whole, true)), zero)
  },
  __syscall_chdir: (context, path: number) =>
    chain(run(work.changeDirectory(context.process, readPath(context.memory, path))), zero),
  __syscall_fchdir: (context, directory: number) =>
    chain(run(work.changeDirectory(context.process, pathAt(context, directory, '.'))), zero),
  __syscall_getcwd: currentDirectory,
}
