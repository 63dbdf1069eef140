/** A thread as the pool sees it: messages in and out, and one end. `#worker` makes one in Node and in browsers. */

export type WorkerThread = {
  /** @throws DataCloneError when the message holds what cannot be cloned */
  post(message: object): void
  /** Ends the thread wherever it is; `ended` tells when it has. */
  terminate(): void
  /** Whether the program waits for it, where the runtime asks. */
  hold(held: boolean): void
}

export type ThreadEvents = {
  /** Whatever the thread sent: not checked yet. */
  message(data: unknown): void
  /** The thread runs no more, for whatever reason. Told once. */
  ended(reason: string): void
}

export type StartThread = (events: ThreadEvents) => WorkerThread
