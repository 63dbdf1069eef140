/** The calls of WASI preview 1 on paths beneath open directories. */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import { GuestFacingError, type OpenIntent } from './host-port.ts'
import * as work from './path-calls.ts'
import { decodePath } from './paths.ts'
import {
  DIRECTORY_RIGHTS,
  FdFlag,
  FILE_RIGHTS,
  FileType,
  LookupFlag,
  OpenFlag,
  Right,
  unsigned,
} from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import { checkTimeFlags, setTimes, UNSUPPORTED_FLAGS, writeStat } from './preview1-files.ts'
import { type Steps, wait } from './steps.ts'

const ALL_OPEN_FLAGS = Object.values(OpenFlag).reduce((all, flag) => all | flag, 0)
const ALL_FD_FLAGS = Object.values(FdFlag).reduce((all, flag) => all | flag, 0)

/** A path of the guest's, bounded before it is decoded. */
function pathAt({ memory }: Preview1Context, pointer: number, length: number): string {
  if (length >>> 0 > BORDER.pathBytes) throw errno('ENAMETOOLONG')
  return decodePath(memory.copy(pointer, length))
}

/** A path beneath a directory with a right. */
function whereOf(context: Preview1Context, fd: number, right: bigint, path: number, length: number) {
  const { base } = context.fds.directory(fd, right)
  return { base, path: pathAt(context, path, length) }
}

const follows = (flags: number): boolean => {
  if (flags & ~LookupFlag.followLinks) throw errno('EINVAL')
  return flags === LookupFlag.followLinks
}

type OpenRequest = { flags: number; base: bigint; inheriting: bigint; fdFlags: number }

/** What of an open can be refused before anything is looked for. */
function checkOpen({ flags, fdFlags, base }: OpenRequest, dirRights: bigint, dirInheriting: bigint): void {
  if (flags & ~ALL_OPEN_FLAGS || fdFlags & ~ALL_FD_FLAGS) throw errno('EINVAL')
  if (flags & OpenFlag.create && flags & OpenFlag.directory) throw errno('EINVAL')
  if (flags & OpenFlag.create && (dirRights & Right.createFile) === 0n) throw errno('ENOTCAPABLE')
  if (flags & OpenFlag.truncate && (dirRights & Right.pathSetSize) === 0n) throw errno('ENOTCAPABLE')
  // More than the directory may pass on. Bits that mean nothing for files and directories are left out, as ever.
  if ((base & (FILE_RIGHTS | DIRECTORY_RIGHTS) & ~dirInheriting) !== 0n) throw errno('ENOTCAPABLE')
  if (fdFlags & UNSUPPORTED_FLAGS) throw errno('ENOTSUP')
}

function intentOf({ flags, base }: OpenRequest): OpenIntent {
  const truncate = (flags & OpenFlag.truncate) !== 0
  return {
    read: (base & Right.fdRead) !== 0n,
    // A file is made and cut by one who may write it, whatever the descriptor may do afterwards.
    write: (base & (Right.fdWrite | Right.fdAllocate | Right.fdSetSize)) !== 0n || truncate,
    create: (flags & OpenFlag.create) !== 0,
    exclusive: (flags & OpenFlag.create) !== 0 && (flags & OpenFlag.exclusive) !== 0,
    truncate,
    append: false, // kept with the descriptor, where flags can be changed
  }
}

/**
 * Opens. Programs ask for everything that they might do with a file, also of directories: what is none of a directory's
 * is left out there, but for the wish to write or cut, which is EISDIR.
 */
function* open(context: Preview1Context, where: work.Where, request: OpenRequest, follow: boolean): Steps<work.Opened> {
  const { flags, base } = request
  const intent = intentOf(request)
  const followLast = follow && !intent.exclusive
  const wantsDirectory = (flags & OpenFlag.directory) !== 0
  if (wantsDirectory && !intent.truncate) {
    const asDirectory = { ...intent, read: false, write: (base & Right.fdWrite) !== 0n }
    return yield* openDirectory(context, where, asDirectory, followLast)
  }
  return yield* work.openAt(context.process, where, intent, followLast)
}

/** ENOTDIR for what is none, whatever else would be wrong with opening it to write. */
function* openDirectory(
  context: Preview1Context,
  where: work.Where,
  intent: OpenIntent,
  follow: boolean,
): Steps<work.Opened> {
  let kind: string | undefined
  if (intent.write) kind = (yield* work.statPath(context.process, where, follow)).kind
  if (kind === 'file') throw errno('ENOTDIR')
  const opened = yield* work.openAt(context.process, where, intent, follow)
  if (opened.kind === 'directory') return opened
  yield* wait(context.process.descriptors.close(opened.descriptor))
  throw errno('ENOTDIR')
}

const namesOf = (path: string): string[] => path.slice(1).split('/')

