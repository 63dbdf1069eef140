/** Events that wait to be taken: a slow taker gets fewer and larger ones, and never more than a run's limits of bytes. */
import type { LiveEvent } from '../run-events.ts'

/** Events that wait before new ones are put into those that are there, or left out. */
const MOST_EVENTS = 1_024
/** First capacity of merged output, in bytes; it doubles. A list of pieces would let one-byte writes cost a hundredfold. */
const FIRST_BYTES = 1_024

type OutputEvent = Extract<LiveEvent, { bytes: Uint8Array }>
type Skipped = { type: 'skipped'; count: number }

/** An event that waits; output grows in place. */
class Waiting {
  readonly kind: string
  #event: LiveEvent
  #buffer: Uint8Array | undefined
  #size = 0

  constructor(kind: string, event: LiveEvent) {
    this.kind = kind
    this.#event = event
  }

  get event(): LiveEvent {
    if (!this.#buffer) return this.#event
    return { ...(this.#event as OutputEvent), bytes: this.#buffer.slice(0, this.#size) }
  }

  /** Takes a later event of the same kind in: output is added, progress replaced. */
  merge(event: LiveEvent): void {
    if ('bytes' in event) this.#append(event.bytes)
    else this.#event = event
  }

  #append(bytes: Uint8Array): void {
    if (!this.#buffer) {
      this.#buffer = (this.#event as OutputEvent).bytes
      this.#size = this.#buffer.length
    }
    const size = this.#size + bytes.length
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(size, this.#buffer.length * 2, FIRST_BYTES))
      grown.set(this.#buffer.subarray(0, this.#size))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#size)
    this.#size = size
  }
}

/** The kind within which events can be merged; undefined for those that stand alone. */
function kindOf(event: LiveEvent): string | undefined {
  if (event.type === 'console') return `console ${event.level}`
  return 'bytes' in event || event.type === 'progress' ? event.type : undefined
}

export class EventQueue {
  readonly #waiting: Waiting[] = []
  /** By the kind, the last of those that wait: a search for it would cost a guest nothing and its host much. */
  readonly #last = new Map<string, Waiting>()
  /** Index of the first that waits: taking must not move all others. */
  #first = 0
  #skipped = 0

  get length(): number {
    return this.#waiting.length - this.#first
  }

  /** @param event its bytes become the queue's own */
  add(event: LiveEvent): void {
    const kind = kindOf(event)
    const isFull = this.length >= MOST_EVENTS
    const before = kind === undefined ? undefined : this.#latest(kind, isFull)
    if (before) before.merge(event)
    // Values to display are bounded by the run's limit of bytes, other kinds by their number.
    else if (!isFull || kind !== undefined || event.type === 'display') this.#push(new Waiting(kind ?? '', event))
    else this.#skipped++
  }

  take(): LiveEvent | Skipped | undefined {
    const next = this.#waiting[this.#first]
    if (!next) return this.#takeSkipped()
    this.#first++
    if (this.#last.get(next.kind) === next) this.#last.delete(next.kind)
    if (this.#first === this.#waiting.length || this.#first === MOST_EVENTS) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    return next.event
  }

  #takeSkipped(): Skipped | undefined {
    if (this.#skipped === 0) return undefined
    const count = this.#skipped
    this.#skipped = 0
    return { type: 'skipped', count }
  }

  #push(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#last.set(waiting.kind, waiting)
  }

  /** The last event, if it is of the kind; in a full queue the latest of the kind, wherever it stands. */
  #latest(kind: string, anywhere: boolean): Waiting | undefined {
    const latest = this.#last.get(kind)
    return anywhere || latest === this.#waiting.at(-1) ? latest : undefined
  }
}
