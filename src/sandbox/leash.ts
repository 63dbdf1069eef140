/** One run's leash: what fuel, time and cancellation allow, asked by the engine at every end of a slice. */
import { type Leash, type StopReason, Verdict } from '../engine.ts'

/**
 * Units of fuel between two questions. A unit is a loop head of the interpreter: at 4-8 ns each a slice is under
 * half a millisecond, which bounds the overshoot of a deadline.
 */
const SLICE = 20_000
/** Longest time that a guest keeps the thread where it can be suspended, in milliseconds. */
const TURN_MS = 2

/** A task of its own in the event loop: timers, input and other guests go first. */
function macrotask(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => {
    const channel = new MessageChannel()
    channel.port1.onmessage = () => {
      channel.port1.close()
      resolve()
    }
    channel.port2.postMessage(null)
  })
}

/**
 * A leash for one run. `done` must be called at its end.
 * @param limits time in milliseconds, fuel in units
 * @param caller aborting its signal cancels the run; so does `isCancelled`, which is asked at each end of a slice
 */
export class RunLeash implements Leash {
  readonly #deadline: number
  readonly #fuel: number
  /** A guest that never waits asks for the time itself: only one that waits needs a timer. */
  #timer: ReturnType<typeof setTimeout> | undefined
  #watcher: (() => void) | undefined
  readonly #outer: AbortSignal | undefined
  readonly #isCancelled: (() => boolean) | undefined
  readonly #cancel = () => this.stop('cancelled')
  #stopped: StopReason | undefined
  #used = 0
  #turnEnds = 0
  #since: number | undefined
  #cpuMs = 0

  constructor(
    limits: { timeoutMs: number; fuel: number },
    caller: { signal?: AbortSignal | undefined; isCancelled?: (() => boolean) | undefined } = {},
  ) {
    const outer = caller.signal
    this.#isCancelled = caller.isCancelled
    this.#deadline = performance.now() + limits.timeoutMs
    this.#fuel = limits.fuel
    this.#outer = outer
    if (outer?.aborted) this.#cancel()
    else outer?.addEventListener('abort', this.#cancel, { once: true })
  }

  get slice(): number {
    return Math.max(1, Math.floor(Math.min(SLICE, this.#fuel - this.#used)))
  }

  get stopped(): StopReason | undefined {
    return this.#stopped
  }

  watch(stop: () => void): void {
    if (this.#watcher) return
    this.#watcher = stop
    const left = this.#deadline - performance.now()
    if (this.#stopped) stop()
    else this.#timer = setTimeout(() => this.stop('time'), Math.max(0, Math.min(left, 2 ** 31 - 1)))
  }

  /** Units burned so far. */
  get used(): number {
    return this.#used
  }

  /** Ends the run for a reason; the first one counts. */
  stop(reason: StopReason): void {
    if (this.#stopped) return
    this.#stopped = reason
    this.#watcher?.()
  }

  /** Time that the guest had the thread, in milliseconds. */
  get cpuMs(): number {
    return this.#cpuMs
  }

  onThread(running: boolean): void {
    const now = performance.now()
    if (this.#since !== undefined) this.#cpuMs += now - this.#since
    this.#since = running ? now : undefined
    if (running) this.#turnEnds = now + TURN_MS
  }

  spent(used: number): (typeof Verdict)[keyof typeof Verdict] {
    this.#used += used
    const now = performance.now()
    if (this.#used > this.#fuel) this.stop('fuel')
    if (now >= this.#deadline) this.stop('time')
    if (this.#isCancelled?.()) this.stop('cancelled')
    if (this.#stopped) return Verdict.kill
    return now >= this.#turnEnds ? Verdict.suspend : Verdict.extend
  }

  async pause(): Promise<void> {
    this.onThread(false)
    await macrotask()
    this.onThread(true)
  }

  /** Releases the timer and the listener. */
  done(): void {
    this.onThread(false)
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#cancel)
  }
}
