/** Node's `timers/promises`. */
import { setImmediate, setInterval, setTimeout, clearImmediate, clearInterval, clearTimeout } from '../timers.ts'
import { subset } from './subset.ts'

/** As far as a wait needs it. */
type Signal = {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: object): void
  removeEventListener(type: 'abort', listener: () => void): void
}
type Options = { signal?: Signal; ref?: boolean }

/** Node's own error: its cause is the signal's reason. */
function aborted(signal: Signal): Error {
  const error = Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { code: 'ABORT_ERR' })
  error.name = 'AbortError'
  return error
}

/** @param begin starts the wait and answers how it is given up */
function waiting<T>(value: T, { signal }: Options, begin: (done: () => void) => () => void): Promise<T> {
  if (signal?.aborted) return Promise.reject(aborted(signal))
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      stop()
      reject(aborted(signal as Signal))
    }
    const stop = begin(() => {
      signal?.removeEventListener('abort', giveUp)
      resolve(value)
    })
    signal?.addEventListener('abort', giveUp, { once: true })
  })
}

function sleep<T>(delay?: number, value?: T, options: Options = {}): Promise<T> {
  return waiting(value as T, options, (done) => {
    const timer = setTimeout(done, delay)
    if (options.ref === false) timer.unref()
    return () => clearTimeout(timer)
  })
}

function yielded<T>(value?: T, options: Options = {}): Promise<T> {
  return waiting(value as T, options, (done) => {
    const immediate = setImmediate(done)
    return () => clearImmediate(immediate)
  })
}

/** Answers the value at every tick; ticks that nobody took wait. */
async function* ticks<T>(delay?: number, value?: T, { signal, ref }: Options = {}): AsyncGenerator<T> {
  if (signal?.aborted) throw aborted(signal)
  let passed = 0
  let wake = () => {}
  const timer = setInterval(() => {
    passed++
    wake()
  }, delay)
  if (ref === false) timer.unref()
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort)
  try {
    for (;;) {
      if (passed === 0 && !signal?.aborted) await new Promise<void>((resolve) => (wake = resolve))
      if (signal?.aborted) throw aborted(signal)
      for (; passed > 0; passed--) yield value as T
    }
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

export const timersPromises = subset('timers/promises', {
  setTimeout: sleep,
  setImmediate: yielded,
  setInterval: ticks,
  scheduler: Object.freeze({
    wait: (delay: number, options?: Options) => sleep(delay, undefined, options),
    yield: () => yielded(),
  }),
})

export const timers = subset('timers', {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
  promises: timersPromises,
})
