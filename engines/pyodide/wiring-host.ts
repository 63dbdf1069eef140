/** What stands behind the imports of a Python guest: set by whoever owns it. */
import { TokaError } from '../../src/errors.ts'
import type { Dispatch, Settle } from '../../src/kernel/guest-calls.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'

export type WiringHost = {
  dispatch: Dispatch
  /** @returns a Verdict */
  callout(): number
  /** The guest waits in it after a callout that suspends. */
  pause(): Promise<void>
  /** Whether a wait must end: asked before it, and after it was woken. */
  stopped(): boolean
  /** The guest is going to wait: `Wiring.wake` must be called when it must die. */
  waits(): void
  /** After a wait: resolves when it is the guest's turn. */
  resumes(): MaybePromise<void>
  fault(error: unknown): void
  /** A system call was made: it took time that burned no fuel. */
  made(): void
  /** Milliseconds: clock 0 since 1970, another one monotonic. */
  now(clock: number): number
  random(length: number): Uint8Array
  /** Waits for an answer that the guest waits for, where it cannot be suspended and its thread can wait. */
  settle: Settle
  /** Waits for a begun call to finish, at most so long; negative: without end. */
  idle(milliseconds: number): Promise<void>
  /** The same where the guest cannot be suspended: the thread itself waits. */
  idleHere(milliseconds: number): void
  /** Finishes begun calls whose answers have arrived, where the guest keeps its thread. */
  polls(): void
  /** Bytes of answers that may wait for a guest which takes none. */
  mostHeld(): number
  /** Bytes that the memory may grow to. */
  memoryLimit(): number
  /** The interpreter ends, with a code. */
  exits(code: number): void
  /** An import was called that is not there for guests. */
  refused(name: string): void
}

function nobody(): never {
  throw new TokaError('TOKA_INTERNAL', 'a guest without a sandbox called its host')
}

/** Stands behind a guest between two sandboxes. */
export const NOBODY: WiringHost = {
  dispatch: nobody,
  callout: nobody,
  pause: nobody,
  stopped: () => true,
  waits: () => {},
  resumes: nobody,
  fault: () => {},
  made: () => {},
  now: nobody,
  random: nobody,
  settle: nobody,
  idle: nobody,
  idleHere: nobody,
  polls: nobody,
  mostHeld: () => 0,
  memoryLimit: () => 0,
  exits: nobody,
  refused: () => {},
}
