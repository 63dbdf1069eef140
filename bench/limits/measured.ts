/** What is known of one guest in one sandbox, from the process that it ran in and from the one that watched it. */
import type { Ending } from './peer.ts'

/** What the process of a cell finds out by itself. */
export type Report = {
  /** From the call of the sandbox to its answer, and the host's use of that, in milliseconds. */
  wallMs: number
  /** The longest time that the event loop stood still, in milliseconds. */
  frozenMs: number
  /** How the run ended, in words. */
  ending: { by: Ending['by']; detail: string }
  outputBytes: number
  /** What of the host the guest has seen or changed. */
  escapes: string[]
  /** Paths or stacks of the host that the guest has seen. */
  leaks: string[]
  /** What went wrong in a harmless run afterwards. */
  broken?: string
}

/** What the watching process knows in any case. */
export type Measured = {
  /** Growth of the process over its size before the run, at its peak, in bytes. */
  grownBytes: number
  report?: Report
  /** The watcher ended the process: it ran on, or it took too much memory. */
  killed?: { for: 'time' | 'memory'; afterMs: number; frozenMs: number }
  /** It ended by itself without a report. */
  crashed?: string
  /** The sandbox could not be made here, or does not have what the guest needs. */
  unavailable?: string
}

/** From the process of a cell to the watcher. */
export type Message =
  | { kind: 'unavailable'; message: string }
  | { kind: 'start'; rssBytes: number }
  | { kind: 'beat' }
  | { kind: 'ran' }
  | { kind: 'end'; report: Report; peakBytes: number }
