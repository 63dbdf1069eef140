/** Waiting on the thread itself, for guests that cannot be suspended: in short naps, so that a deadline is not slept over. */

/** Milliseconds of a nap: what a deadline or a cancellation is late by at most. */
const NAP_MS = 2

/**
 * Sleeps. Threads that may not wait (a page's own) turn round and round instead.
 * @param mustEnd asked before each nap
 */
export function sleepOnThread(milliseconds: number, mustEnd: () => boolean): void {
  const until = performance.now() + milliseconds
  const cell = typeof SharedArrayBuffer === 'undefined' ? undefined : new Int32Array(new SharedArrayBuffer(4))
  for (let left = milliseconds; left > 0 && !mustEnd(); left = until - performance.now()) nap(cell, left)
}

function nap(cell: Int32Array | undefined, left: number): void {
  if (!cell) return
  try {
    Atomics.wait(cell, 0, 0, Math.min(left, NAP_MS))
  } catch {
    // a page's thread: it may not wait
  }
}