export const pathCalls = {
  *path_open(
    context,
    directory: number,
    lookup: number,
    path: number,
    length: number,
    flags: number,
    base: bigint,
    inheriting: bigint,
    fdFlags: number,
    out: number,
  ) {
    const parent = context.fds.directory(directory, Right.open)
    const request = { flags, base: unsigned(base), inheriting: unsigned(inheriting), fdFlags }
    const name = pathAt(context, path, length)
    checkOpen(request, parent.rights, parent.inheriting)
    context.memory.range(out, 4)
    const opened = yield* open(context, { base: parent.base, path: name }, request, follows(lookup))
    const isDirectory = opened.kind === 'directory'
    context.fds.opened(
      opened.descriptor,
      {
        file: opened.file,
        type: isDirectory ? FileType.directory : FileType.regularFile,
        rights: request.base & parent.inheriting & (isDirectory ? DIRECTORY_RIGHTS : FILE_RIGHTS),
        inheriting: isDirectory ? request.inheriting & parent.inheriting : 0n,
        base: opened.base,
      },
      (fdFlags & FdFlag.append) !== 0,
      (fdFlags & FdFlag.nonblock) !== 0,
    )
    context.memory.setU32(out, opened.descriptor)
  },

  *path_create_directory(context, fd: number, path: number, length: number) {
    yield* work.makeDirectory(context.process, whereOf(context, fd, Right.createDirectory, path, length))
  },

  *path_filestat_get(context, fd: number, lookup: number, path: number, length: number, out: number) {
    const where = whereOf(context, fd, Right.pathStat, path, length)
    writeStat(context, out, yield* work.statPath(context.process, where, follows(lookup)))
  },

  *path_filestat_set_times(
    context,
    fd: number,
    lookup: number,
    path: number,
    length: number,
    accessed: bigint,
    modified: bigint,
    flags: number,
  ) {
    const where = whereOf(context, fd, Right.pathSetTimes, path, length)
    const follow = follows(lookup)
    checkTimeFlags(flags)
    const { process } = context
    yield* setTimes(
      context,
      [accessed, modified, flags],
      () => work.statPath(process, where, follow),
      (accessedMs, modifiedMs) => work.setTimes(process, where, accessedMs, modifiedMs, follow),
    )
  },

  *path_link(
    context,
    oldFd: number,
    lookup: number,
    oldPath: number,
    oldLength: number,
    newFd: number,
    newPath: number,
    newLength: number,
  ) {
    const from = whereOf(context, oldFd, Right.linkSource, oldPath, oldLength)
    const to = whereOf(context, newFd, Right.linkTarget, newPath, newLength)
    // A link is linked itself: to follow it first is not offered.
    if (follows(lookup)) throw errno('EINVAL')
    yield* work.linkPath(context.process, from, to)
  },

  *path_readlink(context, fd: number, path: number, length: number, buffer: number, room: number, out: number) {
    const where = whereOf(context, fd, Right.readLink, path, length)
    const target = new TextEncoder().encode(yield* work.readLink(context.process, where)).subarray(0, room >>> 0)
    context.memory.write(buffer, target)
    context.memory.setU32(out, target.length)
  },

  *path_remove_directory(context, fd: number, path: number, length: number) {
    const where = whereOf(context, fd, Right.removeDirectory, path, length)
    try {
      yield* work.removeDirectory(context.process, where)
    } catch (error) {
      // The directory that is open here has no name here: POSIX has EINVAL for `.`.
      const isSelf = /(^|\/)\.\/*$/.test(where.path)
      throw isSelf && error instanceof GuestFacingError && error.code === 'EBUSY' ? errno('EINVAL') : error
    }
  },

  *path_rename(
    context,
    oldFd: number,
    oldPath: number,
    oldLength: number,
    newFd: number,
    newPath: number,
    newLength: number,
  ) {
    const from = whereOf(context, oldFd, Right.renameSource, oldPath, oldLength)
    const to = whereOf(context, newFd, Right.renameTarget, newPath, newLength)
    const renamed = yield* work.renamePath(context.process, from, to)
    // A mount's directory is known by its names: what was opened in it follows when the guest itself renames it.
    if (renamed) context.fds.renamed(namesOf(renamed.from), namesOf(renamed.to))
  },

  *path_symlink(context, target: number, targetLength: number, fd: number, path: number, length: number) {
    const leadsTo = pathAt(context, target, targetLength)
    const where = whereOf(context, fd, Right.symlink, path, length)
    if (leadsTo.startsWith('/')) throw errno('ENOTCAPABLE')
    yield* work.symlinkPath(context.process, leadsTo, where)
  },

  *path_unlink_file(context, fd: number, path: number, length: number) {
    yield* work.removeFile(context.process, whereOf(context, fd, Right.unlink, path, length))
  },
} satisfies Calls
