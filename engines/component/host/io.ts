/** wasi:io: streams, what can be waited for, and errors. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import { list, primitive, result, variant } from '../wit-types.ts'
import { err, func, type HostInterface, hostResource, ok, type Result, waiting, type World } from './definitions.ts'
import { type Pollable, pollAll } from './pollable.ts'
import { type InputStream, type OutputStream, STREAM_BYTES, type StreamEnd, type StreamFailure } from './streams.ts'

export const ioError = hostResource('wasi:io/error', 'error')
export const pollable = hostResource('wasi:io/poll', 'pollable')
export const inputStream = hostResource('wasi:io/streams', 'input-stream')
export const outputStream = hostResource('wasi:io/streams', 'output-stream')

const u64 = primitive('u64')
const bytes = list(primitive('u8'))
const streamError = variant([
  ['last-operation-failed', ioError.own],
  ['closed', undefined],
])
const nothing = result(undefined, streamError)
const counted = result(u64, streamError)

function ended(end: StreamEnd): Result {
  return err(end === 'closed' ? { tag: 'closed' } : { tag: 'last-operation-failed', val: end })
}

function isEnd(answer: Uint8Array | StreamEnd): answer is StreamEnd {
  return !(answer instanceof Uint8Array)
}

function readAnswer(answer: Uint8Array | StreamEnd): Result {
  return isEnd(answer) ? ended(answer) : ok(answer)
}

function skipAnswer(answer: Uint8Array | StreamEnd): Result {
  return isEnd(answer) ? ended(answer) : ok(BigInt(answer.length))
}

function doneAnswer(end: StreamEnd | undefined): Result {
  return end ? ended(end) : ok()
}

const lengthOf = (length: bigint): number => Number(length > BigInt(STREAM_BYTES) ? STREAM_BYTES : length)

/** More than `check-write` allowed is a trap (wasi:io/streams, "write"). */
function writeNow(stream: OutputStream, content: Uint8Array): StreamEnd | undefined {
  const most = stream.checkWrite()
  if (typeof most === 'number' && content.length > most)
    throw new CanonTrap('it writes more to a stream than the stream permits')
  return stream.write(content)
}

/** `blocking-write-and-flush` takes 4,096 bytes at most. */
const BLOCKING_BYTES = 4_096

function writeAndFlush(stream: OutputStream, content: Uint8Array): MaybePromise<Result> {
  if (content.length > BLOCKING_BYTES) throw new CanonTrap(`it writes more than ${BLOCKING_BYTES} bytes at once`)
  return chain(stream.wait(), () => {
    const end = stream.write(content)
    return end ? ended(end) : chain(stream.flush(), doneAnswer)
  })
}

function splice(to: OutputStream, from: InputStream, length: bigint): Result {
  const most = to.checkWrite()
  if (typeof most !== 'number') return ended(most)
  const read = from.read(Math.min(lengthOf(length), most))
  if (isEnd(read)) return ended(read)
  const end = to.write(read)
  return end ? ended(end) : ok(BigInt(read.length))
}

const self = inputStream.borrow
const out = outputStream.borrow

const streams: HostInterface = {
  '[method]input-stream.read': func([self, u64], result(bytes, streamError), (_, stream: InputStream, length: bigint) =>
    readAnswer(stream.read(lengthOf(length))),
  ),
  '[method]input-stream.blocking-read': waiting(
    [self, u64],
    result(bytes, streamError),
    (_, stream: InputStream, length: bigint) => chain(stream.blockingRead(lengthOf(length)), readAnswer),
  ),
  '[method]input-stream.skip': func([self, u64], counted, (_, stream: InputStream, length: bigint) =>
    skipAnswer(stream.read(lengthOf(length))),
  ),
  '[method]input-stream.blocking-skip': waiting([self, u64], counted, (_, stream: InputStream, length: bigint) =>
    chain(stream.blockingRead(lengthOf(length)), skipAnswer),
  ),
  '[method]input-stream.subscribe': func([self], pollable.own, (_, stream: InputStream) => subscription(stream)),
  '[method]output-stream.check-write': func([out], counted, (_, stream: OutputStream) => {
    const most = stream.checkWrite()
    return typeof most === 'number' ? ok(BigInt(most)) : ended(most)
  }),
  '[method]output-stream.write': func([out, bytes], nothing, (_, stream: OutputStream, content: Uint8Array) =>
    doneAnswer(writeNow(stream, content)),
  ),
  '[method]output-stream.blocking-write-and-flush': waiting(
    [out, bytes],
    nothing,
    (_, stream: OutputStream, content: Uint8Array) => writeAndFlush(stream, content),
  ),
  '[method]output-stream.flush': func([out], nothing, (_, stream: OutputStream) => {
    const end = stream.checkWrite()
    return typeof end === 'number' ? ok() : ended(end)
  }),
  '[method]output-stream.blocking-flush': waiting([out], nothing, (_, stream: OutputStream) =>
    chain(stream.flush(), doneAnswer),
  ),
  '[method]output-stream.subscribe': func([out], pollable.own, (_, stream: OutputStream) => subscription(stream)),
  '[method]output-stream.write-zeroes': func([out, u64], nothing, (_, stream: OutputStream, length: bigint) =>
    doneAnswer(writeNow(stream, new Uint8Array(zeroes(length)))),
  ),
  '[method]output-stream.blocking-write-zeroes-and-flush': waiting(
    [out, u64],
    nothing,
    (_, stream: OutputStream, length: bigint) => writeAndFlush(stream, new Uint8Array(zeroes(length))),
  ),
  '[method]output-stream.splice': func(
    [out, self, u64],
    counted,
    (_, to: OutputStream, from: InputStream, length: bigint) => splice(to, from, length),
  ),
  '[method]output-stream.blocking-splice': waiting(
    [out, self, u64],
    counted,
    (_, to: OutputStream, from: InputStream, length: bigint) =>
      chain(to.wait(), () => chain(from.wait(), () => splice(to, from, length))),
  ),
}

/** One byte more than may be written at once is refused as any larger number is. */
function zeroes(length: bigint): number {
  return Number(length > BigInt(STREAM_BYTES) ? STREAM_BYTES + 1 : length)
}

/** A pollable of its own for a thing that can be waited for. */
function subscription(on: Pollable): Pollable {
  return { ready: () => on.ready(), wait: () => on.wait() }
}

const poll: HostInterface = {
  '[method]pollable.ready': func([pollable.borrow], primitive('bool'), (_, one: Pollable) => one.ready()),
  '[method]pollable.block': waiting([pollable.borrow], undefined, (world: World, one: Pollable) =>
    chain(pollAll(world, [one]), () => undefined),
  ),
  poll: waiting([list(pollable.borrow)], list(primitive('u32')), (world: World, all: readonly Pollable[]) =>
    pollAll(world, all),
  ),
}

const error: HostInterface = {
  '[method]error.to-debug-string': func([ioError.borrow], primitive('string'), (_, failure: StreamFailure) =>
    failure.error.message.toWellFormed(),
  ),
}

export const io: Readonly<Record<string, HostInterface>> = {
  'wasi:io/error': error,
  'wasi:io/poll': poll,
  'wasi:io/streams': streams,
}
