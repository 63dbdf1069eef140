/** The running thread waits for one thing, without a set of waitables. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import type { Runtime } from '../runtime.ts'
import type { EventTuple, Waitable } from './waitable.ts'

/** What an asynchronous builtin answers that is not done. */
export const BLOCKED = -1

/** Waits for an event without a set. */
export function waitForEvent({ scheduler }: Runtime, waitable: Waitable): MaybePromise<EventTuple> {
  waitable.hasSyncWaiter = true
  return chain(
    scheduler.waitUntil(() => waitable.event !== undefined, false),
    () => {
      waitable.hasSyncWaiter = false
      return waitable.takeEvent()
    },
  )
}
