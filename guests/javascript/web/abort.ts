/** AbortController and AbortSignal (https://dom.spec.whatwg.org/#aborting-ongoing-activities). */
import { tagClass } from '../realm/define.ts'
import { setTimeout } from '../timers.ts'
import { addHandler, dispatchTrusted, Event, EventTarget } from './events.ts'

/** Only this module makes signals: the public constructor has no such key. */
const key = Symbol('AbortSignal')

let signalAbort: (signal: AbortSignal, reason: unknown) => void

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  /** Signals made by `any` of this one. */
  #dependents = new Set<AbortSignal>()

  constructor(given?: unknown) {
    if (given !== key) throw new TypeError('Illegal constructor: use AbortController')
    super()
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(key)
    signalAbort(signal, reason)
    return signal
  }

  /** A signal that aborts with a TimeoutError. Its timer does not keep the run alive. */
  static timeout(ms: number): AbortSignal {
    if (typeof ms !== 'number' || !(ms >= 0))
      throw new RangeError('The "delay" argument must be a number of milliseconds')
    const signal = new AbortSignal(key)
    const expire = () =>
      signalAbort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    setTimeout(expire, ms).unref()
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const signal = new AbortSignal(key)
    const sources = [...signals]
    for (const source of sources) {
      if (!(source instanceof AbortSignal)) throw new TypeError('The "signals" argument must hold AbortSignals')
      if (source.#aborted && !signal.#aborted) signalAbort(signal, source.#reason)
    }
    if (!signal.#aborted) for (const source of sources) source.#dependents.add(signal)
    return signal
  }

  static {
    signalAbort = (signal, reason) => {
      if (signal.#aborted) return
      const marked: AbortSignal[] = []
      signal.#mark(reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason, marked)
      for (const each of marked) dispatchTrusted(each, new Event('abort'))
    }
  }

  /** All are aborted before the first listener runs, as the standard asks. */
  #mark(reason: unknown, marked: AbortSignal[]): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    marked.push(this)
    for (const dependent of this.#dependents) dependent.#mark(reason, marked)
    this.#dependents.clear()
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }
}

export class AbortController {
  readonly #signal = new AbortSignal(key)

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason?: unknown): void {
    signalAbort(this.#signal, reason)
  }
}

tagClass(AbortSignal, 'AbortSignal')
tagClass(AbortController, 'AbortController')
addHandler(AbortSignal, 'abort')
