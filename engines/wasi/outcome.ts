/** What a run left behind: the guest's own word, or how its instance fell, as an `Exit`. */
import type { Exit, StopReason } from '../../src/engine.ts'
import type { TokaErrorCode } from '../../src/errors.ts'

export class Outcome {
  /** Of `proc_exit`. */
  exitCode: number | undefined
  /** What the called export returned, encoded. */
  value: Uint8Array | undefined
  /** What an interpreter in the module says of an uncaught error. */
  failure: string | undefined
  /** The import that is only there to be linked, which the guest called. */
  refused: string | undefined
  /** An error of ours inside an import. */
  internal: unknown

  /**
   * @param stopped why the leash ended it, if it did
   * @param trap what the entry threw, if it did not return
   */
  toExit(stopped: StopReason | undefined, trap: unknown): Exit {
    if (this.internal !== undefined) return fallen('TOKA_INTERNAL', 'a fault inside a host call')
    // An exit is a kill too: the instance trapped on purpose.
    if (this.exitCode !== undefined) return { exitCode: this.exitCode, lost: true }
    if (stopped) return { exitCode: 1, stopped, lost: true }
    if (this.refused !== undefined)
      return fallen('TOKA_GUEST_TRAP', `the module called ${this.refused}, which no host function stands behind`)
    if (trap !== undefined) return trapped(trap)
    if (this.failure !== undefined)
      return { exitCode: 1, error: { code: 'TOKA_GUEST_ERROR', message: this.failure }, lost: false }
    return { exitCode: 0, ...(this.value ? { value: this.value } : {}), lost: false }
  }
}

function fallen(code: TokaErrorCode, message: string): Exit {
  return { exitCode: 1, error: { code, message }, lost: true }
}

function trapped(trap: unknown): Exit {
  // V8 throws a RangeError when the native stack is full; the wasm frames below are gone.
  if (trap instanceof RangeError) return { exitCode: 1, stopped: 'stack', lost: true }
  if (trap instanceof WebAssembly.Exception) return fallen('TOKA_GUEST_TRAP', 'the module threw what it does not catch')
  const reason = trap instanceof Error ? trap.message : String(trap)
  return fallen('TOKA_GUEST_TRAP', `the module trapped: ${reason}`)
}
