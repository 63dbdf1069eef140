/** Sleep of a guest that cannot be suspended: its thread sleeps, in pieces, so that it can be ended. */
import { type Leash, Verdict } from '../../src/engine.ts'
import { GuestFacingError } from '../../src/kernel/host-port.ts'
import type { Clock } from '../../src/kernel/clock.ts'

/** Milliseconds between two looks at the leash: a cancellation waits no longer. */
const PIECE_MS = 2

/**
 * Sleeps for real, or moves a virtual clock on. Ends early when the run must end.
 * @param milliseconds negative or infinite: without end
 * @throws GuestFacingError EINVAL for what is no time; TOKA_CALL_BLOCKING on a page's own thread, which may not sleep
 */
export function sleepHere(milliseconds: number, clock: Clock, leash: Leash): void {
  if (Number.isNaN(milliseconds)) throw new GuestFacingError('EINVAL', 'EINVAL: invalid argument, sleep')
  const duration = milliseconds < 0 ? Number.POSITIVE_INFINITY : milliseconds
  if (clock.virtual) return clock.advance(duration)
  const cell = sleepingCell()
  const ends = performance.now() + duration
  leash.onThread(false)
  for (let left = duration; left > 0 && leash.spent(0) !== Verdict.kill; left = ends - performance.now())
    Atomics.wait(cell, 0, 0, Math.min(left, PIECE_MS))
  leash.onThread(true)
}

let cell: Int32Array | undefined

function sleepingCell(): Int32Array {
  cell ??= typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : undefined
  try {
    if (cell) Atomics.wait(cell, 0, 0, 0)
  } catch {
    cell = undefined
  }
  if (cell) return cell
  const message = "this thread may not sleep, and this runtime cannot suspend a guest: use isolation: 'worker'"
  throw new GuestFacingError('TOKA_CALL_BLOCKING', message)
}
