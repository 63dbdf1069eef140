/** `#worker` in browsers: a module worker that runs src/worker/entry.browser.ts. */
import type { StartThread } from './thread.ts'

/**
 * A browser tells nobody that a worker has ended. But a worker holds a lock of its own name from its start, and a lock
 * is given on when its holder is gone, whatever ended it.
 */
export const startThread: StartThread = ({ message, ended }) => {
  const name = `toka-${crypto.randomUUID()}`
  const worker = new Worker(new URL('../worker/entry.browser.ts', import.meta.url), { type: 'module', name })
  let reason = 'it ended'
  let holdsLock = false
  let over = false
  const end = (): void => {
    if (over) return
    over = true
    worker.terminate()
    ended(reason)
  }
  worker.onmessage = ({ data }) => {
    // Its first word comes after it has the lock.
    if (!holdsLock) {
      holdsLock = true
      navigator.locks.request(name, end).catch(end)
    }
    message(data)
  }
  worker.onmessageerror = () => message(undefined)
  worker.onerror = (event) => {
    event.preventDefault()
    reason = event.message || 'its script could not be loaded'
    worker.terminate()
    if (!holdsLock) end()
  }
  return {
    post: (data) => worker.postMessage(data),
    terminate: () => {
      worker.terminate()
      if (!holdsLock) end()
    },
    hold: () => {},
  }
}
