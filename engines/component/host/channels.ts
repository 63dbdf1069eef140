/** The host's ends of streams and futures: what it gives a guest to read, and how it reads what a guest gives it. */
import { GuestFacingError, type MaybePromise } from '../../../src/kernel/host-port.ts'
import type { CopyListener, ReadBuffer, Readable, Values } from '../tasks/channel.ts'
import { countOf } from '../tasks/channel.ts'
import type { Scheduler } from '../tasks/scheduler.ts'
import { STREAM_BYTES } from './streams.ts'

type Reading = { into: ReadBuffer; listener: CopyListener }

/** How a channel of the host's ended: the failure that a guest may be told, or undefined. */
export type ChannelEnd = GuestFacingError | undefined

/** A failure that a guest may be told; anything else is a fault of ours, and thrown on. */
function failureOf(error: unknown): GuestFacingError {
  if (error instanceof GuestFacingError) return error
  throw error
}

function firstOf(values: Values, count: number): [Values, Values] {
  if (typeof values === 'number') return [count, values - count]
  return [values.slice(0, count), values instanceof Uint8Array ? values.subarray(count) : values.slice(count)]
}

/** A stream from the host: values are asked for when the guest reads, and not before. */
export class HostStream implements Readable {
  readonly #tasks: Scheduler
  readonly #pull: (most: number) => MaybePromise<Values | undefined>
  readonly #onEnd: (end: ChannelEnd) => void
  #kept: Values = 0
  #isOver = false
  #reading: Reading | undefined
  /** The call in which values were asked for that are not there yet. */
  #pulling: number | undefined

  /** @param pull answers at least one value, or undefined at the end */
  constructor(
    tasks: Scheduler,
    pull: (most: number) => MaybePromise<Values | undefined>,
    onEnd: (end: ChannelEnd) => void,
  ) {
    this.#tasks = tasks
    this.#pull = pull
    this.#onEnd = onEnd
  }

  read(_reader: unknown, into: ReadBuffer, listener: CopyListener): void {
    this.#reading = { into, listener }
    if (countOf(this.#kept) === 0 && !this.#isOver && this.#pulling !== this.#tasks.call) this.#fill(into.left)
    this.#deliver()
  }

  cancel(): void {
    const reading = this.#reading
    this.#reading = undefined
    reading?.listener.done('cancelled')
  }

  drop(): void {
    this.#reading = undefined
    this.#kept = 0
    this.#end(undefined)
  }

  #fill(wanted: number): void {
    const most = Math.min(wanted === 0 ? STREAM_BYTES : wanted, STREAM_BYTES)
    try {
      const answer = this.#pull(most)
      if (!(answer instanceof Promise)) return this.#accept(answer)
      this.#pulling = this.#tasks.call
      // A failure comes as what is accepted: it is told when everything else is.
      this.#tasks.track(
        answer.catch((error: unknown) => ({ failure: failureOf(error) })),
        (got) => {
          this.#pulling = undefined
          if (typeof got === 'object' && 'failure' in got) this.#end(got.failure)
          else this.#accept(got)
          this.#deliver()
        },
      )
    } catch (error) {
      this.#end(failureOf(error))
    }
  }

  #accept(values: Values | undefined): void {
    if (values === undefined) this.#end(undefined)
    else if (!this.#isOver) this.#kept = values
  }

  #deliver(): void {
    const reading = this.#reading
    if (!reading) return
    const there = countOf(this.#kept)
    if (there === 0 && !this.#isOver) return
    this.#reading = undefined
    const { into, listener } = reading
    if (there === 0) return listener.done('dropped')
    const [taken, rest] = firstOf(this.#kept, Math.min(there, into.left))
    this.#kept = rest
    if (countOf(taken) > 0) into.write(taken)
    listener.done('completed')
  }

  #end(end: ChannelEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onEnd(end)
  }
}

/** A future from the host. */
export class HostFuture implements Readable {
  #value: { value: unknown } | undefined
  #reading: Reading | undefined

  /** Once. Where a guest's memory can be written. */
  resolve(value: unknown): void {
    this.#value ??= { value }
    this.#deliver()
  }

  read(_reader: unknown, into: ReadBuffer, listener: CopyListener): void {
    this.#reading = { into, listener }
    this.#deliver()
  }

  cancel(): void {
    const reading = this.#reading
    this.#reading = undefined
    reading?.listener.done('cancelled')
  }

  drop(): void {
    this.#reading = undefined
  }

  #deliver(): void {
    const reading = this.#reading
    if (!reading || !this.#value) return
    this.#reading = undefined
    reading.into.write([this.#value.value])
    reading.listener.done('completed')
  }
}

/** The host's buffer: what is written into it is taken at once. */
class Intake implements ReadBuffer {
  readonly length: number
  readonly #chunks: Values[] = []
  #count = 0

  constructor(length: number) {
    this.length = length
  }

  get left(): number {
    return this.length - this.#count
  }

  write(values: Values): void {
    this.#chunks.push(values)
    this.#count += countOf(values)
  }

  take(): Values[] {
    return this.#chunks.splice(0)
  }
}

/** Reads a future that a guest gave. @param tell hears its value, or undefined when there will be none */
export function readFuture(readable: Readable, tell: (value: unknown) => void): void {
  const intake = new Intake(1)
  const done = (): void => {
    const [values] = intake.take()
    readable.drop()
    tell(Array.isArray(values) ? values[0] : undefined)
  }
  readable.read(undefined, intake, { copied: done, done })
}

/**
 * Reads what a guest gave, to its end: each piece is taken before the next is asked for.
 * @param most values of one piece
 * @param take is given a piece; what it throws ends the stream
 * @param onEnd hears of the end, where a guest's memory can be written
 * @param isWork whether a piece is taken before the call is over
 */
export function consume(
  tasks: Scheduler,
  readable: Readable,
  most: number,
  take: (values: Values) => MaybePromise<void>,
  onEnd: (end: ChannelEnd) => void,
  isWork = true,
): void {
  const fail = (error: unknown): void => {
    const failure = failureOf(error)
    readable.drop()
    onEnd(failure)
  }
  const pass = (pieces: Values[], goOn: () => void): void => {
    const next = pieces.shift()
    if (next === undefined) return goOn()
    try {
      const answer = take(next)
      if (!(answer instanceof Promise)) return pass(pieces, goOn)
      tasks.track(
        answer.then(
          () => undefined,
          (error: unknown) => ({ error }),
        ),
        (failed) => (failed ? fail(failed.error) : pass(pieces, goOn)),
        isWork,
      )
    } catch (error) {
      fail(error)
    }
  }
  const read = (): void => {
    const intake = new Intake(most)
    readable.read(undefined, intake, {
      copied: (takeBack) => {
        takeBack()
        pass(intake.take(), read)
      },
      done: (result) => {
        // What is taken is passed on before the guest goes on, and may end; more is asked for when it has had its turn.
        if (result === 'completed') pass(intake.take(), () => tasks.later(read))
        else onEnd(undefined)
      },
    })
  }
  read()
}
