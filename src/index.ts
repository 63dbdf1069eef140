/** The public surface: everything an embedding program uses, and nothing else. */
export type { GrantInput } from '../capabilities/schema.ts'
export { parseRule } from './gate/grants.ts'
export { TokaError, type TokaErrorCode } from './errors.ts'
export type { Denial } from './gate/denials.ts'
export { DEFAULT_LIMITS, LANGUAGE_LIMITS, type Limits, MOST_MODULE_BYTES, MOST_SOURCE_BYTES } from './limits.ts'
export type {
  ApprovalAnswer,
  ApprovalRequest,
  Isolation,
  Priority,
  Language,
  MountOptions,
  MountSource,
  NetworkOptions,
  RunOptions,
  RunRequest,
  SandboxOptions,
  Secret,
  TraceEvent,
} from './request.ts'
export type { RunError, RunResult, RunStatus, Usage } from './result.ts'
export type { ConsoleLevel, DisplayData, RunEvent, ToolEvent } from './run-events.ts'
export type { RestoreOptions } from './sandbox/restore-options.ts'
export type { Sandbox, WaitOptions } from './sandbox/surface.ts'
export { type ComponentToolOptions, componentTools } from './component-tools.ts'
export { defineTool, type PendingCall, type Tool, type ToolContext, type ToolDescription } from './tool.ts'
export { createToka, type Toka, type TokaOptions } from './toka.ts'
