/** What a restored sandbox is given: every power anew, nothing of its state. */
import { TokaError } from '../errors.ts'
import type { SandboxOptions } from '../request.ts'

/** `language` and `deterministic` are the snapshot's; `files` are written over its own. */
export type RestoreOptions = Omit<SandboxOptions, 'language' | 'deterministic'>

/** @throws TokaError TOKA_REQUEST_INVALID naming what is wrong */
export function checkRestore(snapshot: unknown, options: unknown): void {
  if (!(snapshot instanceof Uint8Array))
    throw new TokaError('TOKA_REQUEST_INVALID', 'snapshot: must be the Uint8Array that sandbox.snapshot() answered')
  if (typeof options !== 'object' || options === null)
    throw new TokaError('TOKA_REQUEST_INVALID', 'restore options: must be an object')
  for (const key of ['language', 'deterministic']) {
    if (key in options) throw new TokaError('TOKA_REQUEST_INVALID', `${key}: is part of the snapshot`)
  }
}
