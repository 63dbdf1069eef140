/** A task of its own in the event loop: timers, input and output go before it. */

type Deferred = (task: () => void) => void

/** One channel for all: its messages come in the order in which they were posted. */
function overChannel(): Deferred {
  const tasks: (() => void)[] = []
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => tasks.shift()?.()
  return (task) => {
    tasks.push(task)
    port2.postMessage(null)
  }
}

/** Runs a task after what the event loop has ready: `setImmediate` in Node, a message elsewhere. */
export const macrotask: Deferred =
  typeof setImmediate === 'function' ? (task) => void setImmediate(task) : overChannel()
