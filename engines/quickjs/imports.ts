/** The imports of the interpreter itself, one reviewed row each: what it is for and what it answers here. */
import type { HostFunction } from '../../src/loader/border.ts'
import { BORDER } from '../../src/limits.ts'

/** What the rows need of the process. */
export type InterpreterHost = {
  memory(): WebAssembly.Memory
  wallMs(): number
  monotonicMs(): number
  random(length: number): Uint8Array
}

/** Numbers of WASI preview 1. */
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
 * The interpreter's twelve imports (quickjs-wasi 3.6.2) by module and name. A release with another list fails the
 * image build: the border finds no function for a new name, and a test compares the lists.
 */
export function interpreterImports(
  host: InterpreterHost,
): Record<'env' | 'wasi_snapshot_preview1', Record<string, HostFunction>> {
  return {
    env: {
      /** Dates are in UTC: a guest learns no time zone. */
      host_get_timezone_offset: () => 0,
      /** Never installed as a handler: fuel stops loops. */
      host_interrupt: () => 0,
      /** These belong to the package's own JavaScript; the bridge installs handlers of ours. */
      host_promise_rejection: () => undefined,
      host_module_normalize: () => 0,
      host_module_load: () => 0,
      host_call: () => 0,
    },
    wasi_snapshot_preview1: {
      clock_time_get: (id: number, _precision: bigint, out: number) => {
        const into = range(host.memory(), out, 8)
        if (!into) return EFAULT
        const ms = id === CLOCK_MONOTONIC ? host.monotonicMs() : host.wallMs()
        new DataView(into.buffer, into.byteOffset).setBigUint64(0, BigInt(Math.round(ms * 1e6)), true)
        return 0
      },
      random_get: (pointer: number, length: number) => {
        if (length >>> 0 > BORDER.randomBytes) return EINVAL
        const into = range(host.memory(), pointer, length)
        if (!into) return EFAULT
        into.set(host.random(into.length))
        return 0
      },
      /** Only the interpreter's own debug prints come here; a guest's files go through host calls. */
      fd_write: () => EBADF,
      fd_close: () => EBADF,
      fd_fdstat_get: () => EBADF,
      fd_seek: () => EBADF,
    },
  }
}
