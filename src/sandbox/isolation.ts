/** Where a sandbox runs: what was asked for, and what this runtime can give. */
import { TokaError } from '../errors.ts'

/** On the thread of the caller, or on one of a pool of worker threads. */
export type Isolation = 'inline' | 'worker'

/** More threads than this serve nobody: each holds an interpreter and its own copy of the library. */
const MOST_BY_DEFAULT = 8

/** How many workers a pool has at most, by default: one a processor, within reason. */
export function defaultWorkers(): number {
  const processors = globalThis.navigator?.hardwareConcurrency ?? 4
  return Math.max(1, Math.min(processors, MOST_BY_DEFAULT))
}

/**
 * Decides where a sandbox runs. Without being told: here, where a guest can be suspended, so that it leaves the thread
 * to others; else in a worker, where threads can share memory.
 * @throws TokaError TOKA_RUNTIME_UNSUPPORTED when a worker is asked for where memory cannot be shared
 */
export function chooseIsolation(asked: Isolation | undefined, can: { suspend: boolean; share: boolean }): Isolation {
  if (asked === 'worker' && !can.share) {
    throw new TokaError(
      'TOKA_RUNTIME_UNSUPPORTED',
      "isolation 'worker' needs memory that threads share: serve the page with the headers " +
        '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", ' +
        "or run with isolation 'inline'",
    )
  }
  return asked ?? (can.suspend || !can.share ? 'inline' : 'worker')
}
