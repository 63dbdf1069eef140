/** The script of a worker in browsers. */
import { WorkerServer } from './server.ts'

/** This file's global object; TypeScript's library for pages does not declare it. */
const scope = globalThis as unknown as {
  readonly name: string
  onmessage: ((event: MessageEvent) => void) | null
  postMessage(message: object): void
  close(): void
}

const server = new WorkerServer({ post: (message) => scope.postMessage(message), end: () => scope.close() })
// As in Node, where it is the rule: after a fault of ours nothing here is to be trusted.
addEventListener('unhandledrejection', () => scope.close())

// Messages that come before the lock is held wait here: the port waits for no promise.
let early: unknown[] | undefined = []
scope.onmessage = ({ data }) => (early ? void early.push(data) : server.receive(data))

// Held as long as this worker lives: the page sees its end by it.
void navigator.locks.request(scope.name, () => {
  const waiting = early ?? []
  early = undefined
  for (const data of waiting) server.receive(data)
  return new Promise(() => {})
})
