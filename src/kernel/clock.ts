/** Time as a guest sees it: real but coarse, precise where granted, or virtual, where sleeps jump. */
import { TokaError } from '../errors.ts'
import { errno } from './errno.ts'

export type ClockOptions = {
  /** Wall clock at the start in milliseconds since 1970 (the request's time). Default: now. */
  startMs?: number
  /** An ISO date: makes the clock virtual. It moves with each reading and with sleeps, and by nothing else. */
  virtualStart?: string
  /** Whether readings have full resolution; asked at each reading. */
  precise?: () => boolean
}

/** Resolution without the `clock` grant, in milliseconds: too coarse to time a cache. */
const COARSE_MS = 1
/** What one reading of a virtual clock moves it: a guest that waits in a loop for time to pass gets on. */
const TICK_MS = 0.001
/** Longest delay that timers of JavaScript take (2^31 - 1 ms). */
const TIMER_MS = 2 ** 31 - 1
/** Where a virtual clock ends, in milliseconds since 1970: guests read 64 bits of nanoseconds. */
const END_MS = 2 ** 63 / 1e6
/** Sleeps under way at once in a sandbox. */
const SLEEPERS = 4_096

type Sleeper = { due: number; order: number; wake: () => void }

export class Clock {
  readonly virtual: boolean
  readonly #startMs: number
  readonly #precise: () => boolean
  readonly #origin = performance.now()
  /** Virtual milliseconds since the start. */
  #elapsed = 0
  #sleepers: Sleeper[] = []
  #order = 0
  #jumping = false
  #sleeping = 0
  /** What ends the sleeps of a run; a run's signal lives no longer than the run. */
  readonly #cancels = new WeakMap<AbortSignal, Set<() => void>>()

  /** @throws TokaError TOKA_REQUEST_INVALID when `virtualStart` is no date */
  constructor(options: ClockOptions = {}) {
    this.virtual = options.virtualStart !== undefined
    const start =
      options.virtualStart === undefined ? (options.startMs ?? Date.now()) : Date.parse(options.virtualStart)
    if (!Number.isFinite(start))
      throw new TokaError(
        'TOKA_REQUEST_INVALID',
        'deterministic.start: expected an ISO date such as "2026-01-01T00:00:00Z"',
      )
    this.#startMs = start
    this.#precise = options.precise ?? (() => false)
  }

  /** Milliseconds since 1970. */
  wallMs(): number {
    return this.#shown(this.#startMs + this.#tick())
  }

  /** Milliseconds since the sandbox started; never goes back. */
  monotonicMs(): number {
    return this.#shown(this.#tick())
  }

  /** The wall clock for a file's times, in whole milliseconds; does not move a virtual clock. */
  stampMs(): number {
    return Math.floor(this.#startMs + (this.virtual ? this.#elapsed : performance.now() - this.#origin))
  }

  /** Virtual milliseconds gone by: what a snapshot keeps. 0 for a real clock, which starts anew. */
  get elapsedMs(): number {
    return this.virtual ? this.#elapsed : 0
  }

  /** Moves a new virtual clock to where another one stood. */
  advance(milliseconds: number): void {
    if (this.virtual) this.#elapsed = this.#atMostEnd(this.#elapsed + milliseconds)
  }

  /** A virtual clock jumps, for who cannot wait: nobody else wakes. */
  skip(milliseconds: number): void {
    if (this.virtual) this.#elapsed = this.#atMostEnd(this.#elapsed + Math.max(milliseconds, 0))
  }

  /** Milliseconds between two readings that differ. */
  get resolutionMs(): number {
    return this.#precise() ? TICK_MS : COARSE_MS
  }

  /**
   * Resolves when the time is over: for real, or by a jump of the virtual clock, where the earliest sleeper wakes
   * first. Rejects with ECANCELED when the signal is aborted; its timer is gone then. EINVAL for what is no time.
   */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (Number.isNaN(milliseconds)) throw errno('EINVAL')
    if (signal.aborted) throw errno('ECANCELED')
    if (this.#sleeping >= SLEEPERS) throw errno('EAGAIN')
    const duration = Math.max(milliseconds, 0)
    this.#sleeping++
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#forget(signal, cancel)
        resolve()
      }
      const stop = this.virtual ? this.#jumpAfter(duration, done) : startTimer(duration, done)
      const cancel = (): void => {
        stop()
        this.#forget(signal, cancel)
        reject(errno('ECANCELED'))
      }
      this.#onAbort(signal, cancel)
    })
  }

  /** One listener a signal, however many sleep: Node warns of more than ten. */
  #onAbort(signal: AbortSignal, cancel: () => void): void {
    const present = this.#cancels.get(signal)
    if (present !== undefined) {
      present.add(cancel)
      return
    }
    const cancels = new Set([cancel])
    this.#cancels.set(signal, cancels)
    signal.addEventListener(
      'abort',
      () => {
        for (const one of [...cancels]) one()
      },
      { once: true },
    )
  }

  #forget(signal: AbortSignal, cancel: () => void): void {
    this.#sleeping--
    this.#cancels.get(signal)?.delete(cancel)
  }

  #tick(): number {
    if (this.virtual) return (this.#elapsed += TICK_MS)
    return performance.now() - this.#origin
  }

  /** A sleep without an end jumps to the end of time, not to infinity: that is no time that a clock could show. */
  #atMostEnd(elapsed: number): number {
    return Math.min(elapsed, Math.max(END_MS - this.#startMs, 0))
  }

  #shown(milliseconds: number): number {
    return this.#precise() ? milliseconds : Math.floor(milliseconds / COARSE_MS) * COARSE_MS
  }

  #jumpAfter(duration: number, wake: () => void): () => void {
    const due = this.#atMostEnd(this.#elapsed + duration)
    const sleeper: Sleeper = { due, order: this.#order++, wake }
    this.#sleepers.push(sleeper)
    this.#jumpSoon()
    return () => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
    }
  }

  /** One jump a turn of the event loop: whoever wakes may sleep again before the next one does. */
  #jumpSoon(): void {
    if (this.#jumping || this.#sleepers.length === 0) return
    this.#jumping = true
    setTimeout(() => {
      this.#jumping = false
      const next = this.#sleepers.reduce<Sleeper | undefined>(earlier, undefined)
      if (next === undefined) return
      this.#sleepers = this.#sleepers.filter((other) => other !== next)
      this.#elapsed = Math.max(this.#elapsed, next.due)
      next.wake()
      this.#jumpSoon()
    }, 0)
  }
}

function earlier(best: Sleeper | undefined, next: Sleeper): Sleeper {
  if (best === undefined) return next
  return next.due < best.due || (next.due === best.due && next.order < best.order) ? next : best
}

/** A timer of any length, in pieces that setTimeout takes. Answers what stops it. */
function startTimer(duration: number, wake: () => void): () => void {
  let rest = duration
  let timer: ReturnType<typeof setTimeout>
  const next = (): void => {
    const piece = Math.min(rest, TIMER_MS)
    rest -= piece
    timer = setTimeout(rest > 0 ? next : wake, piece)
  }
  next()
  return () => clearTimeout(timer)
}
