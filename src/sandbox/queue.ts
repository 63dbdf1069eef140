/** One at a time: what a sandbox does waits its turn. */

export class TurnQueue {
  #tail: Promise<unknown> = Promise.resolve()
  #length = 0

  /** Whether something runs or waits. */
  get busy(): boolean {
    return this.#length > 0
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
