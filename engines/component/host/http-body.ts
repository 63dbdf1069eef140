/** What is sent with a request of wasi:http 0.2: kept while there is no request, and passed on piece by piece when there is one. */
import { errno } from '../../../src/kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain, run, type Steps } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { Closable } from './definitions.ts'
import { type HeldBytes, Holding } from './held-bytes.ts'
import type { Exchange } from './http-exchange.ts'
import type { HttpError } from './http-types.ts'
import { OutputStream } from './streams.ts'

/** Methods whose requests have no body as a rule: of one that nobody writes to, none is announced. */
export const SELDOM_WITH_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'CONNECT', 'OPTIONS', 'TRACE'])

/** More or less than the component has said: `bytes` were written. */
export function wrongLength(declared: number): GuestFacingError {
  return new GuestFacingError('TOKA_VALUE_SIZE', `the body has another length than the ${declared} that were declared`)
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}

export class OutgoingBody implements Closable {
  readonly #most: number
  readonly #declared: number | undefined
  readonly #holding: Holding
  /** Bytes that are kept or on their way. */
  #held = 0
  readonly #kept: Uint8Array[] = []
  #written = 0
  #stream: OutputStream | undefined
  #exchange: Exchange | undefined
  #isFinished = false
  /** Why it will never be whole. */
  #failure: GuestFacingError | undefined
  /** Until what was taken so far is sent, or has failed. */
  #tail: MaybePromise<void> = undefined

  /**
   * @param most bytes that are kept before there is a request
   * @param declared bytes that it will have, where the component has said it
   */
  constructor(held: HeldBytes, most: number, declared: number | undefined) {
    this.#holding = new Holding(held)
    this.#most = most
    this.#declared = declared
  }

  stream(): OutputStream | undefined {
    if (this.#stream) return undefined
    this.#stream = new OutputStream((bytes) => this.#take(bytes))
    return this.#stream
  }

  /** There is a request: what is kept goes out, and what comes follows. */
  sendWith(exchange: Exchange): void {
    this.#exchange = exchange
    if (this.#failure) return exchange.fail(this.#failure)
    const kept = this.#kept.splice(0)
    if (this.#isFinished) exchange.begin(this.#written)
    if (kept.length > 0) this.#sendKept(exchange, kept)
    if (this.#isFinished) this.#end(exchange)
  }

  /** The answer is waited for: a request that has not begun, since nothing was written, begins now. */
  awaited(): void {
    const exchange = this.#exchange
    if (!exchange || exchange.isBegun) return
    if (this.#declared !== undefined || !SELDOM_WITH_BODY.has(exchange.head.method)) return exchange.begin()
    this.#stream?.close()
    this.#finish()
  }

  /**
   * It is whole. @returns why it is not
   * @throws CanonTrap when its stream is still there (wasi:http/types, "outgoing-body.write")
   */
  finish(): HttpError | undefined {
    if (this.#stream && !this.#stream.isClosed)
      throw new CanonTrap('an outgoing body is finished whose stream is not dropped')
    if (this.#isFinished || this.#failure) return undefined
    if (this.#declared !== undefined && this.#declared !== this.#written) {
      const size = BigInt(this.#written)
      this.#giveUp(wrongLength(this.#declared))
      return { tag: 'HTTP-request-body-size', val: size }
    }
    this.#finish()
    return undefined
  }

  /** Dropped without an end: what was to be sent is not whole. */
  close(): void {
    if (!this.#isFinished) this.#giveUp(errno('EINVAL'))
  }

  #giveUp(why: GuestFacingError): void {
    this.#failure ??= why
    this.#hold(-sizeOf(this.#kept.splice(0)))
    this.#stream?.close()
    const exchange = this.#exchange
    if (exchange && !exchange.isSent) exchange.fail(why)
  }

  #finish(): void {
    this.#isFinished = true
    const exchange = this.#exchange
    if (!exchange) return
    exchange.begin(this.#written)
    this.#end(exchange)
  }

  #sendKept(exchange: Exchange, kept: readonly Uint8Array[]): void {
    exchange.begin()
    try {
      const sent = this.#after(() => run(this.#pass(exchange, kept)))
      if (sent instanceof Promise) this.#stream?.follow(sent.then(() => {}))
    } catch {
      // The request could not be begun: whatever is written next fails of that.
    }
  }

  #end(exchange: Exchange): void {
    void this.#after(() => run(this.#sendEnd(exchange)))
  }

  *#sendEnd(exchange: Exchange): Steps<void> {
    try {
      yield* exchange.end()
    } catch {
      // The request has failed of it, which its answer tells.
    }
  }

  /** Does something when all before it is done. */
  #after<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    const work = chain(this.#tail, act)
    const done = (): void => {}
    this.#tail = work instanceof Promise ? work.then(done, done) : undefined
    return work
  }

  /** @returns false when there is no room for so much more */
  #hold(bytes: number): boolean {
    if (!this.#holding.resize(this.#held + bytes)) return false
    this.#held += bytes
    return true
  }

  #take(bytes: Uint8Array): MaybePromise<number> {
    const exchange = this.#exchange
    const written = this.#written + bytes.length
    if (this.#declared !== undefined && written > this.#declared) {
      const wrong = wrongLength(this.#declared)
      this.#giveUp(wrong)
      throw wrong
    }
    if (!exchange && written > this.#most)
      throw new GuestFacingError('TOKA_VALUE_SIZE', `the body has more than ${this.#most} bytes before its request`)
    if (!this.#hold(bytes.length)) throw errno('ENOSPC')
    this.#written = written
    if (exchange) {
      exchange.begin()
      const sent = this.#after(() => run(this.#pass(exchange, [bytes])))
      return chain(sent, (isMoreWanted) => (isMoreWanted ? bytes.length : 0))
    }
    this.#kept.push(bytes)
    return bytes.length
  }

  /** @returns whether more is wanted */
  *#pass(exchange: Exchange, pieces: readonly Uint8Array[]): Steps<boolean> {
    try {
      for (const piece of pieces) if (!(yield* exchange.send(piece))) return false
      return true
    } finally {
      this.#hold(-sizeOf(pieces))
    }
  }
}
