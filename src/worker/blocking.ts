/** Whether the guest at work waits for the answer of the call that it makes: then the thread may wait for it too. */

export class Blocking {
  #onWait: ((waiting: boolean) => void) | undefined

  /** Whether what is asked now is waited for. */
  get active(): boolean {
    return this.#onWait !== undefined
  }

  /** Makes a call whose answer the guest waits for. */
  readonly run = <T>(act: () => T, onWait: (waiting: boolean) => void): T => {
    this.#onWait = onWait
    try {
      return act()
    } finally {
      this.#onWait = undefined
    }
  }

  /** Waits, on this thread. */
  wait<T>(work: () => T): T {
    const onWait = this.#onWait
    onWait?.(true)
    try {
      return work()
    } finally {
      onWait?.(false)
    }
  }
}
