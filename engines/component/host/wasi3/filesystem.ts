/** wasi:filesystem of WASI 0.3: what 0.2 does, asynchronously, and with streams of the component model. */
import { errno } from '../../../../src/kernel/errno.ts'
import type { DirectoryEntry, GuestFacingError, MaybePromise } from '../../../../src/kernel/host-port.ts'
import { chain } from '../../../../src/kernel/steps.ts'
import { primitive, tuple } from '../../wit-types.ts'
import type { Readable, Values } from '../../tasks/channel.ts'
import { type ChannelEnd, HostFuture, HostStream } from '../channels.ts'
import { asynchronous, err, func, type HostFunction, type HostInterface, type World } from '../definitions.ts'
import type { Descriptor } from '../descriptor.ts'
import { bytesOf, filesystem, listed, toNumber } from '../filesystem.ts'
import * as types from '../filesystem-types.ts'
import { Holding } from '../held-bytes.ts'
import type { InputStream, OutputStream } from '../streams.ts'
import { bytesStream, givenBytes, takenBytes, toldEnd } from './cli.ts'
import { bytesEnd, entries, typeOf3, valueOf3 } from './filesystem-types.ts'

const u64 = primitive('u64')
const self = types.descriptor.borrow

/** Those that are as they were, but asynchronous. */
const SAME = [
  ...['advise', 'sync-data', 'get-flags', 'get-type', 'set-size', 'set-times', 'sync', 'create-directory-at', 'stat'],
  ...['stat-at', 'set-times-at', 'link-at', 'open-at', 'readlink-at', 'remove-directory-at', 'rename-at', 'symlink-at'],
  ...['unlink-file-at', 'is-same-object', 'metadata-hash', 'metadata-hash-at'],
].map((name) => `[method]descriptor.${name}`)

const before = filesystem['wasi:filesystem/types'] as HostInterface

function since({ params, result, act }: HostFunction): HostFunction {
  return asynchronous(params.map(typeOf3), result && typeOf3(result), (world, ...args) =>
    chain(act(world, ...args), (value) => (result ? valueOf3(result, value) : value)),
  )
}

function codeOf(error: GuestFacingError): unknown {
  return valueOf3(types.errorCode, types.codeOf(error))
}

/** The end of a stream that did not begin. */
function never(error: unknown): HostFuture {
  const future = new HostFuture()
  future.resolve(err(valueOf3(types.errorCode, types.codeOf(error))))
  return future
}

function reading(world: World, open: () => InputStream): [HostStream, HostFuture] {
  try {
    return givenBytes(world, open(), codeOf)
  } catch (error) {
    return [
      new HostStream(
        world.tasks(),
        () => undefined,
        () => {},
      ),
      never(error),
    ]
  }
}

function writing(world: World, data: Readable, open: () => OutputStream): HostFuture {
  try {
    return takenBytes(world, data, open(), codeOf)
  } catch (error) {
    data.drop()
    return never(error)
  }
}

/** Entries of a directory, which is read when the first is asked for. */
function listing(world: World, on: Descriptor): [HostStream, HostFuture] {
  const future = new HostFuture()
  const holding = new Holding(on.held)
  let rest: DirectoryEntry[] | undefined
  const give = (all: DirectoryEntry[], most: number): Values | undefined => {
    rest = all
    const taken = all.splice(0, most)
    const shown = ({ kind, name }: DirectoryEntry) => valueOf3(types.directoryEntry, { type: types.kindOf(kind), name })
    return taken.length > 0 ? taken.map(shown) : undefined
  }
  const pull = (most: number): MaybePromise<Values | undefined> =>
    rest
      ? give(rest, most)
      : chain(listed(on), (all) => {
          if (!holding.resize(bytesOf(all))) throw errno('ENOSPC')
          return give([...all], most)
        })
  const onEnd = (end: ChannelEnd): void => {
    rest = []
    holding.resize(0)
    future.resolve(toldEnd(end, codeOf))
  }
  return [new HostStream(world.tasks(), pull, onEnd), future]
}

const streams: HostInterface = {
  '[method]descriptor.read-via-stream': func(
    [self, u64],
    tuple([bytesStream, bytesEnd]),
    (world: World, on: Descriptor, offset: bigint) => reading(world, () => on.readStream(toNumber(offset))),
  ),
  '[method]descriptor.write-via-stream': func(
    [self, bytesStream, u64],
    bytesEnd,
    (world: World, on: Descriptor, data: Readable, offset: bigint) =>
      writing(world, data, () => on.writeStream(toNumber(offset))),
  ),
  '[method]descriptor.append-via-stream': func(
    [self, bytesStream],
    bytesEnd,
    (world: World, on: Descriptor, data: Readable) => writing(world, data, () => on.writeStream(undefined)),
  ),
  '[method]descriptor.read-directory': func([self], tuple([entries, bytesEnd]), listing),
}

export const filesystem3: Readonly<Record<string, HostInterface>> = {
  'wasi:filesystem/types': {
    ...Object.fromEntries(SAME.map((name) => [name, since(before[name] as HostFunction)])),
    ...streams,
  },
  'wasi:filesystem/preopens': filesystem['wasi:filesystem/preopens'] as HostInterface,
}
