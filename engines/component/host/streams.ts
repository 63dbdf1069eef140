/** Streams of a component over whatever gives and takes bytes: at once where it can, in the background where it cannot. */
import { GuestFacingError, type MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { BORDER } from '../../../src/limits.ts'
import type { Pollable } from './pollable.ts'

/** What failed in a stream: the resource `error` of wasi:io. */
export class StreamFailure {
  readonly error: GuestFacingError

  constructor(error: GuestFacingError) {
    this.error = error
  }
}

function failureOf(error: unknown): StreamFailure {
  if (error instanceof GuestFacingError) return new StreamFailure(error)
  throw error
}

/** How an operation of a stream ends that did not succeed. */
export type StreamEnd = 'closed' | StreamFailure

/** Bytes that one read may ask for at most, and one write give. */
export const STREAM_BYTES = BORDER.transferBytes / 4

/** Something to read: empty bytes are its end. */
export class InputStream implements Pollable {
  readonly #pull: (length: number) => MaybePromise<Uint8Array>
  readonly #onClose: (() => void) | undefined
  #buffer: Uint8Array = new Uint8Array(0)
  #pending: Promise<void> | undefined
  #end: StreamEnd | undefined
  /** What it is, for a fork that must make it again; undefined for what cannot be. */
  readonly origin: string | undefined

  constructor(
    pull: (length: number) => MaybePromise<Uint8Array>,
    { onClose, origin }: { onClose?: () => void; origin?: string } = {},
  ) {
    this.#pull = pull
    this.#onClose = onClose
    this.origin = origin
  }

  ready(): boolean {
    return this.#pending === undefined
  }

  wait(): MaybePromise<void> {
    if (this.#buffer.length === 0 && !this.#end && !this.#pending) this.#fill(STREAM_BYTES)
    return this.#pending
  }

  /** What is there, at most `length` bytes; nothing when it has to be waited for. */
  read(length: number): Uint8Array | StreamEnd {
    const most = Math.min(length, STREAM_BYTES)
    if (most === 0) return this.#end ?? this.#buffer.slice(0, 0)
    if (this.#buffer.length === 0 && !this.#end && !this.#pending) this.#fill(most)
    if (this.#buffer.length === 0) return this.#pending ? new Uint8Array(0) : (this.#end ?? new Uint8Array(0))
    const taken = this.#buffer.slice(0, most)
    this.#buffer = this.#buffer.subarray(taken.length)
    return taken
  }

  /** The same, once there is something. */
  blockingRead(length: number): MaybePromise<Uint8Array | StreamEnd> {
    const now = this.read(length)
    return this.#pending && length > 0 ? this.#pending.then(() => this.read(length)) : now
  }

  close(): void {
    this.#end ??= 'closed'
    this.#onClose?.()
  }

  #fill(length: number): void {
    const accept = (bytes: Uint8Array): void => {
      if (bytes.length === 0) this.#end ??= 'closed'
      else this.#buffer = bytes
    }
    try {
      const answer = this.#pull(length)
      if (!(answer instanceof Promise)) {
        accept(answer)
        return
      }
      this.#pending = answer.then(accept, (error: unknown) => {
        this.#end ??= failureOf(error)
      })
      this.#pending = this.#pending.finally(() => {
        this.#pending = undefined
      })
      this.#pending.catch(() => {})
    } catch (error) {
      this.#end ??= failureOf(error)
    }
  }
}

/** Something to write to. */
export class OutputStream implements Pollable {
  readonly #push: (bytes: Uint8Array) => MaybePromise<number>
  readonly #onBackground: ((written: Promise<void>) => void) | undefined
  #pending: Promise<void> | undefined
  #end: StreamEnd | undefined
  #isClosed = false
  readonly origin: string | undefined

  /**
   * @param push takes bytes and answers how many; none when it takes no more, ever
   * @param onBackground hears of what is written later, to keep the call until then
   */
  constructor(
    push: (bytes: Uint8Array) => MaybePromise<number>,
    { onBackground, origin }: { onBackground?: (written: Promise<void>) => void; origin?: string } = {},
  ) {
    this.#push = push
    this.#onBackground = onBackground
    this.origin = origin
  }

  ready(): boolean {
    return this.#pending === undefined
  }

  wait(): MaybePromise<void> {
    return this.#pending
  }

  /** Bytes that may be written now. */
  checkWrite(): number | StreamEnd {
    return this.#end ?? (this.#pending ? 0 : STREAM_BYTES)
  }

  /** Writes all of it, now or in the background. @returns how the stream ended, or undefined */
  write(bytes: Uint8Array): StreamEnd | undefined {
    if (this.#end) return this.#end
    try {
      const answer = this.#writeAll(bytes)
      if (answer instanceof Promise) this.follow(answer)
    } catch (error) {
      this.#end = failureOf(error)
    }
    return this.#takeEnd()
  }

  /** Waits for what was written. */
  flush(): MaybePromise<StreamEnd | undefined> {
    return chain(this.#pending, () => this.#takeEnd())
  }

  /** Whether whoever writes has let go of it. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#isClosed = true
    this.#end ??= 'closed'
  }

  /** A failure is told once; the stream is closed after it. */
  #takeEnd(): StreamEnd | undefined {
    const end = this.#end
    if (end) this.#end = 'closed'
    return end
  }

  #writeAll(bytes: Uint8Array): MaybePromise<void> {
    let rest = bytes
    while (rest.length > 0) {
      const written = this.#push(rest)
      if (written instanceof Promise) return written.then((count) => this.#writeRest(rest, count))
      if (written === 0) return this.#refuse()
      rest = rest.subarray(written)
    }
  }

  #writeRest(bytes: Uint8Array, count: number): MaybePromise<void> {
    return count === 0 ? this.#refuse() : this.#writeAll(bytes.subarray(count))
  }

  #refuse(): void {
    this.#end ??= 'closed'
  }

  /** Takes nothing more until work that was begun with what it took is done. */
  follow(answer: Promise<void>): void {
    const pending = answer
      .catch((error: unknown) => {
        this.#end = failureOf(error)
      })
      .finally(() => {
        this.#pending = undefined
      })
    pending.catch(() => {}) // a fault of ours is for who waits
    this.#pending = pending
    this.#onBackground?.(pending)
  }
}
