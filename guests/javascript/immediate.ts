/** What waits for the end of the current turn. */
import { apply } from './primordials.ts'
import { Queue } from './queue.ts'

type Callback = (...args: unknown[]) => unknown

let referenced = 0
/** Tells the immediates of this run from those that an earlier one left. */
let run = 0
let queued = new Queue<Immediate>()
let batch = new Queue<Immediate>()

export let isImmediate: (value: object) => value is Immediate
export let cancelImmediate: (immediate: Immediate) => void
let fireImmediate: (immediate: Immediate) => boolean

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
    queued.push(this)
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

/** Immediates that keep the run alive. */
export function immediatesUnderWay(): number {
  return referenced
}

/** Whether the current batch is done. */
export function isBatchDone(): boolean {
  return batch.empty
}

/** What is queued now is the next batch. */
export function startBatch(): void {
  const done = batch
  batch = queued
  queued = done
}

/** Whether more is queued for later batches. */
export function hasQueued(): boolean {
  return !queued.empty
}

/** Runs one of the batch. @returns false when it is done */
export function fireOfBatch(): boolean {
  for (let next = batch.shift(); next !== undefined; next = batch.shift()) if (fireImmediate(next)) return true
  return false
}

/** At the start of a run: nothing of an earlier one is left. */
export function forgetImmediates(): void {
  run++
  referenced = 0
  queued = new Queue()
  batch = new Queue()
}
