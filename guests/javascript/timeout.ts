/** One timer of a run, and all of them in the order of their deadlines. */
import { Heap } from './heap.ts'
import { now } from './natives.ts'
import { apply, create, floor, SafeNumber as toNumber } from './primordials.ts'

export type Callback = (...args: unknown[]) => unknown

/** Node's bounds of a delay in milliseconds: what lies outside becomes 1. */
const LONGEST_MS = 2 ** 31 - 1
const MONOTONIC = 1
const NEVER = Number.POSITIVE_INFINITY
/** Cleared timers that stay in the heap until it is swept, besides as many as there are live ones. */
const SPARE = 64

/** A start of a timer. It is over when the timer was cleared, refreshed or fired since. */
type Start = { timer: Timeout; count: number; deadline: number }

let timers: Record<number, Timeout> = create(null)
let active = 0
let lastId = 0
let referenced = 0
let starts = new Heap<Start>()
/** The latest deadline that a sleep has reached: the clock may be coarser than the sleep. */
let woken = 0

let isLive: (start: Start) => boolean
export let isTimeout: (value: object) => value is Timeout
export let cancelTimeout: (timer: Timeout) => void
let fireTimeout: (timer: Timeout) => void

/** Milliseconds of the clock that deadlines are of. */
export function timerClock(): number {
  const time = now(MONOTONIC)
  return time > woken ? time : woken
}

/** A sleep until `deadline` is over. */
export function wokenAt(deadline: number): void {
  if (deadline > woken) woken = deadline
}

/** What `setTimeout` and `setInterval` answer: Node's object, which converts to its number. */
export class Timeout {
  #callback: Callback
  #args: unknown[]
  #delay: number
  #repeat: boolean
  #id = ++lastId
  #count = 0
  #referenced = true

  constructor(callback: Callback, delay: unknown, args: unknown[], repeat: boolean) {
    const ms = toNumber(delay)
    this.#callback = callback
    this.#args = args
    this.#delay = ms >= 1 && ms <= LONGEST_MS ? floor(ms) : 1
    this.#repeat = repeat
    this.#start()
  }

  #start(): void {
    if (!this.#active) {
      active++
      if (this.#referenced) referenced++
      timers[this.#id] = this
    }
    const deadline = timerClock() + this.#delay
    starts.add(deadline, { timer: this, count: ++this.#count, deadline })
    if (starts.size > 2 * active + SPARE) starts = starts.filter(isLive)
  }

  /** A timer of an earlier run is not: the table is another one. */
  get #active(): boolean {
    return timers[this.#id] === this
  }

  static {
    isTimeout = (value): value is Timeout => #delay in value
    isLive = ({ timer, count }) => timer.#active && timer.#count === count
    fireTimeout = (timer) => {
      if (timer.#repeat) timer.#start()
      else cancelTimeout(timer)
      apply(timer.#callback, timer, timer.#args)
    }
    cancelTimeout = (timer) => {
      if (!timer.#active) return
      delete timers[timer.#id]
      active--
      if (timer.#referenced) referenced--
    }
  }

  /** Keeps the run alive until it has fired (the default). */
  ref(): this {
    if (!this.#referenced && this.#active) referenced++
    this.#referenced = true
    return this
  }

  /** Lets the run end without it. */
  unref(): this {
    if (this.#referenced && this.#active) referenced--
    this.#referenced = false
    return this
  }

  hasRef(): boolean {
    return this.#referenced
  }

  /** Starts its delay anew. */
  refresh(): this {
    this.#start()
    return this
  }

  close(): this {
    cancelTimeout(this)
    return this
  }

  [Symbol.toPrimitive](): number {
    return this.#id
  }

  [Symbol.dispose](): void {
    cancelTimeout(this)
  }
}

/** The timer with this number. */
export function timeoutOf(id: number | string): Timeout | undefined {
  return timers[id as number]
}

/** Timers that keep the run alive. */
export function timeoutsUnderWay(): number {
  return referenced
}

/** The next deadline, or Infinity. */
export function nextDeadline(): number {
  for (let start = starts.first(); start !== undefined; start = starts.first()) {
    if (isLive(start)) return start.deadline
    starts.removeFirst()
  }
  return NEVER
}

/** Runs the timer with the next deadline. */
export function fireNext(): void {
  const start = starts.first()
  if (start === undefined) return
  starts.removeFirst()
  fireTimeout(start.timer)
}

/** At the start of a run: nothing of an earlier one is left. */
export function forgetTimeouts(): void {
  timers = create(null)
  starts = new Heap()
  active = 0
  referenced = 0
  woken = 0
}
