/** What a run hands back: one object for every way to end. */
import type { TokaErrorCode } from './errors.ts'
import type { Denial } from './gate/denials.ts'
import type { PendingCall } from './tool.ts'

/** `completed` = the guest ended by itself, whatever its exit code. */
export type RunStatus = 'completed' | 'failed' | 'limit' | 'cancelled' | 'interrupted'

export type RunError = {
  code: TokaErrorCode
  message: string
  /** Frames of the guest's own code, with the lines of its source. */
  guestStack?: string
  /**
   * Of TOKA_DENIED for want of a grant: the rule that would allow it, as `parseRule` and `--allow` take it. It comes from
   * the gate's record of denials; the guest never sees it.
   */
  grant?: string
}

export type Usage = {
  /** Wall-clock time, waiting included, in milliseconds. */
  wallMs: number
  /** Time that the guest had the thread, in milliseconds. */
  cpuMs: number
  /** Units of fuel burned. Not comparable between machines under `metering: 'fast'`. */
  fuel: number
  metering: 'fast' | 'exact'
  /** Bytes of linear memory at the end. */
  memoryBytes: number
  /** Calls that left the sandbox, refused ones too. */
  hostCalls: number
  /** Bytes moved from and to mounts. */
  bytesRead: number
  bytesWritten: number
  /** Bytes written to stdout and stderr, kept or not. */
  outputBytes: number
}

export type RunResult<T = unknown> = {
  status: RunStatus
  /**
   * By language: a script's completion value; a JavaScript module's default export (its result, if a function); what the
   * called export of a WebAssembly module returned, an array where it is more than one.
   */
  value?: T
  /** The guest's own; 1 after an uncaught error. */
  exitCode: number
  stdout: string
  stderr: string
  truncated: { stdout: boolean; stderr: boolean }
  /** Files created or changed, where `collect` asked for them, by absolute guest path. */
  files: Record<string, Uint8Array>
  error?: RunError
  usage: Usage
  /** Every refused call, for the host's eyes: a denial that the guest caught leaves `status` alone. */
  denials: Denial[]
  pending: PendingCall[]
  /** The audit chain's length and head. */
  audit: { records: number; head: string }
  /** What ran it; empty words for a run that was cancelled before it had a sandbox. */
  engine: { name: string; version: string; image: string }
}
