/** The path operations of the border: arguments read and bounded, failures with the guest's own path. */
import { BORDER } from '../limits.ts'
import { Argument, pathMember, timeMember, u32Answer } from './argument.ts'
import { checked, type Handler, named } from './calls-descriptors.ts'
import { errno } from './errno.ts'
import type { DirectoryEntry, MaybePromise, OpenIntent } from './host-port.ts'
import { OpenBit, Operation } from './operations.ts'
import * as work from './path-calls.ts'
import type { Process } from './process.ts'
import { chain, run, type Steps } from './steps.ts'
import { encodeValue } from './values.ts'

const NOTHING = new Uint8Array(0)
const nothing = (): Uint8Array => NOTHING
const utf8 = new TextEncoder()
const text = (value: string): Uint8Array => utf8.encode(value)
const value = (answer: unknown): Uint8Array => encodeValue(answer)
const ALL_BITS = Object.values(OpenBit).reduce((all, bit) => all | bit, 0)
/** A page of a directory at its largest: names of 255 bytes with their heads and kinds. */
const PAGE = { structuredBytes: BORDER.directoryEntries * (BORDER.nameBytes + 32), nodes: BORDER.directoryEntries * 4 }

/** An operation whose argument is a path and nothing else. */
function onPath<T>(
  call: string,
  act: (process: Process, path: string) => Steps<T>,
  answer: (result: T) => Uint8Array,
): Handler {
  return (process, bytes) => {
    const path = checked(call, () => new Argument(bytes).path())
    return named(call, () => chain(run(act(process, path)), answer), path)
  }
}

/** An operation whose argument is two paths. */
function onTwoPaths(call: string, act: (process: Process, first: string, second: string) => Steps<unknown>): Handler {
  return (process, bytes) => {
    const [first, second] = checked(call, () => twoPaths(new Argument(bytes)))
    return named(call, () => chain(run(act(process, first, second)), nothing), first, second)
  }
}

function twoPaths(argument: Argument): [string, string] {
  const members = argument.list(2)
  return [pathMember(members[0]), pathMember(members[1])]
}

export const pathCalls: Readonly<Record<number, Handler>> = {
  [Operation.PathOpen]: (process, bytes) => {
    const argument = new Argument(bytes)
    const bits = checked('open', () => argument.u32())
    const path = checked('open', () => argument.path())
    return named('open', () => chain(run(work.openPath(process, path, intentOf(bits))), u32Answer), path)
  },

  [Operation.PathStat]: (process, bytes) => {
    const argument = new Argument(bytes)
    const follow = checked('stat', () => argument.u32()) !== 0
    const call = follow ? 'stat' : 'lstat'
    const path = checked(call, () => argument.path())
    return named(call, () => chain(run(work.statPath(process, path, follow)), value), path)
  },

  [Operation.PathList]: (process, bytes) => {
    const argument = new Argument(bytes)
    const cursor = checked('scandir', () => argument.size())
    const path = checked('scandir', () => argument.path())
    return named('scandir', () => chain(run(work.listPath(process, path)), (entries) => page(entries, cursor)), path)
  },

  [Operation.PathMakeDirectory]: onPath('mkdir', work.makeDirectory, nothing),
  [Operation.PathRemoveFile]: onPath('unlink', work.removeFile, nothing),
  [Operation.PathRemoveDirectory]: onPath('rmdir', work.removeDirectory, nothing),
  [Operation.PathRename]: onTwoPaths('rename', work.renamePath),
  [Operation.PathSymlink]: onTwoPaths('symlink', work.symlinkPath),
  [Operation.PathReadLink]: onPath('readlink', work.readLink, text),
  [Operation.PathLink]: onTwoPaths('link', work.linkPath),
  [Operation.PathReal]: onPath('realpath', work.realPath, text),
  [Operation.PathSetTimes]: setTimes,
  [Operation.DirectoryChange]: onPath('chdir', work.changeDirectory, nothing),
  [Operation.DirectoryCurrent]: (process, bytes) => {
    checked('cwd', () => new Argument(bytes).end())
    return text(process.cwd)
  },
}

function setTimes(process: Process, bytes: Uint8Array): MaybePromise<Uint8Array> {
  const [path, accessed, modified] = checked('utime', () => {
    const members = new Argument(bytes).list(3)
    return [pathMember(members[0]), timeMember(members[1]), timeMember(members[2])] as const
  })
  return named('utime', () => chain(run(work.setTimes(process, path, accessed, modified)), nothing), path)
}

/** Bits that make no sense together are EINVAL, and so are bits that nobody defined. */
function intentOf(bits: number): OpenIntent {
  const has = (bit: number): boolean => (bits & bit) !== 0
  const write = has(OpenBit.write)
  if ((bits & ~ALL_BITS) !== 0 || !(write || has(OpenBit.read))) throw errno('EINVAL')
  if (!write && (has(OpenBit.create) || has(OpenBit.truncate) || has(OpenBit.append))) throw errno('EINVAL')
  if (has(OpenBit.exclusive) && !has(OpenBit.create)) throw errno('EINVAL')
  return {
    read: has(OpenBit.read),
    write,
    create: has(OpenBit.create),
    exclusive: has(OpenBit.exclusive),
    truncate: has(OpenBit.truncate),
    append: has(OpenBit.append),
  }
}

function page(entries: readonly DirectoryEntry[], cursor: number): Uint8Array {
  const end = Math.min(cursor + BORDER.directoryEntries, entries.length)
  const rows = entries.slice(cursor, end).map(({ name, kind }) => [name, kind])
  return encodeValue([rows, end < entries.length ? end : -1], PAGE)
}
