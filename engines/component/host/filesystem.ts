/** wasi:filesystem over the kernel's files: private ones and mounts, which the gate decides on. */
import { errno } from '../../../src/kernel/errno.ts'
import type { DirectoryEntry, FileStat, MaybePromise } from '../../../src/kernel/host-port.ts'
import * as paths from '../../../src/kernel/path-calls.ts'
import { run, type Steps, wait } from '../../../src/kernel/steps.ts'
import { BORDER } from '../../../src/limits.ts'
import { list, option, primitive, result, tuple, type WitType } from '../wit-types.ts'
import type { Datetime } from './clocks.ts'
import {
  type Act,
  type Closable,
  func,
  type HostFunction,
  type HostInterface,
  ok,
  type Result,
  waiting,
  type World,
} from './definitions.ts'
import { Descriptor } from './descriptor.ts'
import * as types from './filesystem-types.ts'
import { type HeldBytes, Holding } from './held-bytes.ts'
import { inputStream, ioError, outputStream } from './io.ts'
import type { OutputStream, StreamFailure } from './streams.ts'

const u64 = primitive('u64')
const string = primitive('string')
const bytes = list(primitive('u8'))
const self = types.descriptor.borrow

/** A method whose failures are error codes. Whatever it does, a driver may have to be waited for. */
function method(
  params: readonly WitType[],
  answer: WitType | undefined,
  act: (on: Descriptor, ...args: never[]) => Steps<unknown>,
): HostFunction {
  const guarded: Act = (_world: World, on: Descriptor, ...args: never[]): MaybePromise<Result> => {
    try {
      const value = run(act(on, ...args))
      return value instanceof Promise ? value.then(ok, types.failed) : ok(value)
    } catch (error) {
      return types.failed(error)
    }
  }
  return waiting([self, ...params], result(answer, types.errorCode), guarded)
}

/** One that is done at once. */
function atOnce(
  params: readonly WitType[],
  answer: WitType | undefined,
  act: (on: Descriptor, ...args: never[]) => unknown,
): HostFunction {
  return inWorld(params, answer, (_world, on, ...args) => act(on, ...args))
}

/** The same of what needs the world. */
function inWorld(
  params: readonly WitType[],
  answer: WitType | undefined,
  act: (world: World, on: Descriptor, ...args: never[]) => unknown,
): HostFunction {
  const guarded: Act = (world: World, on: Descriptor, ...args: never[]): Result => {
    try {
      return ok(act(world, on, ...args))
    } catch (error) {
      return types.failed(error)
    }
  }
  return func([self, ...params], result(answer, types.errorCode), guarded)
}

/** What is written in the background is written before the call ends in which it was given. */
function writing({ tasks }: World, on: Descriptor, start: number | undefined): OutputStream {
  return on.writeStream(start, (written) => tasks().track(written, () => {}, true))
}

/** An offset or a size as the kernel takes it. EINVAL beyond what a number holds. */
export function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw errno('EINVAL')
  return Number(value)
}

function timeOf(stamp: types.NewTimestamp, now: number, present: number): number {
  if (stamp.tag === 'no-change') return present
  if (stamp.tag === 'now') return now
  const { seconds, nanoseconds } = (stamp as { val: Datetime }).val
  return toNumber(seconds) * 1_000 + nanoseconds / 1e6
}

/** The two times that something will have. */
function timesOf(
  { process }: Descriptor,
  stat: FileStat,
  access: types.NewTimestamp,
  modification: types.NewTimestamp,
): [number, number] {
  const now = process.services.clock.stampMs()
  return [timeOf(access, now, stat.accessedMs), timeOf(modification, now, stat.modifiedMs)]
}

/** What an entry takes beside its name. */
const ENTRY_BYTES = 64

/** What a listing takes. */
export function bytesOf(entries: readonly DirectoryEntry[]): number {
  return entries.reduce((sum, { name }) => sum + ENTRY_BYTES + 2 * name.length, 0)
}

/** Entries of a directory, told one by one. */
class EntryStream implements Closable {
  readonly #entries: readonly DirectoryEntry[]
  readonly #holding: Holding
  #at = 0

