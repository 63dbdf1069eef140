/** The dispatcher of host calls: an operation's number to its handler. */
import { descriptorCalls } from './calls-descriptors.ts'
import { pathCalls } from './calls-paths.ts'
import { shownCalls } from './calls-shown.ts'
import { systemCalls } from './calls-system.ts'
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import type { Process } from './process.ts'

const HANDLERS = new Map(
  Object.entries({ ...descriptorCalls, ...pathCalls, ...systemCalls, ...shownCalls }).map(([key, act]) => [
    Number(key),
    act,
  ]),
)

/** Answers one operation. Unknown numbers and the engine's own are ENOSYS. */
export function dispatchCall(process: Process, operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
  const handler = HANDLERS.get(operation)
  if (handler === undefined) throw errno('ENOSYS')
  return handler(process, argument)
}
