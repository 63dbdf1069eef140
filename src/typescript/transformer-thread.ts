/** The thread that transforms TypeScript as its queue sees it; `#typescript` makes one in Node and in browsers. */
import type { Task } from './protocol.ts'

export type TransformerThread = {
  post(task: Task): void
  /** Whether the program waits for it, where the runtime asks. */
  hold(held: boolean): void
  end(): Promise<void>
}

export type StartTransformer = (events: {
  /** Whatever the thread sent: not checked yet. */
  message(data: unknown): void
  /** The thread runs no more by itself. */
  ended(reason: string): void
}) => TransformerThread
