/** queueMicrotask in the engine's own queue: the engine drops what a job throws, and here it is uncaught, as in Node. */
import { checkCallback } from './timers.ts'
import { guarded } from './loop.ts'

const enqueue = globalThis.queueMicrotask

export function queueMicrotask(callback: unknown): void {
  checkCallback(callback)
  enqueue(() => guarded(callback, undefined, []))
}
