/** One body for each file operation, two ways to drive it: blocking, or as a promise. */
import { callLater } from '../calls.ts'
import { call } from '../natives.ts'
import { bytesTag } from '../primordials.ts'
import { type CallSubject, fileFailure } from './errors.ts'

/** A host call that an operation makes, and what it is about. */
export type Step = { operation: number; argument: Uint8Array | string; subject: CallSubject }

/** An operation as a generator: it yields its host calls and gets their results. */
export type Steps<T> = Generator<Step, T, Uint8Array>

/** One host call inside an operation: `const bytes = yield* step(…)`. */
export function* step(operation: number, argument: Uint8Array | string, subject: CallSubject): Steps<Uint8Array> {
  return yield { operation, argument, subject }
}

function callNow({ operation, argument, subject }: Step): Uint8Array {
  try {
    return call(operation, argument)
  } catch (thrown) {
    throw bytesTag(thrown) === 'Uint8Array' ? fileFailure(thrown, subject) : thrown
  }
}

/** Runs an operation to its end, blocking. */
export function runNow<T>(steps: Steps<T>): T {
  let next = steps.next()
  while (!next.done) {
    let answer: Uint8Array
    try {
      answer = callNow(next.value)
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(answer)
  }
  return next.value
}

/** Runs an operation by asynchronous calls: several operations overlap. */
export async function runLater<T>(steps: Steps<T>): Promise<T> {
  let next = steps.next()
  while (!next.done) {
    const { operation, argument, subject } = next.value
    let answer: Uint8Array
    try {
      answer = await callLater(operation, argument, (payload) => fileFailure(payload, subject))
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(answer)
  }
  return next.value
}
