/** A run as data, between whoever holds a sandbox and the sandbox itself. */
import type { InputSource } from '../kernel/input.ts'
import type { RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { LiveEvent } from '../run-events.ts'

/** A checked request, without what stays with the caller: the schema of its result, its callbacks, its signal. */
export type RunOrder = Pick<RunOptions, 'source' | 'file' | 'call' | 'args' | 'collect' | 'limits'> & {
  /** The encoded input. */
  input?: Uint8Array
  stdin?: InputSource
}

/** What stays with the caller. */
export type RunHooks = Pick<RunOptions, 'onOutput' | 'signal'> & {
  /** Told what happens, as it happens; never throws. */
  onEvent?: (event: LiveEvent) => void
  /** Asked at each end of a slice: a cancellation that needs no message. */
  isCancelled?: () => boolean
  /** Told when the run's turn has come. */
  onTurn?: () => void
}

/** How a run ended: a result whose value is encoded. */
export type RunOutcome = Omit<RunResult, 'value'> & { value?: Uint8Array }
