/** One at a time: what a sandbox does waits its turn. */
import { TokaError } from '../errors.ts'

export class TurnQueue {
  #tail: Promise<unknown> = Promise.resolve()
  #length = 0

  /** @throws TokaError TOKA_SANDBOX_BUSY when something runs or waits */
  mustBeIdle(what: string): void {
    if (this.#length > 0)
      throw new TokaError('TOKA_SANDBOX_BUSY', `a run is in progress, and ${what} was asked not to wait`)
  }

  /** Runs a task after all earlier ones, whatever their ends. */
  run<T>(task: () => Promise<T>): Promise<T> {
    this.#length++
    const result = this.#tail.then(task).finally(() => {
      this.#length--
    })
    this.#tail = result.catch(() => {})
    return result
  }

  /** Resolves when all that was queued so far has ended. */
  idle(): Promise<void> {
    return this.#tail.then(() => {})
  }
}
