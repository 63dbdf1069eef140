/**
 * A promise that a waiting thread can settle: what follows from it is run by `runLater`, and by the event loop where a
 * thread returns to it. A guest that cannot be suspended keeps its thread for the whole run: there no promise of the
 * language ever goes on, and these do.
 */
import { errno } from './errno.ts'

type Job = () => void

const jobs: Job[] = []
let scheduled = false

function later(job: Job): void {
  jobs.push(job)
  if (scheduled) return
  scheduled = true
  queueMicrotask(() => {
    scheduled = false
    void runLater()
  })
}

/** Runs what follows from all that was settled, in its order. @returns whether there was anything */
export function runLater(): boolean {
  const found = jobs.length > 0
  for (let job = jobs.shift(); job; job = jobs.shift()) job()
  return found
}

type State<T> =
  | { is: 'pending'; reactions: { kept: (value: T) => void; broken: (error: unknown) => void }[] }
  | { is: 'kept'; value: T }
  | { is: 'broken'; error: unknown }

/**
 * As a `Promise`, whose type and statics it has; of those that derive from it (`then`, `catch`, `finally`) each is one
 * again. A rejection that nobody hears of is nobody's: no event tells of it.
 */
export class Later<T> extends Promise<T> {
  #state: State<T> = { is: 'pending', reactions: [] }

  constructor(executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason?: unknown) => void) => void) {
    // The language's own half is never settled: `then` is all that anything asks of a promise.
    super(() => {})
    let resolved = false
    const once = (settle: () => void): void => {
      if (resolved) return
      resolved = true
      settle()
    }
    const reject = (error: unknown): void => once(() => this.#break(error))
    try {
      executor((value) => once(() => this.#resolve(value)), reject)
    } catch (error) {
      reject(error)
    }
  }

  get isSettled(): boolean {
    return this.#state.is !== 'pending'
  }

  /**
   * What it came to.
   * @throws its reason; GuestFacingError ECANCELED when it has not come to anything
   */
  now(): T {
    const state = this.#state
    if (state.is === 'kept') return state.value
    throw state.is === 'broken' ? state.error : errno('ECANCELED')
  }

  override then<A = T, B = never>(
    onKept?: ((value: T) => A | PromiseLike<A>) | null,
    onBroken?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Later<A | B> {
    return new Later<A | B>((resolve, reject) => {
      const attempt = (act: () => A | B | PromiseLike<A | B>): void => {
        try {
          resolve(act())
        } catch (error) {
          reject(error)
        }
      }
      this.#react({
        kept: (value) => attempt(() => (onKept ? onKept(value) : (value as unknown as A))),
        broken: (error) => (onBroken ? attempt(() => onBroken(error)) : reject(error)),
      })
    })
  }

  #react({ kept, broken }: { kept: (value: T) => void; broken: (error: unknown) => void }): void {
    const state = this.#state
    if (state.is === 'pending') state.reactions.push({ kept, broken })
    else later(() => (state.is === 'kept' ? kept(state.value) : broken(state.error)))
  }

  #resolve(value: T | PromiseLike<T>): void {
    if (typeof value !== 'object' || value === null || !('then' in value))
      return this.#settle({ is: 'kept', value: value as T })
    const kept = (last: T): void => this.#settle({ is: 'kept', value: last })
    later(() => void value.then(kept, (error: unknown) => this.#break(error)))
  }

  #break(error: unknown): void {
    this.#settle({ is: 'broken', error })
  }

  #settle(state: Exclude<State<T>, { is: 'pending' }>): void {
    if (this.#state.is !== 'pending') return
    const { reactions } = this.#state
    this.#state = state
    for (const { kept, broken } of reactions)
      later(() => (state.is === 'kept' ? kept(state.value) : broken(state.error)))
  }
}

/** A promise of the same kind as the one that it waits for. */
export function promiseAfter<T>(
  other: Promise<unknown>,
  executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason?: unknown) => void) => void,
): Promise<T> {
  return other instanceof Later ? new Later<T>(executor) : new Promise<T>(executor)
}
