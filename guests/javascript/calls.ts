/** Asynchronous host calls: begun here, settled by the host, each known to exactly one waiter. */
import { begin } from './natives.ts'
import { bytesTag, create, SafePromise } from './primordials.ts'
import { errorOf } from './failures.ts'

type Waiter = {
  done: (payload: Uint8Array) => void
  failed: (payload: Uint8Array) => void
  /** Whether the run stays alive for it. */
  counted: boolean
}

let waiters: Record<number, Waiter> = create(null)
let counted = 0

/** Calls under way that keep the run alive. */
export function callsUnderWay(): number {
  return counted
}

/**
 * Begins a host call.
 * @param keepAlive false for calls that must not keep the run alive (the sleep behind timers)
 * @returns its id
 * @throws the payload of a call that was refused at once
 */
export function beginCall(
  operation: number,
  argument: Uint8Array | string | undefined,
  done: (payload: Uint8Array) => void,
  failed: (payload: Uint8Array) => void,
  keepAlive = true,
): number {
  const id = begin(operation, argument)
  awaitCall(id, done, failed, keepAlive)
  return id
}

/** Has the end of a call that was begun told to its one waiter. */
export function awaitCall(
  id: number,
  done: (payload: Uint8Array) => void,
  failed: (payload: Uint8Array) => void,
  keepAlive = true,
): void {
  waiters[id] = { done, failed, counted: keepAlive }
  if (keepAlive) counted++
}

/** A host call as a promise of its payload. A failure rejects with the error that `toError` makes of it. */
export function callLater(
  operation: number,
  argument: Uint8Array | string | undefined,
  toError: (payload: unknown) => Error = errorOf,
): Promise<Uint8Array> {
  return new SafePromise((resolve, reject) => {
    try {
      beginCall(operation, argument, resolve, (payload) => reject(toError(payload)))
    } catch (thrown) {
      reject(bytesTag(thrown) === 'Uint8Array' ? toError(thrown) : thrown)
    }
  })
}

/** The end of a call. Ids of earlier runs are unknown and ignored. */
export function settleCall(id: number, ok: boolean, payload: Uint8Array): void {
  const waiter = waiters[id]
  if (waiter === undefined) return
  delete waiters[id]
  if (waiter.counted) counted--
  if (ok) waiter.done(payload)
  else waiter.failed(payload)
}

/** At the start of a run: nothing of an earlier one is waited for. */
export function forgetCalls(): void {
  waiters = create(null)
  counted = 0
}
