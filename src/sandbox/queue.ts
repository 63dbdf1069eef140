/** One at a time: what a sandbox does waits its turn, and may leave before it comes. */
import { TokaError } from '../errors.ts'
import type { WaitOptions } from './surface.ts'

/** How a task leaves the queue before its turn: when the signal is aborted, with this answer. */
export type Leaving<T> = { signal: AbortSignal | undefined; answer: () => T }

export class TurnQueue {
  readonly #most: number
  #tail: Promise<unknown> = Promise.resolve()
  #length = 0
  /** What waits under a signal. One listener for all of them: Node warns of leaks above ten. */
  readonly #leaving = new Map<AbortSignal, { leave: Set<() => void>; listener: () => void }>()

  /** @param most tasks that run or wait at once */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  /**
   * Runs a task in its turn that may be asked not to wait, or to wait no longer.
   * @param what its name in a refusal
   * @throws TokaError TOKA_SANDBOX_BUSY when it shall not wait and something runs or waits; TOKA_CANCELLED
   */
  async runAs<T>(what: string, { wait = true, signal }: WaitOptions, task: () => Promise<T>): Promise<T> {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TokaError('TOKA_REQUEST_INVALID', `signal: expected an AbortSignal, got ${typeof signal}`)
    if (!wait && this.#length > 0)
      throw new TokaError('TOKA_SANDBOX_BUSY', `a run is in progress, and ${what} was asked not to wait`)
    const left = Symbol('left')
    const result = await this.run<T | typeof left>(task, { signal, answer: () => left })
    if (result === left) throw new TokaError('TOKA_CANCELLED', `signal: aborted before ${what} began`)
    return result as T
  }

  /**
   * Runs a task after all earlier ones, whatever their ends.
   * @throws TokaError TOKA_SANDBOX_BUSY when too many wait
   */
  run<T>(task: () => Promise<T>, leaving?: Leaving<T>): Promise<T> {
    if (this.#length >= this.#most)
      throw new TokaError('TOKA_SANDBOX_BUSY', `${this.#most} runs are in progress or wait already: no more can wait`)
    this.#length++
    if (!leaving?.signal) return this.#enqueue(task)
    const { signal, answer } = leaving
    if (signal.aborted) {
      this.#length--
      return Promise.resolve(answer())
    }
    return this.#enqueueUnder(signal, answer, task)
  }

  /** Resolves when all that was queued so far has ended. */
  idle(): Promise<void> {
    return this.#tail.then(() => {})
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task).finally(() => {
      this.#length--
    })
    this.#tail = result.catch(() => {})
    return result
  }

  #enqueueUnder<T>(signal: AbortSignal, answer: () => T, task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let hasLeft = false
      const leave = (): void => {
        hasLeft = true
        this.#length--
        resolve(answer())
      }
      this.#listen(signal, leave)
      const turn = async (): Promise<void> => {
        this.#forget(signal, leave)
        if (hasLeft) return
        try {
          resolve(await task())
        } catch (error) {
          reject(error)
        } finally {
          this.#length--
        }
      }
      this.#tail = this.#tail.then(turn)
    })
  }

  #listen(signal: AbortSignal, leave: () => void): void {
    const known = this.#leaving.get(signal)
    if (known) {
      known.leave.add(leave)
      return
    }
    const all = new Set([leave])
    const listener = (): void => {
      this.#leaving.delete(signal)
      for (const each of all) each()
    }
    this.#leaving.set(signal, { leave: all, listener })
    signal.addEventListener('abort', listener, { once: true })
  }

  #forget(signal: AbortSignal, leave: () => void): void {
    const known = this.#leaving.get(signal)
    if (!known?.leave.delete(leave) || known.leave.size > 0) return
    this.#leaving.delete(signal)
    signal.removeEventListener('abort', known.listener)
  }
}
