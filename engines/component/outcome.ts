/** What a call of a component left behind, or how its guest fell, as an `Exit`. */
import type { Exit, StopReason } from '../../src/engine.ts'
import { TokaError, type TokaErrorCode } from '../../src/errors.ts'
import { CanonTrap } from './canon-trap.ts'

/** Collects what is said during one run. The first word counts. */
export class Outcome {
  /** The component asked to end. */
  exitCode: number | undefined
  /** It had to wait where nothing can. */
  blocked = false
  #internal: unknown
  #trap: unknown

  /** What an import threw: the guest's fault, or ours. */
  fault(error: unknown): void {
    if (isGuests(error)) this.#trap ??= error
    else this.#internal ??= error
  }

  /**
   * How the run ends that did not return.
   * @param thrown what the entry threw
   * @param stopped why the leash, or the CVM, ended it
   * @param isDeep whether the guest's calls went deeper than they may
   */
  toExit(thrown: unknown, stopped: StopReason | undefined, isDeep: boolean): Exit {
    if (this.#internal !== undefined) return fallen('TOKA_INTERNAL', 'a fault inside a host call')
    if (this.exitCode !== undefined) return { exitCode: this.exitCode, lost: true }
    if (stopped) return { exitCode: 1, stopped, lost: true }
    if (this.blocked) return fallen('TOKA_CALL_BLOCKING', BLOCKED)
    const trap = this.#trap ?? thrown
    if (isDeep || isStackOverflow(trap)) return { exitCode: 1, stopped: 'stack', lost: true }
    if (!isGuests(trap)) return fallen('TOKA_INTERNAL', 'a fault of the component engine')
    return fallen('TOKA_GUEST_TRAP', `the component trapped: ${(trap as Error).message}`)
  }
}

const BLOCKED =
  'the component waits for something, and here it cannot: this runtime cannot suspend a guest (JSPI). ' +
  "Use isolation: 'worker', or a newer runtime"

/** V8 says so when the native stack is full. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message)
}

/** Traps of the engine, modules that do not fit together, our own traps; what a guest throws by itself is a wasm exception. */
function isGuests(error: unknown): boolean {
  return (
    error instanceof CanonTrap ||
    error instanceof WebAssembly.RuntimeError ||
    error instanceof WebAssembly.LinkError ||
    error instanceof WebAssembly.Exception ||
    isStackOverflow(error) ||
    (error instanceof RangeError && /WebAssembly|memory/i.test(error.message))
  )
}

function fallen(code: TokaErrorCode, message: string): Exit {
  return { exitCode: 1, error: { code, message }, lost: true }
}

/** The exit of a call that was refused before the guest was touched. */
export function refused(error: unknown): Exit {
  if (!(error instanceof TokaError)) throw error
  return { exitCode: 1, error: { code: error.code, message: error.message }, lost: false }
}
