/** One request at the gate, made like every guest's: its head, its body piece by piece, its answer and that one's body, all under one number. */
import { TokaError } from '../../../src/errors.ts'
import { errno } from '../../../src/kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../../../src/kernel/host-port.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { promiseAfter } from '../../../src/kernel/later.ts'
import { chain, run, type Steps, wait } from '../../../src/kernel/steps.ts'
import { decodeValue, encodeValue } from '../../../src/kernel/values.ts'
import type { Closable } from './definitions.ts'
import { STREAM_BYTES } from './streams.ts'

/** What is asked for. `length`: bytes of the body, where the component has said how many. */
export type Head = {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly length: number | undefined
}

export type Answer = { status: number; headers: [string, string][]; body: number }

type Service = 'open' | 'send' | 'answer' | 'read' | 'cancel'

/** What a piece's message has beside its bytes, at most. */
const AROUND_PIECE = 64

/** What is too large to be asked is the guest's failure. */
function encode(input: unknown, most: number): Uint8Array {
  try {
    return encodeValue(input, { structuredBytes: most, flatBytes: most })
  } catch (error) {
    throw error instanceof TokaError ? new GuestFacingError(error.code, error.message) : error
  }
}

/** The bound of a body is the request's, where pieces of it are sent. */
function ofRequest(error: unknown): unknown {
  const isSize = error instanceof GuestFacingError && error.code === 'TOKA_NET_SIZE'
  return isSize ? new GuestFacingError('TOKA_VALUE_SIZE', error.message) : error
}

export class Exchange implements Closable {
  readonly head: Head
  readonly #process: Process
  /** Resolves when the gate has it, or has refused it; never rejects. */
  #opened: MaybePromise<void> = undefined
  /** The same of its answer. */
  #answered: MaybePromise<void> = undefined
  /** Resolves when the piece that is on its way is sent, or has failed. */
  #sending: MaybePromise<void> = undefined
  /** The gate's number; 0 before and after. */
  #number = 0
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  #tellSent: () => void = () => {}
  #isBegun = false
  #isSent = false
  #isOver = false
  #failure: unknown
  #outcome: { answer: Answer } | { failure: unknown } | undefined

  constructor(process: Process, head: Head) {
    this.#process = process
    this.#signal = AbortSignal.any([process.signal, this.#stop.signal])
    this.head = head
  }

  /** Whether it was begun, or will never be. */
  get isBegun(): boolean {
    return this.#isBegun || this.#isOver
  }

  /** Whether nothing more of its body is wanted. */
  get isSent(): boolean {
    return this.#isSent
  }

  /** How it came out; undefined while it is under way. */
  get outcome(): { answer: Answer } | { failure: unknown } | undefined {
    return this.#outcome
  }

