/** Work that waits only where a driver must: generators that run to their end at once when nothing waits. */
import type { MaybePromise } from './host-port.ts'
import { promiseAfter } from './later.ts'

/** A piece of work; it yields the promises that it has to wait for. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>

/** Inside steps: the value now, or after its promise. */
export function* wait<T>(value: MaybePromise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value
}

/** Runs steps: the answer at once, or a promise from the first wait on. */
export function run<T>(steps: Steps<T>): MaybePromise<T> {
  const first = steps.next()
  return first.done ? first.value : resume(steps, first.value)
}

function resume<T>(steps: Steps<T>, awaited: Promise<unknown>): Promise<T> {
  return promiseAfter<T>(awaited, (resolve, reject) => {
    const follow = (promise: Promise<unknown>): void =>
      void promise.then(
        (value) => go(() => steps.next(value)),
        (error: unknown) => go(() => steps.throw(error)),
      )
    const go = (step: () => IteratorResult<Promise<unknown>, T>): void => {
      try {
        const next = step()
        if (next.done) resolve(next.value)
        else follow(next.value)
      } catch (error) {
        reject(error)
      }
    }
    follow(awaited)
  })
}

/** Continues with a value now, or after its promise. (Not named `then`: a module that exports that is a thenable, and importing it never ends.) */
export function chain<A, B>(value: MaybePromise<A>, next: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}
