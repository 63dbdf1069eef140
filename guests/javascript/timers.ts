/** setTimeout and its family over one host sleep at a time: due timers run in the order of their deadlines, one a turn. */
import { beginCall } from './calls.ts'
import { errorOf, invalidType } from './failures.ts'
import {
  cancelImmediate,
  fireOfBatch,
  forgetImmediates,
  hasQueued,
  Immediate,
  immediatesUnderWay,
  isBatchDone,
  isImmediate,
  startBatch,
} from './immediate.ts'
import { doubleOf } from './natives.ts'
import { ClockSleep } from './operations.generated.ts'
import {
  type Callback,
  cancelTimeout,
  fireNext,
  forgetTimeouts,
  isTimeout,
  nextDeadline,
  Timeout,
  timeoutOf,
  timeoutsUnderWay,
  timerClock,
  wokenAt,
} from './timeout.ts'

/** `Number` may be the guest's by the time this is read. */
const NEVER = Number.POSITIVE_INFINITY

let sleepingUntil = NEVER
let phaseEnd = 0

export function checkCallback(callback: unknown): asserts callback is Callback {
  if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback)
}

export function setTimeout(callback: Callback, delay?: number, ...args: unknown[]): Timeout {
  checkCallback(callback)
  return new Timeout(callback, delay, args, false)
}

export function setInterval(callback: Callback, delay?: number, ...args: unknown[]): Timeout {
  checkCallback(callback)
  return new Timeout(callback, delay, args, true)
}

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
  checkCallback(callback)
  return new Immediate(callback, args)
}

/** Takes a timer, or its number. */
export function clearTimeout(timer?: unknown): void {
  const found =
    typeof timer === 'object' && timer !== null && isTimeout(timer)
      ? timer
      : typeof timer === 'number' || typeof timer === 'string'
        ? timeoutOf(timer)
        : undefined
  if (found !== undefined) cancelTimeout(found)
}

export function clearInterval(timer?: unknown): void {
  clearTimeout(timer)
}

export function clearImmediate(immediate?: unknown): void {
  if (typeof immediate === 'object' && immediate !== null && isImmediate(immediate)) cancelImmediate(immediate)
}

/** Whether a value is a handle of this module: a script that ends in `setTimeout(…)` has no value. */
export function isTimerHandle(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (isTimeout(value) || isImmediate(value))
}

/** Timers and immediates that keep the run alive. */
export function timersUnderWay(): number {
  return timeoutsUnderWay() + immediatesUnderWay()
}

/**
 * Runs one due timer or one immediate. Immediates wait until the timers that were due when the phase began have run,
 * and a new phase begins once the immediates queued before it have run, as in Node's loop.
 * @returns false when none is due
 */
export function runTimer(): boolean {
  if (isBatchDone()) {
    if (nextDeadline() <= phaseEnd) {
      fireNext()
      return true
    }
    startBatch()
  }
  if (fireOfBatch()) return true
  phaseEnd = timerClock()
  if (nextDeadline() > phaseEnd) return hasQueued()
  fireNext()
  return true
}

/** Makes sure that the host wakes the run for its next timer. */
export function armSleep(): void {
  const deadline = nextDeadline()
  if (deadline >= sleepingUntil) return
  sleepingUntil = deadline
  const left = deadline - timerClock()
  const wake = () => {
    if (sleepingUntil === deadline) sleepingUntil = NEVER
    wokenAt(deadline)
  }
  try {
    beginCall(ClockSleep, doubleOf(left > 0 ? left : 0), wake, wake, false)
  } catch (thrown) {
    throw errorOf(thrown)
  }
}

/** At the start of a run: nothing of an earlier one is left. */
export function forgetTimers(): void {
  forgetTimeouts()
  forgetImmediates()
  phaseEnd = 0
  sleepingUntil = NEVER
}