  /**
   * Begins it, once.
   * @param length bytes of the body, which nobody has said but who are known
   */
  begin(length?: number): void {
    if (this.isBegun) return
    this.#isBegun = true
    const opened = run(this.#open(this.head.length ?? length))
    // A body that is whole needs no answer before its end, and one call at a time is all that a sandbox may be allowed.
    const isDuplex = length === undefined && this.#process.services.limits.concurrentCalls > 1
    this.#opened = opened
    this.#answered = chain(isDuplex ? opened : this.#sentAfter(opened), () => run(this.#hear()))
  }

  /** Resolves when there is an outcome, of what was begun. */
  answered(): MaybePromise<void> {
    return this.#outcome ? undefined : this.#answered
  }

  /**
   * Sends bytes of the body, after those before.
   * @returns whether more are wanted, once these were taken
   */
  *send(bytes: Uint8Array): Steps<boolean> {
    const { flatBytes, structuredBytes } = this.#process.services.limits
    const most = Math.max(1, Math.min(STREAM_BYTES, Math.max(flatBytes, structuredBytes) - AROUND_PIECE))
    for (let at = 0; at < bytes.length; at += most)
      if (!(yield* this.#sendPiece(bytes.subarray(at, at + most)))) return false
    return true
  }

  /** Its body is whole. */
  *end(): Steps<void> {
    yield* this.#sendPiece(new Uint8Array(0))
    this.#isSent = true
    this.#tellSent()
  }

  /** The next bytes of the answer's body; none at its end, or when it was closed. */
  *read(): Steps<Uint8Array> {
    // What failed while its body was sent has cut the answer's off: that is no end.
    if (this.#failure !== undefined) throw this.#failure
    if (this.#number === 0) return new Uint8Array(0)
    const bytes = (yield* this.#ask('read', this.#number)) as Uint8Array
    // At the end of a body the gate has closed it.
    if (bytes.length === 0) this.#number = 0
    return bytes
  }

  /** It cannot go on: that is its outcome, unless it has one, and its connection is closed. */
  fail(failure: unknown): void {
    this.#failure ??= failure
    this.#outcome ??= { failure }
    this.close()
  }

  /** Nobody wants it any more: what is under way is given up, its connection closed. */
  close(): void {
    this.#isOver = true
    this.#tellSent()
    this.#stop.abort()
    this.#outcome ??= { failure: errno('ECANCELED') }
    const number = this.#number
    this.#number = 0
    if (number === 0) return
    try {
      const answer = run(this.#ask('cancel', number, this.#process.signal))
      if (answer instanceof Promise) answer.catch(() => {})
    } catch {
      // The run is over: the gate has closed it already.
    }
  }

  /** Resolves when nothing more is sent, as a promise of the kind of another; where that is none, at once. */
  #sentAfter(opened: MaybePromise<void>): MaybePromise<void> {
    if (!(opened instanceof Promise)) return undefined
    return promiseAfter<void>(opened, (resolve) => {
      this.#tellSent = resolve
    })
  }

  *#open(length: number | undefined): Steps<void> {
    const { url, method, headers } = this.head
    const asked = { url, method, headers, redirect: 'manual', ...(length === undefined ? {} : { length }) }
    try {
      this.#number = (yield* this.#ask('open', asked)) as number
      if (this.#isOver) this.close()
    } catch (failure) {
      this.fail(failure)
    }
  }

  *#hear(): Steps<void> {
    if (this.#number === 0) return
    try {
      const answer = (yield* this.#ask('answer', this.#number)) as Answer
      this.#outcome ??= { answer }
    } catch (failure) {
      // A piece that is on its way may have ended it, and knows why.
      yield* wait(this.#sending)
      this.fail(failure)
    }
  }

  *#sendPiece(piece: Uint8Array): Steps<boolean> {
    yield* wait(this.#opened)
    if (this.#failure !== undefined) throw this.#failure
    if (this.#number === 0 || this.#isSent) return false
    const sent = run(this.#give(piece))
    const done = (): void => {}
    this.#sending = sent instanceof Promise ? sent.then(done, done) : undefined
    return yield* wait(sent)
  }

  *#give(piece: Uint8Array): Steps<boolean> {
    try {
      const isMoreWanted = (yield* this.#ask('send', [this.#number, piece])) as boolean
      this.#isSent ||= !isMoreWanted
      if (this.#isSent) this.#tellSent()
      return isMoreWanted
    } catch (error) {
      if (this.#failure !== undefined) throw this.#failure
      // Its answer was read to the end meanwhile, or let go of.
      if (this.#number === 0) return false
      const failure = ofRequest(error)
      this.fail(failure)
      throw failure
    }
  }

  *#ask(service: Service, input: unknown, signal: AbortSignal = this.#signal): Steps<unknown> {
    const { port, limits } = this.#process.services
    const asked = encode(input, Math.max(limits.flatBytes, limits.structuredBytes))
    const call = (): MaybePromise<Uint8Array> => port.callTool(`toka:${service}`, asked, signal)
    // What is given up goes through, however much is under way.
    const leaves = service !== 'cancel'
    const answer = yield* wait(this.#process.perform(leaves ? () => this.#process.leave(call) : call))
    return decodeValue(answer, { flatBytes: answer.length })
  }
}
