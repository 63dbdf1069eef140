/** The life of a run: what is waited for, in which order callbacks run, and how it ends or fails. */
import { callsUnderWay, forgetCalls, settleCall } from './calls.ts'
import { attach, callHost } from './failures.ts'
import { call, withWord } from './natives.ts'
import { EngineExit, EngineFail, EngineFinish } from './operations.generated.ts'
import { apply, isError, mapDelete, mapGet, mapSet, SafeError, SafeMap, concat } from './primordials.ts'
import { Queue } from './queue.ts'
import { describe, isExhaustion, shown } from './report.ts'
import { armSleep, forgetTimers, runTimer, timersUnderWay } from './timers.ts'
import { encode } from './values/encode.ts'

/** Answers of `turn` to the bridge. */
export const TURN_DONE = 0
export const TURN_IDLE = 1
export const TURN_MORE = 2

export type FailureKind = 'syntax' | 'error' | 'value'

const EXHAUSTED = encode({ kind: 'error', name: 'InternalError', message: 'out of memory' })
const UNREADABLE = encode({ kind: 'error', message: 'an uncaught error that cannot be read' })

/** How `process` takes part: its events and its exit code. */
export type Observer = {
  /** @returns whether anybody listened */
  emit(event: string, first: unknown, second?: unknown): boolean
  exitCode(): number
}

let observer: Observer | undefined
const ticks = new Queue<{ callback: (...args: unknown[]) => unknown; args: unknown[] }>()
const rejections = new Queue<Rejection>()
let rejected = new SafeMap<unknown, Rejection>()
let running = false
let failed = false
let ended = false
let ending = false
let value: Uint8Array | undefined
let others = 0

type Rejection = { promise: unknown; reason: unknown; handled: boolean }

export function observe(by: Observer): void {
  observer = by
}

/** Whether the main program is still going on: its value is not known yet. */
export function isRunning(): boolean {
  return running
}

/** At the start of a run. */
export function startLife(): void {
  forgetCalls()
  forgetTimers()
  ticks.clear()
  rejections.clear()
  rejected = new SafeMap()
  running = true
  failed = false
  ended = false
  ending = false
  value = undefined
  others = 0
}

/** The main program's value, encoded. It reaches the host when nothing is under way any more. */
export function finishMain(payload: Uint8Array): void {
  value = payload
  running = false
}

export function nextTick(callback: (...args: unknown[]) => unknown, args: unknown[]): void {
  ticks.push({ callback, args })
}

/** Counts something else that keeps the run alive (a listened standard input), by +1 and -1. */
export function keepAlive(by: 1 | -1): void {
  others += by
}

/** Runs guest code on behalf of the host: what it throws is uncaught. */
export function guarded(callback: (...args: never[]) => unknown, self: unknown, args: unknown[]): void {
  try {
    apply(callback as (...args: unknown[]) => unknown, self, args)
  } catch (error) {
    uncaught(error)
  }
}

/** Runs what `process.nextTick` queued. */
export function runTicks(): void {
  for (let tick = ticks.shift(); tick !== undefined && !failed; tick = ticks.shift()) {
    guarded(tick.callback, undefined, tick.args)
  }
}

/** The engine's word on a promise that was rejected without a handler, or got one afterwards. */
export function trackRejection(promise: unknown, reason: unknown, handled: boolean): void {
  if (handled) {
    const known = mapGet(rejected, promise)
    if (known !== undefined) known.handled = true
    mapDelete(rejected, promise)
    return
  }
  const entry = { promise, reason, handled: false }
  rejections.push(entry)
  mapSet(rejected, promise, entry)
}

/** An error that no guest code caught: it ends the run, unless the guest listens for such. */
export function uncaught(error: unknown): void {
  if (failed) return
  try {
    if (observer?.emit('uncaughtException', error, 'uncaughtException')) return
  } catch (second) {
    return fail(second, 'error')
  }
  fail(error, 'error')
}

/** The next rejection that still has no handler. @returns false when there is none */
function runRejection(): boolean {
  for (let next = rejections.shift(); next !== undefined; next = rejections.shift()) {
    if (next.handled) continue
    mapDelete(rejected, next.promise)
    let heard = false
    try {
      heard = observer?.emit('unhandledRejection', next.reason, next.promise) === true
    } catch (error) {
      uncaught(error)
      return true
    }
    if (!heard) uncaught(isError(next.reason) ? next.reason : unhandled(next.reason))
    return true
  }
  return false
}

function unhandled(reason: unknown): Error {
  const error = new SafeError(concat('a promise was rejected with ', shown(reason), ' and nobody handled it'))
  attach(error, 'code', 'ERR_UNHANDLED_REJECTION')
  return error
}

/** Runs one callback that is due. @returns false when there is none */
function runOne(): boolean {
  if (!ticks.empty) {
    runTicks()
    return true
  }
  if (runRejection()) return true
  let ran = true
  try {
    ran = runTimer()
  } catch (error) {
    uncaught(error)
  }
  runTicks()
  return ran
}

/**
 * The hook `settle`: an answer of the host. What is due comes first: a program that awaits one call after the other
 * would otherwise keep its own timers waiting for ever.
 */
export function settle(id: number, ok: boolean, payload: Uint8Array): void {
  if (failed || ended) return
  runOne()
  guarded(settleCall, undefined, [id, ok, payload])
  runTicks()
}

/**
 * The hook `turn`, called by the bridge when no job is queued and no answer has come: runs one callback that is due.
 * @returns TURN_MORE after a callback (jobs may be queued), TURN_IDLE when the host's next answer is awaited, TURN_DONE
 */
export function turn(): number {
  if (failed || ended) return TURN_DONE
  if (runOne()) return TURN_MORE
  if (callsUnderWay() + timersUnderWay() + others > 0) {
    guarded(armSleep, undefined, [])
    return TURN_IDLE
  }
  return running ? TURN_DONE : end()
}

/** Nothing is under way: the guest hears of it and may begin something; otherwise the run is over. */
function end(): number {
  if (!ending) {
    ending = true
    guarded(() => observer?.emit('beforeExit', observer.exitCode()), undefined, [])
    if (!ticks.empty || callsUnderWay() + timersUnderWay() > 0) ending = false
    return TURN_MORE
  }
  const code = sayExit()
  if (failed) return TURN_DONE
  ended = true
  if (value !== undefined && !finish(value)) return TURN_DONE
  if (code !== 0) call(EngineExit, withWord(code, 0))
  return TURN_DONE
}

/** Hands the value over. @returns false when the host refuses it, which is how the run ends then */
function finish(payload: Uint8Array): boolean {
  try {
    callHost(EngineFinish, payload)
    return true
  } catch (error) {
    fail(error, 'value')
    return false
  }
}

function sayExit(): number {
  guarded(() => observer?.emit('exit', observer.exitCode()), undefined, [])
  return observer === undefined ? 0 : observer.exitCode()
}

/** `process.exit`: the guest hears of it, then its instance ends. Does not return. */
export function exitNow(): never {
  if (!ended) {
    ended = true
    sayExit()
  }
  call(EngineExit, withWord(observer === undefined ? 0 : observer.exitCode(), 0))
  throw new SafeError('the run has ended')
}

/** Reports a failure once; the run is over. */
export function fail(error: unknown, kind: FailureKind): void {
  if (failed) return
  failed = true
  let payload = UNREADABLE
  try {
    const report = describe(error)
    report.kind = kind
    payload = encode(report)
  } catch {
    // The word of a program that has broken even this is that it failed.
    if (isExhaustion(error)) payload = EXHAUSTED
  }
  call(EngineFail, payload)
}
