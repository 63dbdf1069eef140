/** What the calls of WASI preview 1 work on: one guest's memory, descriptors and process. */
import type { ExactTimes } from './exact-times.ts'
import type { Settle } from './guest-calls.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { MaybePromise } from './host-port.ts'
import type { Preview1Descriptors } from './preview1-descriptors.ts'
import type { Process } from './process.ts'
import type { Steps } from './steps.ts'

export type Preview1Context = {
  readonly process: Process
  readonly memory: GuestMemory
  readonly fds: Preview1Descriptors
  readonly times: ExactTimes
  /** Waits for an answer that the guest waits for: where its thread itself can wait, the answer is there at once. */
  settle: Settle
  /** Waits for a time: by a promise where the guest can be suspended, on the thread where that can wait, until `isOver`. */
  sleep(milliseconds: number, signal?: AbortSignal, isOver?: () => boolean): MaybePromise<void>
  /** Whether the guest can wait for a promise. Without, only for what `settle` and `sleep` answer at once. */
  readonly suspends: boolean
  /** The guest has said how it ends: it does not go on after this call. */
  exit(code: number): void
}

/**
 * Calls by their names: the context, then the guest's parameters as they came. They write results into the guest's
 * memory themselves, fail with errno, and wait by steps.
 */
export type Calls = Readonly<Record<string, (context: Preview1Context, ...parameters: never[]) => Steps<void> | void>>
