/** The calls of WASI preview 1 that are about no file: arguments, environment, clocks, randomness, the process, sockets. */
import { BORDER } from '../limits.ts'
import { errno } from './errno.ts'
import { ClockId } from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'

const utf8 = new TextEncoder()

const argumentsOf = ({ process }: Preview1Context): Uint8Array[] => process.args.map((text) => utf8.encode(`${text}\0`))

const environmentOf = ({ process }: Preview1Context): Uint8Array[] =>
  Object.entries(process.env).map(([name, value]) => utf8.encode(`${name}=${value}\0`))

function writeSizes({ memory }: Preview1Context, strings: readonly Uint8Array[], count: number, size: number): void {
  memory.range(size, 4)
  memory.setU32(count, strings.length)
  memory.setU32(
    size,
    strings.reduce((sum, { length }) => sum + length, 0),
  )
}

/** Pointers into one array, the strings one behind the other into another. */
function writeStrings({ memory }: Preview1Context, strings: readonly Uint8Array[], pointers: number, to: number): void {
  memory.range(pointers, strings.length * 4)
  let at = to >>> 0
  strings.forEach((bytes, index) => {
    memory.write(at, bytes)
    memory.setU32((pointers >>> 0) + index * 4, at)
    at += bytes.length
  })
}

/** Nanoseconds. The times of process and thread are those of the run: a guest learns of no other. */
export function clockNow({ process }: Preview1Context, id: number): bigint {
  const { clock } = process.services
  if (id >>> 0 > ClockId.thread) throw errno('EINVAL')
  return BigInt(Math.round((id === ClockId.real ? clock.wallMs() : clock.monotonicMs()) * 1e6))
}

/** There are no sockets: what is open is none. */
function refuseSocket(context: Preview1Context, number: number): never {
  context.fds.get(number)
  throw errno('ENOTSOCK')
}

export const systemCalls = {
  args_get(context, pointers: number, buffer: number) {
    writeStrings(context, argumentsOf(context), pointers, buffer)
  },

  args_sizes_get(context, count: number, size: number) {
    writeSizes(context, argumentsOf(context), count, size)
  },

  environ_get(context, pointers: number, buffer: number) {
    writeStrings(context, environmentOf(context), pointers, buffer)
  },

  environ_sizes_get(context, count: number, size: number) {
    writeSizes(context, environmentOf(context), count, size)
  },

  clock_res_get(context, id: number, out: number) {
    if (id >>> 0 > ClockId.thread) throw errno('EINVAL')
    context.memory.setU64(out, BigInt(Math.round(context.process.services.clock.resolutionMs * 1e6)))
  },

  clock_time_get(context, id: number, _precision: bigint, out: number) {
    context.memory.setU64(out, clockNow(context, id))
  },

  /** Up to 256 KiB a call: a guest that asks for more is refused, since a short answer would look like a whole one. */
  random_get(context, pointer: number, length: number) {
    if (length >>> 0 > BORDER.transferBytes) throw errno('EINVAL')
    const into = context.memory.range(pointer, length)
    into.set(context.process.services.random.fill(into.length))
  },

  sched_yield() {},

  proc_exit(context, code: number) {
    context.exit(code >>> 0)
  },

  /** A guest has no handlers and nobody to send signals: it ends itself with proc_exit, or by a trap. */
  proc_raise() {
    throw errno('ENOSYS')
  },

  sock_accept(context, fd: number) {
    refuseSocket(context, fd)
  },

  sock_recv(context, fd: number) {
    refuseSocket(context, fd)
  },

  sock_send(context, fd: number) {
    refuseSocket(context, fd)
  },

  sock_shutdown(context, fd: number) {
    refuseSocket(context, fd)
  },
} satisfies Calls
