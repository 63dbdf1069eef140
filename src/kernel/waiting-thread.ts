/** The thread of a guest that cannot be suspended: it waits itself, where it may. */

export interface WaitingThread {
  /**
   * Waits until something has arrived for the guest, at most so long, and tells it; it may return earlier. With 0 it
   * tells what has arrived already.
   */
  wait(milliseconds: number): void
}

/** Milliseconds of a nap: what a deadline or a cancellation is late by at most. */
const NAP_MS = 2

const cell = typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : undefined

/** @returns false where this thread may not wait: a page's own */
function nap(milliseconds: number): boolean {
  if (!cell) return false
  try {
    Atomics.wait(cell, 0, 0, milliseconds)
    return true
  } catch {
    return false
  }
}

export function mayWait(): boolean {
  return nap(0)
}

/** A thread at which nothing arrives: it sleeps in short naps, or turns round and round where it may not wait. */
export const nappingThread: WaitingThread = { wait: (milliseconds) => void nap(Math.min(milliseconds, NAP_MS)) }
