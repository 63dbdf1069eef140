/** A call that a guest made, as its caller sees it (CanonicalABI.md, "Subtask State"). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { Handle } from '../resources.ts'
import { Waitable } from './waitable.ts'

export const SubtaskState = {
  starting: 0,
  started: 1,
  returned: 2,
  cancelledBeforeStarted: 3,
  cancelledBeforeReturned: 4,
} as const

export class Subtask extends Waitable {
  override readonly what = 'subtask'
  state: number = SubtaskState.starting
  /** Handles that are lent to it until its end was told. */
  readonly lent: Handle[] = []
  isToldEnd = false
  cancelWanted = false
  #cancel: (() => MaybePromise<void>) | undefined
  /** Tells the caller that something happened, once it has a handle. */
  onProgress: (() => void) | undefined

  get isResolved(): boolean {
    return this.state >= SubtaskState.returned
  }

  /** @param cancel tells who does the work that the caller wants it no more */
  cancelWith(cancel: () => MaybePromise<void>): void {
    this.#cancel = cancel
  }

  /** What cannot be cancelled goes on. */
  cancel(): MaybePromise<void> {
    this.cancelWanted = true
    return this.#cancel?.()
  }

  tellEnd(): void {
    for (const handle of this.lent) handle.lends--
    this.lent.length = 0
    this.isToldEnd = true
  }

  override drop(): void {
    if (!this.isToldEnd) throw new CanonTrap('a subtask is dropped before its end was told')
    super.drop()
  }
}
