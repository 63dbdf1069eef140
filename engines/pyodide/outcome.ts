/** What a run left behind: the guest's own word, or how its instance fell, as an `Exit`. */
import type { Exit, StopReason } from '../../src/engine.ts'
import type { TokaErrorCode } from '../../src/errors.ts'
import { codeOfUncaught, MESSAGE_LIMIT } from '../../src/errors.ts'
import { readReport } from '../../src/kernel/values.ts'

const TRACEBACK_LIMIT = 8_000

/** Collects what the guest says during one run. The first word counts. */
export class Outcome {
  exitCode: number | undefined
  value: Uint8Array | undefined
  failure: Uint8Array | undefined
  /** The interpreter itself ended, by `os._exit` or a fault of its own: nothing in it can go on. */
  exited: number | undefined
  /** An exception of the prelude itself. */
  fault: string | undefined
  /** The prelude itself was out of memory, or out of stack. */
  full: 'memory' | 'stack' | undefined
  /** An import that is not there for guests, and of which the guest died or may have. */
  refused: string | undefined
  /** An error of ours inside an import. */
  internal: unknown

  get spoken(): boolean {
    return this.value !== undefined || this.failure !== undefined || this.exitCode !== undefined
  }

  /**
   * @param stopped why the leash ended it, if it did
   * @param trap what the entry threw, if it did not return
   */
  toExit(stopped: StopReason | undefined, trap: unknown): Exit {
    if (this.internal !== undefined) return fallen('TOKA_INTERNAL', 'a fault inside a host call', true)
    if (this.exited !== undefined) return { exitCode: this.exited, lost: true }
    if (stopped) return { exitCode: 1, stopped, lost: true }
    if (trap !== undefined) return trapped(trap, this.refused)
    if (this.exitCode !== undefined) return { exitCode: this.exitCode, lost: false }
    if (this.failure) return described(this.failure)
    if (this.value) return { exitCode: 0, value: this.value, lost: false }
    if (this.full) return { exitCode: 1, stopped: this.full, lost: true }
    if (this.fault !== undefined) return fallen('TOKA_GUEST_ERROR', this.fault.slice(0, MESSAGE_LIMIT), true)
    return fallen('TOKA_GUEST_ERROR', 'the program took the interpreter apart: its run ended without a word', true)
  }
}

function fallen(code: TokaErrorCode, message: string, lost: boolean): Exit {
  return { exitCode: 1, error: { code, message }, lost }
}

function trapped(trap: unknown, refused: string | undefined): Exit {
  // V8 throws a RangeError when the native stack is full; the wasm frames below are gone.
  if (trap instanceof RangeError) return { exitCode: 1, stopped: 'stack', lost: true }
  if (refused !== undefined)
    return fallen('TOKA_GUEST_TRAP', `the interpreter called ${refused}, which a sandbox does not have`, true)
  const reason = trap instanceof Error ? trap.message : String(trap)
  return fallen('TOKA_GUEST_TRAP', `the guest's instance trapped: ${reason}`, true)
}

const text = (value: unknown, limit: number): string => (typeof value === 'string' ? value.slice(0, limit) : '')

function codeOf(kind: unknown, code: unknown): TokaErrorCode {
  if (kind === 'syntax') return 'TOKA_GUEST_SYNTAX'
  if (kind === 'value') return code === 'TOKA_VALUE_SIZE' ? 'TOKA_VALUE_SIZE' : 'TOKA_VALUE_UNSUPPORTED'
  return code === 'TOKA_GUEST_UNSETTLED' ? code : codeOfUncaught(code)
}

function described(payload: Uint8Array): Exit {
  const report = readReport(payload)
  if (!report) return fallen('TOKA_GUEST_ERROR', 'an uncaught exception that could not be read', false)
  // The interpreter is whole after it: what it had begun was let go.
  if (report.kind === 'memory') return { exitCode: 1, stopped: 'memory', lost: false }
  const name = text(report.name, 100)
  const message = text(report.message, MESSAGE_LIMIT - 200)
  const stack = text(report.traceback, TRACEBACK_LIMIT)
  const said = report.kind === 'value' || name === '' ? message : message === '' ? name : `${name}: ${message}`
  const error = {
    code: codeOf(report.kind, report.code),
    message: said,
    ...(stack === '' ? {} : { guestStack: stack }),
  }
  return { exitCode: 1, error, lost: false }
}
