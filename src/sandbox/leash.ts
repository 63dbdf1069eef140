/** One run's leash: what fuel, time and cancellation allow, asked by the engine at every end of a slice. */
import { type Leash, type StopReason, Verdict } from '../engine.ts'
import type { MaybePromise } from '../kernel/host-port.ts'
import { type Claim, Share, scheduler } from './scheduler.ts'

/**
 * Units of fuel between two questions, at first, where an engine says nothing else. A unit is a loop head of the interpreter: at 4-8 ns each a slice is
 * under a quarter of a millisecond, which bounds the overshoot of a deadline.
 */
const SLICE = 20_000
const LEAST_SLICE = 50
/** A slice that took longer than this, in milliseconds, is followed by a shorter one: a unit may be a page fault. */
const SLICE_MS = 0.4

/**
 * A leash for one run. `done` must be called at its end.
 * @param limits time in milliseconds, fuel in units
 * @param caller aborting its signal cancels the run; so does `isCancelled`, which is asked at each end of a slice
 * @param share of the sandbox
 * @param slice units of a slice at first, and at most
 */
export class RunLeash implements Leash {
  readonly #deadline: number
  readonly #fuel: number
  readonly #claim: Claim
  /** A guest that never waits asks for the time itself: only one that waits needs a timer. */
  #timer: ReturnType<typeof setTimeout> | undefined
  #watcher: (() => void) | undefined
  readonly #outer: AbortSignal | undefined
  readonly #isCancelled: (() => boolean) | undefined
  readonly #cancel = () => this.stop('cancelled')
  #stopped: StopReason | undefined
  #used = 0
  #slice: number
  readonly #most: number
  #turnEnds = 0
  /** When the guest got the thread, while it has it. */
  #since: number | undefined
  #sliceSince = 0
  #cpuMs = 0

  constructor(
    limits: { timeoutMs: number; fuel: number },
    caller: { signal?: AbortSignal | undefined; isCancelled?: (() => boolean) | undefined } = {},
    share = new Share(),
    slice = SLICE,
  ) {
    this.#most = slice
    this.#slice = slice
    const outer = caller.signal
    this.#isCancelled = caller.isCancelled
    this.#deadline = performance.now() + limits.timeoutMs
    this.#fuel = limits.fuel
    this.#claim = scheduler.claim(share, this.#deadline)
    this.#outer = outer
    if (outer?.aborted) this.#cancel()
    else outer?.addEventListener('abort', this.#cancel, { once: true })
  }

  get slice(): number {
    return Math.max(1, Math.floor(Math.min(this.#slice, this.#fuel - this.#used)))
  }

  get stopped(): StopReason | undefined {
    return this.#stopped
  }

  watch(stop: () => void): void {
    if (this.#watcher) return
    this.#watcher = stop
    const left = this.#deadline - performance.now()
    if (this.#stopped) stop()
    else this.#timer ??= setTimeout(() => this.stop('time'), Math.max(0, Math.min(left, 2 ** 31 - 1)))
  }

  /** What a promise comes to, or undefined once the run must end: work of the host before the guest is entered. */
  async until<T>(work: Promise<T>): Promise<T | undefined> {
    this.leave()
    const stopped = new Promise<undefined>((resolve) => this.watch(() => resolve(undefined)))
    try {
      return await Promise.race([work, stopped])
    } finally {
      this.#watcher = undefined
      await this.turn()
    }
  }

  /** Units burned so far. */
  get used(): number {
    return this.#used
  }

  /** Ends the run for a reason; the first one counts. */
  stop(reason: StopReason): void {
    if (this.#stopped) return
    this.#stopped = reason
    this.#claim.hurry()
    this.#watcher?.()
  }

  /** Time that the guest had the thread, in milliseconds. */
  get cpuMs(): number {
    return this.#cpuMs
  }

  /** Waits for the thread before anything is done for the run. */
  turn(): MaybePromise<void> {
    return this.#claim.enter()
  }

  enter(): MaybePromise<void> {
    const turn = this.#claim.enter()
    return turn ? turn.then(() => this.onThread(true)) : this.onThread(true)
  }

  leave(): void {
    this.onThread(false)
    this.#claim.leave()
  }

  onThread(running: boolean): void {
    const now = performance.now()
    if (this.#since !== undefined) this.#cpuMs += now - this.#since
    this.#since = running ? now : undefined
    this.#sliceSince = now
    if (running) this.#turnEnds = this.#claim.turnEnds
  }

  spent(used: number): (typeof Verdict)[keyof typeof Verdict] {
    this.#used += used
    const now = performance.now()
    if (used > 0) this.#measureSlice(now)
    if (this.#used > this.#fuel) this.stop('fuel')
    if (now >= this.#deadline) this.stop('time')
    if (this.#isCancelled?.()) this.stop('cancelled')
    if (this.#stopped) return Verdict.kill
    return now >= this.#turnEnds ? Verdict.suspend : Verdict.extend
  }

  async pause(): Promise<void> {
    this.leave()
    await this.enter()
  }

  /** Releases the thread, the timer and the listener. */
  done(): void {
    this.leave()
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#cancel)
  }

  #measureSlice(now: number): void {
    const took = now - this.#sliceSince
    this.#sliceSince = now
    if (took > SLICE_MS) this.#slice = Math.max(LEAST_SLICE, Math.floor((this.#slice * SLICE_MS) / (2 * took)))
    else if (this.#slice < this.#most && took < SLICE_MS / 4) this.#slice = Math.min(this.#most, this.#slice * 2)
  }
}
