/** How a run or an error ends the command: one table of exit codes. */
import { type RunResult, TokaError, type TokaErrorCode } from '../index.ts'
import { OutFileError } from './out-files.ts'
import { UsageError } from './usage-error.ts'

/** EX_USAGE and EX_SOFTWARE of sysexits.h; 124 as timeout(1); 130 as a shell after SIGINT. */
export const ExitCode = { good: 0, failed: 1, usage: 64, fault: 70, limit: 124, cancelled: 130 } as const

/** What the caller got wrong: usage. Every other code of a thrown error is a fault of ours or of the installation. */
const CALLERS_MISTAKES: ReadonlySet<TokaErrorCode> = new Set<TokaErrorCode>([
  'TOKA_REQUEST_INVALID',
  'TOKA_REQUEST_LANGUAGE',
  'TOKA_GRANT_INVALID',
  'TOKA_MOUNT_MISSING',
  'TOKA_MOUNT_UNSUPPORTED',
  'TOKA_TOOL_INVALID',
  'TOKA_VALUE_UNSUPPORTED',
  'TOKA_VALUE_SIZE',
  'TOKA_TOKEN_INVALID',
  'TOKA_TOKEN_KEYS',
  'TOKA_AUDIT_BUSY',
  'TOKA_PACKAGE_INVALID',
  'TOKA_PACKAGE_BINARY',
  'TOKA_PACKAGE_LOCK',
  'TOKA_PACKAGE_HASH',
  'TOKA_PACKAGE_MISSING',
])

/**
 * The guest's own code where it ended by itself, else why it did not.
 * @param called whether a function was called by its name: then a value that does not fit is the caller's
 */
export function exitCodeOf(result: RunResult, called: boolean): number {
  const code = result.error?.code
  if (code === 'TOKA_INTERNAL') return ExitCode.fault
  // No guest ends so: a component answers what it cannot be asked for as a result.
  if (code === 'TOKA_REQUEST_INVALID' || (called && code === 'TOKA_VALUE_UNSUPPORTED')) return ExitCode.usage
  if (result.status === 'limit') return ExitCode.limit
  if (result.status === 'cancelled') return ExitCode.cancelled
  if (result.status === 'interrupted') return ExitCode.fault
  return result.exitCode
}

function exitCodeOfCode(code: TokaErrorCode): number {
  if (code === 'TOKA_AUDIT_INVALID') return ExitCode.failed
  return CALLERS_MISTAKES.has(code) ? ExitCode.usage : ExitCode.fault
}

/** The message and code of an error that was thrown instead of a result. */
export function describeThrown(error: unknown): { exitCode: number; message: string } {
  if (error instanceof UsageError) return { exitCode: ExitCode.usage, message: error.message }
  if (error instanceof OutFileError) return { exitCode: ExitCode.failed, message: `--out: ${error.message}` }
  if (error instanceof TokaError) {
    return {
      exitCode: exitCodeOfCode(error.code),
      message: `${error.message} (${error.code})`,
    }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { exitCode: ExitCode.fault, message: `a fault of toka's own: ${message}` }
}
