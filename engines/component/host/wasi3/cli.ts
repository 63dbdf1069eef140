/** wasi:cli of WASI 0.3: the program's three streams as streams of the component model, the rest as in 0.2. */
import type { GuestFacingError, MaybePromise } from '../../../../src/kernel/host-port.ts'
import { chain } from '../../../../src/kernel/steps.ts'
import type { Readable, Values } from '../../tasks/channel.ts'
import { channel, enumeration, primitive, result, tuple, type WitType } from '../../wit-types.ts'
import { type ChannelEnd, consume, HostFuture, HostStream } from '../channels.ts'
import { cli, standardInput, standardOutput } from '../cli.ts'
import { err, func, type HostInterface, ok, type Result, type World } from '../definitions.ts'
import { type InputStream, type OutputStream, STREAM_BYTES, type StreamEnd } from '../streams.ts'

export const bytesStream = channel('stream', primitive('u8'))

/** The type of a future that tells how a stream ended. */
export function endOf(errorCode: WitType): WitType {
  return channel('future', result(undefined, errorCode))
}

/** How an end is told. @param codeOf what a failure is called */
export function toldEnd(end: ChannelEnd, codeOf: (error: GuestFacingError) => unknown): Result {
  return end ? err(codeOf(end)) : ok()
}

function failed(end: StreamEnd): undefined {
  if (end !== 'closed') throw end.error
}

function readMore(input: InputStream, most: number): MaybePromise<Uint8Array | undefined> {
  return chain(input.blockingRead(most), (got) =>
    got instanceof Uint8Array ? (got.length > 0 ? got : readMore(input, most)) : failed(got),
  )
}

/** A stream of bytes for the guest, and the future of its end. */
export function givenBytes(
  { tasks }: World,
  input: InputStream,
  codeOf: (error: GuestFacingError) => unknown,
): [HostStream, HostFuture] {
  const future = new HostFuture()
  const onEnd = (end: ChannelEnd): void => {
    input.close()
    future.resolve(toldEnd(end, codeOf))
  }
  return [new HostStream(tasks(), (most) => readMore(input, most), onEnd), future]
}

/** Writes what comes in a guest's stream of bytes. @returns the future of its end */
export function takenBytes(
  { tasks }: World,
  data: Readable,
  output: OutputStream,
  codeOf: (error: GuestFacingError) => unknown,
): HostFuture {
  const future = new HostFuture()
  const take = (bytes: Values): MaybePromise<void> => {
    const end = output.write(bytes as Uint8Array)
    if (end) return failed(end)
    return chain(output.flush(), (late) => late && failed(late))
  }
  consume(tasks(), data, STREAM_BYTES, take, (end) => {
    output.close()
    future.resolve(toldEnd(end, codeOf))
  })
  return future
}

const errorCode = enumeration(['io', 'illegal-byte-sequence', 'pipe'])

function codeOf({ code }: GuestFacingError): string {
  return code === 'EPIPE' ? 'pipe' : code === 'EILSEQ' ? 'illegal-byte-sequence' : 'io'
}

const written = endOf(errorCode)

function output(name: 'stdout' | 'stderr'): HostInterface {
  return {
    'write-via-stream': func([bytesStream], written, (world: World, data: Readable) =>
      takenBytes(world, data, standardOutput(world, name), codeOf),
    ),
  }
}

const { 'initial-cwd': initialCwd, ...environment } = cli['wasi:cli/environment'] as HostInterface

export const cli3: Readonly<Record<string, HostInterface>> = {
  ...cli,
  'wasi:cli/environment': { ...environment, ...(initialCwd && { 'get-initial-cwd': initialCwd }) },
  'wasi:cli/stdin': {
    'read-via-stream': func([], tuple([bytesStream, written]), (world: World) =>
      givenBytes(world, standardInput(world), codeOf),
    ),
  },
  'wasi:cli/stdout': output('stdout'),
  'wasi:cli/stderr': output('stderr'),
}