  /** @throws GuestFacingError ENOSPC when the component holds too much already */
  constructor(entries: readonly DirectoryEntry[], held: HeldBytes) {
    this.#entries = entries
    this.#holding = new Holding(held)
    if (!this.#holding.resize(bytesOf(entries))) throw errno('ENOSPC')
  }

  close(): void {
    this.#holding.resize(0)
  }

  next(): { type: string; name: string } | undefined {
    const entry = this.#entries[this.#at++]
    return entry && { type: types.kindOf(entry.kind), name: entry.name }
  }
}

function* entriesOf(on: Descriptor): Steps<readonly DirectoryEntry[]> {
  if (!on.isDirectory) throw errno('ENOTDIR')
  if (!on.flags.read) throw errno('EBADF')
  return yield* paths.listPath(on.process, on.beneath('.'))
}

/** What is in a directory. @throws GuestFacingError, also as rejection */
export function listed(on: Descriptor): MaybePromise<readonly DirectoryEntry[]> {
  return run(entriesOf(on))
}

function hashOf({ inode, modifiedMs }: { inode: number; modifiedMs: number }): { lower: bigint; upper: bigint } {
  return { lower: BigInt(inode), upper: BigInt(Math.max(0, Math.floor(modifiedMs))) }
}

const namesOf = (path: string): string[] => path.slice(1).split('/')

/** Whether a path names the directory that it is beneath. */
function isItself(path: string): boolean {
  return /^\.(\/+\.?)*$/.test(path)
}

const statAt = [types.pathFlags, string] as const
const { newTimestamp } = types

const onFiles: HostInterface = {
  '[method]descriptor.read-via-stream': atOnce([u64], inputStream.own, (on, offset: bigint) =>
    on.readStream(toNumber(offset)),
  ),
  '[method]descriptor.write-via-stream': inWorld([u64], outputStream.own, (world, on, offset: bigint) =>
    writing(world, on, toNumber(offset)),
  ),
  '[method]descriptor.append-via-stream': inWorld([], outputStream.own, (world, on) => writing(world, on, undefined)),
  '[method]descriptor.advise': atOnce([u64, u64, types.advice], undefined, (on) => {
    if (on.isDirectory) throw errno('EBADF')
  }),
  '[method]descriptor.sync-data': method([], undefined, function* (on) {
    yield* wait(on.sync())
  }),
  '[method]descriptor.sync': method([], undefined, function* (on) {
    yield* wait(on.sync())
  }),
  '[method]descriptor.get-flags': atOnce([], types.descriptorFlags, (on) => on.flags),
  '[method]descriptor.get-type': method([], types.descriptorType, function* (on) {
    return types.kindOf((yield* wait(on.stat())).kind)
  }),
  '[method]descriptor.set-size': method([u64], undefined, function* (on, size: bigint) {
    if (!on.flags.write) throw errno('EBADF')
    yield* wait(on.file.truncate(toNumber(size)))
  }),
  '[method]descriptor.set-times': method(
    [newTimestamp, newTimestamp],
    undefined,
    function* (on, access: types.NewTimestamp, modification: types.NewTimestamp) {
      if (!(on.isDirectory ? on.flags.mutateDirectory : on.flags.write)) throw errno('EPERM')
      const [accessed, modified] = timesOf(on, yield* wait(on.stat()), access, modification)
      yield* wait(on.setTimes(accessed, modified))
    },
  ),
  '[method]descriptor.read': method(
    [u64, u64],
    tuple([bytes, primitive('bool')]),
    function* (on, length: bigint, offset: bigint) {
      const most = Math.min(Number(length), BORDER.transferBytes)
      const read = yield* wait(on.read(most, toNumber(offset)))
      return [read, read.length === 0 && most > 0]
    },
  ),
  '[method]descriptor.write': method([bytes, u64], u64, function* (on, content: Uint8Array, offset: bigint) {
    return BigInt(yield* wait(on.write(content.subarray(0, BORDER.transferBytes), toNumber(offset))))
  }),
  '[method]descriptor.stat': method([], types.descriptorStat, function* (on) {
    return types.toDescriptorStat(yield* wait(on.stat()))
  }),
  '[method]descriptor.metadata-hash': method([], types.metadataHash, function* (on) {
    return hashOf(yield* wait(on.stat()))
  }),
  '[method]descriptor.is-same-object': waiting([self, self], primitive('bool'), (_, a: Descriptor, b: Descriptor) =>
    run(a.isSame(b)),
  ),
}

const inDirectories: HostInterface = {
  '[method]descriptor.read-directory': method([], types.entryStream.own, function* (on) {
    const { held } = on
    return new EntryStream(yield* entriesOf(on), held)
  }),
  '[method]descriptor.create-directory-at': method([string], undefined, function* (on, path: string) {
    yield* paths.makeDirectory(on.process, on.mustMutate().beneath(path))
  }),
  '[method]descriptor.stat-at': method(
    statAt,
    types.descriptorStat,
    function* (on, { symlinkFollow }: types.PathFlags, path: string) {
      return types.toDescriptorStat(yield* paths.statPath(on.process, on.beneath(path), symlinkFollow))
    },
  ),
  '[method]descriptor.metadata-hash-at': method(
    statAt,
    types.metadataHash,
    function* (on, { symlinkFollow }: types.PathFlags, path: string) {
      return hashOf(yield* paths.statPath(on.process, on.beneath(path), symlinkFollow))
    },
  ),
  '[method]descriptor.set-times-at': method(
    [...statAt, newTimestamp, newTimestamp],
    undefined,
    function* (
      on,
      { symlinkFollow }: types.PathFlags,
      path: string,
      access: types.NewTimestamp,
      modification: types.NewTimestamp,
    ) {
      const where = on.mustMutate().beneath(path)
      const stat = yield* paths.statPath(on.process, where, symlinkFollow)
      yield* paths.setTimes(on.process, where, ...timesOf(on, stat, access, modification), symlinkFollow)
    },
  ),
  '[method]descriptor.open-at': method(
    [...statAt, types.openFlags, types.descriptorFlags],
    types.descriptor.own,
    (on, { symlinkFollow }: types.PathFlags, path: string, open: types.OpenFlags, flags: types.DescriptorFlags) =>
      on.open(path, symlinkFollow, open, flags),
  ),
  '[method]descriptor.readlink-at': method([string], string, function* (on, path: string) {
    const target = yield* paths.readLink(on.process, on.beneath(path))
    if (target.startsWith('/')) throw errno('EPERM')
    return target
  }),
  '[method]descriptor.remove-directory-at': method([string], undefined, function* (on, path: string) {
    if (isItself(path)) throw errno('EINVAL')
    yield* paths.removeDirectory(on.process, on.mustMutate().beneath(path))
  }),
  '[method]descriptor.unlink-file-at': method([string], undefined, function* (on, path: string) {
    if (isItself(path)) throw errno('EISDIR')
    yield* paths.removeFile(on.process, on.mustMutate().beneath(path))
  }),
  '[method]descriptor.symlink-at': method([string, string], undefined, function* (on, target: string, path: string) {
    if (target.startsWith('/')) throw errno('EPERM')
    yield* paths.symlinkPath(on.process, target, on.mustMutate().beneath(path))
  }),
  '[method]descriptor.rename-at': method(
    [string, self, string],
    undefined,
    function* (on, from: string, other: Descriptor, to: string) {
      const [source, target] = [on.mustMutate().beneath(from), other.mustMutate().beneath(to)]
      const renamed = yield* paths.renamePath(on.process, source, target)
      if (renamed) on.tellRenamed(namesOf(renamed.from), namesOf(renamed.to))
    },
  ),
  '[method]descriptor.link-at': method(
    [...statAt, self, string],
    undefined,
    function* (on, { symlinkFollow }: types.PathFlags, from: string, other: Descriptor, to: string) {
      // No file system that we have makes a link to what a link leads to.
      if (symlinkFollow) throw errno('ENOTSUP')
      if (isItself(from)) throw errno('EPERM')
      yield* paths.linkPath(on.process, on.mustMutate().beneath(from), other.mustMutate().beneath(to))
    },
  ),
}

export const filesystem: Readonly<Record<string, HostInterface>> = {
  'wasi:filesystem/types': {
    ...onFiles,
    ...inDirectories,
    '[method]directory-entry-stream.read-directory-entry': func(
      [types.entryStream.borrow],
      result(option(types.directoryEntry), types.errorCode),
      (_, entries: EntryStream) => ({ tag: 'ok', val: entries.next() }),
    ),
    'filesystem-error-code': func([ioError.borrow], option(types.errorCode), (_, failure: StreamFailure) =>
      types.codeOf(failure.error),
    ),
  },
  'wasi:filesystem/preopens': {
    'get-directories': func([], list(tuple([types.descriptor.own, string])), (world: World) => [
      [Descriptor.root(world), '/'],
    ]),
  },
}
