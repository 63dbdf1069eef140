/** Events that a worker tells of one run, held to what its limits let a guest make: a worker that tells more is broken. */
import { isMimeType } from '../kernel/shown.ts'
import { BORDER } from '../limits.ts'
import type { GuestEvent, LiveEvent } from '../run-events.ts'

/** Stdout, stderr, and values to display: each has the limit for itself. */
const STREAMS = 3

export class RemoteEvents {
  readonly #tell: ((event: LiveEvent) => void) | undefined
  #bytes: number
  #denials: number = BORDER.denials

  /** @param outputBytes the run's limit */
  constructor(tell: ((event: LiveEvent) => void) | undefined, outputBytes: number) {
    this.#tell = tell
    this.#bytes = STREAMS * outputBytes
  }

  /** @returns false for what no worker of ours tells */
  accept(events: readonly GuestEvent[]): boolean {
    const { length } = events
    if (!this.#tell || length === 0) return false
    for (const event of events) {
      if (!this.#charge(event)) return false
      this.#tell(event)
    }
    return true
  }

  #charge(event: GuestEvent): boolean {
    if (event.type === 'denial') return --this.#denials >= 0
    if (event.type === 'progress') return true
    if (event.type === 'display') {
      const forms = Object.entries(event.data)
      this.#bytes -= forms.reduce((sum, [, content]) => sum + content.length, 1)
      return this.#bytes >= 0 && forms.every(([type]) => isMimeType(type))
    }
    this.#bytes -= event.bytes.length
    return this.#bytes >= 0
  }
}
