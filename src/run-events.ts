/** What happens in a run, told while it happens: the events of `sandbox.stream`. */
import type { Denial } from './gate/denials.ts'
import type { ConsoleLevel, DisplayData } from './kernel/shown.ts'
import type { RunResult } from './result.ts'
import type { ToolEvent } from './tool-events.ts'

export type { ConsoleLevel, DisplayData, ToolEvent }

/** What the sandbox itself tells. A piece of output is told once: as the console's, or as the stream's. */
export type GuestEvent =
  | { type: 'stdout' | 'stderr'; bytes: Uint8Array }
  | { type: 'console'; level: ConsoleLevel; bytes: Uint8Array }
  | { type: 'progress'; fraction?: number; message?: string }
  | { type: 'display'; data: DisplayData }
  | { type: 'denial'; denial: Denial }

/** What is told of a run, wherever it takes place. */
export type LiveEvent = GuestEvent | ToolEvent

/** An event of a run, in the order of what happened. The last one is the result. */
export type RunEvent<T = unknown> =
  /** Bytes that the guest wrote there, other than by its console; many small writes are one piece. */
  | { type: 'stdout' | 'stderr'; bytes: Uint8Array }
  /** What the console wrote at a level; the line ends are in it. It is in `stdout` or `stderr` of the result too. */
  | { type: 'console'; level: ConsoleLevel; text: string }
  /** How far the guest says that it is, from 0 to 1: the newest word, earlier ones may be left out. */
  | { type: 'progress'; fraction?: number; message?: string }
  /** A value for whoever looks on, by MIME type. The guest made it: never render it as if it were yours. */
  | { type: 'display'; data: DisplayData }
  /** A refused call, the first hundred of a run. */
  | { type: 'denial'; denial: Denial }
  /** A call of a host tool that was allowed, and its end. */
  | ToolEvent
  /** So many events of calls and denials came while nobody took any, and were left out. */
  | { type: 'skipped'; count: number }
  | { type: 'result'; result: RunResult<T> }
