/** Values that may be late: the same step for both, so that a driver which answers at once costs no promise. */
import type { MaybePromise } from '../kernel/host-port.ts'

export function isLate<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Applies a function now, or when the value is there. */
export function mapMaybe<T, U>(value: MaybePromise<T>, map: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isLate(value) ? value.then(map) : map(value)
}

/** Runs `undo` when work fails, now or later. */
export function undoOnFailure<T>(work: () => MaybePromise<T>, undo: () => void): MaybePromise<T> {
  const failed = (error: unknown): never => {
    undo()
    throw error
  }
  try {
    const result = work()
    return isLate(result) ? result.catch(failed) : result
  } catch (error) {
    return failed(error)
  }
}
