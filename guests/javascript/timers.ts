/** setTimeout and its family over one host sleep at a time: due timers run in the order of their deadlines, one a turn. */
import { beginCall } from './calls.ts'
import { errorOf, invalidType } from './failures.ts'
import { doubleOf, now } from './natives.ts'
import { ClockSleep } from './operations.generated.ts'
import { apply, create } from './primordials.ts'
import { Queue } from './queue.ts'

type Callback = (...args: unknown[]) => unknown

/** Node's bounds of a delay in milliseconds: what lies outside becomes 1. */
const LONGEST_MS = 2 ** 31 - 1
const MONOTONIC = 1

let timers: Record<number, Timeout> = create(null)
let lastId = 0
let referenced = 0
/** Tells the immediates of this run from those that an earlier one left. */
let run = 0
/** Sorted by deadline, then by age: an intrusive list, for a run has few timers. */
let first: Timeout | undefined
/** The latest deadline that a sleep has reached: the clock may be coarser than the sleep. */
let woken = 0
let sleepingUntil = Number.POSITIVE_INFINITY
let phaseEnd = 0

let isTimeout: (value: object) => value is Timeout
let deadlineOf: (timer: Timeout) => number
let fireTimeout: (timer: Timeout) => void
let cancelTimeout: (timer: Timeout) => void
let isImmediate: (value: object) => value is Immediate
let fireImmediate: (immediate: Immediate) => boolean
let cancelImmediate: (immediate: Immediate) => void

function clock(): number {
  const time = now(MONOTONIC)
  return time > woken ? time : woken
}

function checkCallback(callback: unknown): asserts callback is Callback {
  if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback)
}

/** What `setTimeout` and `setInterval` answer: Node's object, which converts to its number. */
export class Timeout {
  #callback: Callback
  #args: unknown[]
  #delay: number
  #repeat: boolean
  #id = 0
  #deadline = 0
  #next: Timeout | undefined
  #referenced = true

  constructor(callback: Callback, delay: unknown, args: unknown[], repeat: boolean) {
    const ms = Number(delay)
    this.#callback = callback
    this.#args = args
    this.#delay = ms >= 1 && ms <= LONGEST_MS ? Math.trunc(ms) : 1
    this.#repeat = repeat
    this.#id = ++lastId
    this.#start()
  }

  #start(): void {
    this.#deadline = clock() + this.#delay
    if (!this.#active && this.#referenced) referenced++
    timers[this.#id] = this
    if (first === undefined || first.#deadline > this.#deadline) {
      this.#next = first
      first = this
      return
    }
    let before = first
    while (before.#next !== undefined && before.#next.#deadline <= this.#deadline) before = before.#next
    this.#next = before.#next
    before.#next = this
  }

  get #active(): boolean {
    return timers[this.#id] === this
  }

  #unlink(): void {
    if (first === this) first = this.#next
    else {
      let before = first
      while (before !== undefined && before.#next !== this) before = before.#next
      if (before !== undefined) before.#next = this.#next
    }
    this.#next = undefined
  }

  static {
    isTimeout = (value): value is Timeout => #deadline in value
    deadlineOf = (timer) => timer.#deadline
    fireTimeout = (timer) => {
      timer.#unlink()
      if (timer.#repeat) timer.#start()
      else timer.#end()
      apply(timer.#callback, timer, timer.#args)
    }
    cancelTimeout = (timer) => {
      if (!timer.#active) return
      timer.#unlink()
      timer.#end()
    }
  }

  #end(): void {
    delete timers[this.#id]
    if (this.#referenced) referenced--
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
    if (this.#active) this.#unlink()
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

/** What `setImmediate` answers. */
export class Immediate {
  #referenced = true
  /** Undefined once it has run or was cleared. */
  #callback: Callback | undefined
  readonly #run = run
  #args: unknown[]

  constructor(callback: Callback, args: unknown[]) {
    this.#callback = callback
    this.#args = args
    referenced++
    immediates.push(this)
  }

  static {
    isImmediate = (value): value is Immediate => #run in value
    cancelImmediate = (immediate) => {
      if (immediate.#waiting && immediate.#referenced) referenced--
      immediate.#callback = undefined
    }
    fireImmediate = (immediate) => {
      const callback = immediate.#callback
      if (callback === undefined) return false
      cancelImmediate(immediate)
      apply(callback, immediate, immediate.#args)
      return true
    }
  }

  get #waiting(): boolean {
    return this.#callback !== undefined && this.#run === run
  }

  ref(): this {
    if (!this.#referenced && this.#waiting) referenced++
    this.#referenced = true
    return this
  }

  unref(): this {
    if (this.#referenced && this.#waiting) referenced--
    this.#referenced = false
    return this
  }

  hasRef(): boolean {
    return this.#referenced
  }

  [Symbol.dispose](): void {
    cancelImmediate(this)
  }
}

let immediates = new Queue<Immediate>()
let batch = new Queue<Immediate>()

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
        ? timers[timer as number]
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
  return referenced
}

/**
 * Runs one due timer or one immediate. Immediates wait until the timers that were due when the phase began have run,
 * and a new phase begins once the immediates queued before it have run, as in Node's loop.
 * @returns false when none is due
 */
export function runTimer(): boolean {
  if (batch.empty) {
    if (first !== undefined && deadlineOf(first) <= phaseEnd) {
      fireTimeout(first)
      return true
    }
    const swap = batch
    batch = immediates
    immediates = swap
  }
  for (let next = batch.shift(); next !== undefined; next = batch.shift()) {
    if (fireImmediate(next)) return true
  }
  phaseEnd = clock()
  if (first === undefined || deadlineOf(first) > phaseEnd) return !immediates.empty
  fireTimeout(first)
  return true
}

/** Makes sure that the host wakes the run for its next timer. */
export function armSleep(): void {
  if (first === undefined) return
  const deadline = deadlineOf(first)
  if (deadline >= sleepingUntil) return
  sleepingUntil = deadline
  const left = deadline - clock()
  const wake = () => {
    if (sleepingUntil === deadline) sleepingUntil = Number.POSITIVE_INFINITY
    if (deadline > woken) woken = deadline
  }
  try {
    beginCall(ClockSleep, doubleOf(left > 0 ? left : 0), wake, wake, false)
  } catch (thrown) {
    throw errorOf(thrown)
  }
}

/** At the start of a run: nothing of an earlier one is left. */
export function forgetTimers(): void {
  run++
  timers = create(null)
  first = undefined
  referenced = 0
  woken = 0
  phaseEnd = 0
  sleepingUntil = Number.POSITIVE_INFINITY
  immediates = new Queue()
  batch = new Queue()
}
