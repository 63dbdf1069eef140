/** Event, CustomEvent and EventTarget (https://dom.spec.whatwg.org/#events) for objects without a tree. */
import { defineHidden, tagClass } from '../realm/define.ts'
import { guarded } from '../loop.ts'
import { elapsed } from './performance.ts'

type EventOptions = { bubbles?: boolean; cancelable?: boolean; composed?: boolean }
type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown }
type ListenerOptions = boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: SignalLike }
type SignalLike = { aborted: boolean; addEventListener(type: string, listener: () => void): void }
type Entry = { type: string; listener: Listener; capture: boolean; once: boolean; removed: boolean }

const AT_TARGET = 2

let dispatch: (event: Event, target: EventTarget, entries: Entry[], trusted: boolean) => boolean
let drop: (target: EventTarget, entry: Entry) => void

/** Dispatches an event of the prelude's own making. */
export let dispatchTrusted: (target: EventTarget, event: Event) => void

export class Event {
  static readonly NONE = 0
  static readonly CAPTURING_PHASE = 1
  static readonly AT_TARGET = AT_TARGET
  static readonly BUBBLING_PHASE = 3

  readonly #type: string
  readonly #options: EventOptions
  readonly #time = elapsed()
  #target: EventTarget | null = null
  #phase = 0
  #canceled = false
  #stopped = false
  #stoppedNow = false
  #trusted = false

  constructor(type: string, options: EventOptions = {}) {
    this.#type = `${type}`
    this.#options = options ?? {}
  }

  static {
    dispatch = (event, target, entries, trusted) => {
      if (event.#phase !== 0) throw new DOMException('The event is already being dispatched', 'InvalidStateError')
      event.#target = target
      event.#phase = AT_TARGET
      event.#trusted = trusted
      for (const entry of entries) {
        if (entry.removed) continue
        if (entry.once) drop(target, entry)
        invoke(entry.listener, target, event)
        if (event.#stoppedNow) break
      }
      event.#phase = 0
      event.#stopped = false
      event.#stoppedNow = false
      return !event.#canceled
    }
  }

  get type(): string {
    return this.#type
  }
  get target(): EventTarget | null {
    return this.#target
  }
  get srcElement(): EventTarget | null {
    return this.#target
  }
  get currentTarget(): EventTarget | null {
    return this.#phase === 0 ? null : this.#target
  }
  get eventPhase(): number {
    return this.#phase
  }
  get bubbles(): boolean {
    return Boolean(this.#options.bubbles)
  }
  get cancelable(): boolean {
    return Boolean(this.#options.cancelable)
  }
  get composed(): boolean {
    return Boolean(this.#options.composed)
  }
  get defaultPrevented(): boolean {
    return this.#canceled
  }
  get returnValue(): boolean {
    return !this.#canceled
  }
  get cancelBubble(): boolean {
    return this.#stopped
  }
  set cancelBubble(stop: boolean) {
    if (stop) this.#stopped = true
  }
  get isTrusted(): boolean {
    return this.#trusted
  }
  get timeStamp(): number {
    return this.#time
  }

  composedPath(): EventTarget[] {
    return this.#phase === 0 || this.#target === null ? [] : [this.#target]
  }

  preventDefault(): void {
    if (this.#options.cancelable) this.#canceled = true
  }

  stopPropagation(): void {
    this.#stopped = true
  }

  stopImmediatePropagation(): void {
    this.#stopped = true
    this.#stoppedNow = true
  }
}

export class CustomEvent extends Event {
  readonly #detail: unknown

  constructor(type: string, options: EventOptions & { detail?: unknown } = {}) {
    super(type, options)
    this.#detail = options?.detail ?? null
  }

  get detail(): unknown {
    return this.#detail
  }
}

export class EventTarget {
  #entries: Entry[] = []

  static {
    drop = (target, entry) => {
      entry.removed = true
      target.#entries = target.#entries.filter((kept) => kept !== entry)
    }
    dispatchTrusted = (target, event) => {
      dispatch(event, target, target.#matching(event.type), true)
    }
  }

  #matching(type: string): Entry[] {
    return this.#entries.filter((entry) => entry.type === type)
  }

  #find(type: string, listener: Listener, capture: boolean): Entry | undefined {
    return this.#entries.find(
      (entry) => entry.type === type && entry.listener === listener && entry.capture === capture,
    )
  }

  addEventListener(type: string, listener: Listener | null | undefined, options?: ListenerOptions): void {
    if (listener === null || listener === undefined) return
    if (typeof listener !== 'function' && typeof listener !== 'object') {
      throw new TypeError('The "listener" argument must be a function or an object with handleEvent')
    }
    const { capture, once, signal } =
      typeof options === 'object' && options !== null ? options : { capture: options === true }
    if (signal?.aborted || this.#find(`${type}`, listener, Boolean(capture))) return
    const entry: Entry = { type: `${type}`, listener, capture: Boolean(capture), once: Boolean(once), removed: false }
    this.#entries.push(entry)
    signal?.addEventListener('abort', () => drop(this, entry))
  }

  removeEventListener(type: string, listener: Listener | null | undefined, options?: ListenerOptions): void {
    if (listener === null || listener === undefined) return
    const capture = typeof options === 'object' && options !== null ? options.capture : options
    const entry = this.#find(`${type}`, listener, Boolean(capture))
    if (entry !== undefined) drop(this, entry)
  }

  /** @returns false when a listener prevented the default */
  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError('The "event" argument must be an instance of Event')
    return dispatch(event, this, this.#matching(event.type), false)
  }
}

function invoke(listener: Listener, target: EventTarget, event: Event): void {
  if (typeof listener === 'function') guarded(listener, target, [event])
  else guarded(() => listener.handleEvent(event), undefined, [])
}

/** Gives a class the attribute `on<type>`: one listener that is assigned. */
export function addHandler(constructor: { prototype: EventTarget }, type: string): void {
  const handlers = new WeakMap<EventTarget, { handler: unknown }>()
  const accessor = {
    get [`on${type}`](): unknown {
      return handlers.get(this as unknown as EventTarget)?.handler ?? null
    },
    set [`on${type}`](handler: unknown) {
      const target = this as unknown as EventTarget
      const known = handlers.get(target)
      const callable = typeof handler === 'function' ? handler : null
      if (known !== undefined) {
        known.handler = callable
        return
      }
      const slot: { handler: unknown } = { handler: callable }
      handlers.set(target, slot)
      target.addEventListener(type, (event) => {
        if (typeof slot.handler === 'function') return (slot.handler as (event: Event) => unknown).call(target, event)
      })
    },
  }
  const descriptor = Object.getOwnPropertyDescriptor(accessor, `on${type}`) as PropertyDescriptor
  Object.defineProperty(constructor.prototype, `on${type}`, descriptor)
}

tagClass(Event, 'Event')
tagClass(CustomEvent, 'CustomEvent')
tagClass(EventTarget, 'EventTarget')
for (const name of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'] as const) {
  defineHidden(Event.prototype, name, Event[name])
}
