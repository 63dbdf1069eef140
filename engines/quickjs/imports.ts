/** The imports of the interpreter itself, one reviewed row each: what it is for and what it answers here. */
import { BORDER } from '../../src/limits.ts'

/** What the rows need of the process. Times in milliseconds. */
export type InterpreterHost = {
  memory(): WebAssembly.Memory
  wallClock(): number
  monotonicClock(): number
  fillRandom(into: Uint8Array): void
}

const EBADF = 8
const EFAULT = 21
const EINVAL = 28
const CLOCK_MONOTONIC = 1

/** Checks a guest range against the memory of the moment. */
function range(memory: WebAssembly.Memory, pointer: number, length: number): Uint8Array | undefined {
  const start = pointer >>> 0
  const size = length >>> 0
  return start + size <= memory.buffer.byteLength ? new Uint8Array(memory.buffer, start, size) : undefined
}

/**
 * The interpreter's twelve imports by module and name (quickjs-wasi 3.6.2). A release with another list fails the
 * image build: `engine.ts` compares the names.
 */
export function interpreterImports(host: InterpreterHost): Record<string, (...args: never[]) => number | undefined> {
  return {
    /** Dates are in UTC: a guest learns no time zone. */
    'env.host_get_timezone_offset': () => 0,
    /** Never set as a handler: fuel stops loops. */
    'env.host_interrupt': () => 0,
    /** The five below belong to the package's own JavaScript; the bridge installs its own handlers. */
    'env.host_promise_rejection': () => undefined,
    'env.host_module_normalize': () => 0,
    'env.host_module_load': () => 0,
    'env.host_call': () => 0,
    'wasi_snapshot_preview1.clock_time_get': (id: number, _precision: bigint, out: number) => {
      const into = range(host.memory(), out, 8)
      if (!into) return EFAULT
      const ms = id === CLOCK_MONOTONIC ? host.monotonicClock() : host.wallClock()
      new DataView(into.buffer, into.byteOffset).setBigUint64(0, BigInt(Math.round(ms * 1e6)), true)
      return 0
    },
    'wasi_snapshot_preview1.random_get': (pointer: number, length: number) => {
      if (length >>> 0 > BORDER.randomBytes) return EINVAL
      const into = range(host.memory(), pointer, length)
      if (!into) return EFAULT
      host.fillRandom(into)
      return 0
    },
    /** Only the engine's own debug prints come here; the guest's files go through host calls. */
    'wasi_snapshot_preview1.fd_write': () => EBADF,
    'wasi_snapshot_preview1.fd_close': () => EBADF,
    'wasi_snapshot_preview1.fd_fdstat_get': () => EBADF,
    'wasi_snapshot_preview1.fd_seek': () => EBADF,
  }
}
