/** What happens in a run, sent to the embedding thread in few messages, and never more at once than a queue holds. */
import type { FromWorker, MessageOf } from '../sandbox/protocol.ts'
import { EventQueue } from '../sandbox/event-queue.ts'
import type { LiveEvent } from '../run-events.ts'

type Events = MessageOf<FromWorker, 'events'>['events']

/** Milliseconds that events wait at most while the guest leaves the thread; output also goes when there is much of it. */
const BATCH_MS = 10
const BATCH_BYTES = 32_768

export class EventBatch {
  readonly #send: (events: Events) => void
  readonly #queue = new EventQueue()
  #bytes = 0
  #since = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(send: (events: Events) => void) {
    this.#send = send
  }

  add(event: LiveEvent): void {
    if (this.#queue.length === 0) {
      this.#since = performance.now()
      this.#timer = setTimeout(() => this.flush(), BATCH_MS)
    }
    this.#queue.add(event)
    if ('bytes' in event) this.#bytes += event.bytes.length
    if (this.#bytes >= BATCH_BYTES) this.flush()
    else this.tick()
  }

  /** Asked now and then: a guest that leaves the thread to nobody lets no timer fire. */
  tick(): void {
    if (this.#queue.length > 0 && performance.now() - this.#since >= BATCH_MS) this.flush()
  }

  /** Sends what waits: before anything else that the embedding program sees of the run. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#bytes = 0
    const events: unknown[] = []
    for (let event = this.#queue.take(); event; event = this.#queue.take())
      if (event.type !== 'skipped') events.push(event)
    if (events.length > 0) this.#send(events as Events)
  }
}
