/** What a user holds of a sandbox, wherever it runs. */
import type { RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { RunEvent } from '../run-events.ts'

/** Waiting or not, where something else is in progress. */
export type WaitOptions = {
  /** false: fail at once with TOKA_SANDBOX_BUSY instead of waiting. */
  wait?: boolean
  /** Aborting it ends the wait, with TOKA_CANCELLED. */
  signal?: AbortSignal
}

/** A sandbox that keeps its state between runs. Runs wait their turn; forks are independent; dispose leaves nothing. */
export interface Sandbox {
  /**
   * Runs source in this sandbox. What it leaves in the global scope and in files stays for the next run, except after
   * a stop, an exit or a trap: then the next run starts from the sandbox's first image, with the files as they are.
   * @returns the result; a guest's failure is no exception
   * @throws TokaError TOKA_REQUEST_INVALID, TOKA_SANDBOX_CLOSED, TOKA_SANDBOX_BUSY when 1,024 wait already; what `onOutput`
   *   or `onTrace` throws, once the guest is stopped
   */
  run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>>
  /**
   * Calls an export of the sandbox's module (`language: 'wasm'`): the same as `run({ call: name, input: args })`.
   * @param args of a core module numbers, and bigints or whole numbers for parameters of 64 bits; of a component values
   *   of its WIT types (docs/components.md)
   * @returns the result, whose `value` is what the export returned: of a core module a number, a bigint, an array of
   *   several, or undefined
   * @throws TokaError what `run` throws; TOKA_REQUEST_INVALID for an export or arguments that do not fit
   * @example (await sandbox.call('add', 1, 2)).value // 3
   */
  call<T = unknown>(name: string, ...args: readonly unknown[]): Promise<RunResult<T>>
  /**
   * Runs source as `run` does, told event by event: output, console, tool calls, denials, progress, values to display,
   * and the result as the last. The run begins when the first event is asked for. A slow taker gets fewer and larger
   * pieces; one that leaves (`break`, `return`) cancels the run.
   * @throws what `run` throws, at the first event
   * @example for await (const event of sandbox.stream({ source })) if (event.type === 'console') show(event.text)
   */
  stream<T = unknown>(options: RunOptions<T>): AsyncIterableIterator<RunEvent<T>>
  /**
   * A sandbox that starts from this one's state and is independent from here on. Both share grants, quotas and
   * revocations, and the thread that they run on. Waits for the run in progress.
   * @throws TokaError TOKA_SANDBOX_BUSY when asked not to wait, TOKA_CANCELLED, TOKA_SANDBOX_CLOSED
   */
  fork(options?: WaitOptions): Promise<Sandbox>
  /**
   * The whole state of this sandbox as sealed bytes that `toka.restore` takes: globals, files, working directory, and
   * the virtual clock and seeded randomness of a deterministic one. No power is in them: no grant, tool, mount,
   * environment or open descriptor. Waits for the run in progress.
   * @throws TokaError TOKA_SANDBOX_BUSY when asked not to wait, TOKA_CANCELLED, TOKA_SANDBOX_CLOSED
   */
  snapshot(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>>
  /** Kills what runs, and frees everything. Safe to call twice. */
  dispose(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
