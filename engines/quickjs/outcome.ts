/** What a run left behind: the guest's own word, or how its instance fell, as an `Exit`. */
import type { Exit, StopReason } from '../../src/engine.ts'
import type { TokaErrorCode } from '../../src/errors.ts'
import { codeOfUncaught, MESSAGE_LIMIT } from '../../src/errors.ts'
import { hintFor, missingFileHint } from './hints.ts'
import { readReport } from '../../src/kernel/values.ts'

const STACK_LIMIT = 8_000

/** Collects what the guest says during one run. The first word counts. */
export class Outcome {
  exitCode: number | undefined
  value: Uint8Array | undefined
  failure: Uint8Array | undefined
  /** The prelude's own exception: out of memory or out of stack inside it. */
  fault: string | undefined
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
    // An exit is a kill too: the instance trapped on purpose.
    if (this.exitCode !== undefined) return { exitCode: this.exitCode, lost: true }
    if (stopped) return { exitCode: 1, stopped, lost: true }
    if (trap !== undefined) return trapped(trap)
    if (this.failure) return described(this.failure)
    if (this.value) return { exitCode: 0, value: this.value, lost: false }
    if (this.fault !== undefined) return faulted(this.fault)
    return fallen(
      'TOKA_GUEST_UNSETTLED',
      'the guest awaits something that can never happen: nothing is under way any more',
      false,
    )
  }
}

function fallen(code: TokaErrorCode, message: string, lost: boolean): Exit {
  return { exitCode: 1, error: { code, message }, lost }
}

function trapped(trap: unknown): Exit {
  // V8 throws a RangeError when the native stack is full; the wasm frames below are gone.
  if (trap instanceof RangeError) return { exitCode: 1, stopped: 'stack', lost: true }
  const reason = trap instanceof Error ? trap.message : String(trap)
  return fallen('TOKA_GUEST_TRAP', `the guest's instance trapped: ${reason}`, true)
}

function faulted(text: string): Exit {
  if (isOutOfMemory(text)) return { exitCode: 1, stopped: 'memory', lost: true }
  if (/call stack/.test(text)) return { exitCode: 1, stopped: 'stack', lost: true }
  return fallen('TOKA_GUEST_ERROR', text.slice(0, MESSAGE_LIMIT), true)
}

/** quickjs-ng throws an InternalError of this text when `JS_SetMemoryLimit` refuses; `null` when there is no room for the error itself. */
function isOutOfMemory(text: string): boolean {
  return text === '' || text === 'null' || /out of memory/.test(text)
}

const text = (value: unknown, limit: number): string => (typeof value === 'string' ? value.slice(0, limit) : '')

/** The lowest frames are the bridge's and the prelude's, which have no file: a guest's stack ends above them. */
function ownFrames(stack: string): string {
  const lines = stack.split('\n')
  while (lines.length > 0 && /^\s*$|^\s+at .*\((?:native|:\d+(?::\d+)?)\)$/.test(lines.at(-1) ?? '')) lines.pop()
  return lines.join('\n')
}

/** Where the parser stopped, from the first frame: ` (/tool/main.js:3:5)`. */
function placeOf(stack: string): string {
  const place = /^\s*at (\S+:\d+(?::\d+)?)$/m.exec(stack)?.[1]
  return place ? ` (${place})` : ''
}

function described(payload: Uint8Array): Exit {
  const report = readReport(payload)
  if (!report) return fallen('TOKA_GUEST_ERROR', 'an uncaught error that could not be read', false)
  const name = text(report.name, 100)
  const message = text(report.message, MESSAGE_LIMIT - 200)
  const stack = ownFrames(text(report.stack, STACK_LIMIT))
  // The compiler of regular expressions says it with a SyntaxError of this very text.
  const isEngines = name === 'InternalError' || (name === 'SyntaxError' && message === 'out of memory')
  if (isEngines && isOutOfMemory(message)) return { exitCode: 1, stopped: 'memory', lost: true }
  const code: TokaErrorCode =
    report.kind === 'syntax'
      ? 'TOKA_GUEST_SYNTAX'
      : report.kind === 'value'
        ? report.code === 'TOKA_VALUE_SIZE'
          ? 'TOKA_VALUE_SIZE'
          : 'TOKA_VALUE_UNSUPPORTED'
        : codeOfUncaught(report.code)
  const said = report.kind === 'value' || name === '' ? message : message === '' ? name : `${name}: ${message}`
  const hint = hintFor(name, message) || missingFileHint(report.code, message)
  const full = `${said}${hint}${report.kind === 'syntax' ? placeOf(stack) : ''}`
  return { exitCode: 1, error: { code, message: full, ...(stack === '' ? {} : { guestStack: stack }) }, lost: false }
}
