/** The body of a request of wasi:http 0.3 on its way: each piece is read when the one before was taken, and what comes behind it at the end. */
import { errno } from '../../../../src/kernel/errno.ts'
import type { MaybePromise } from '../../../../src/kernel/host-port.ts'
import { chain, run } from '../../../../src/kernel/steps.ts'
import type { Readable, Values } from '../../tasks/channel.ts'
import type { Scheduler } from '../../tasks/scheduler.ts'
import { type ChannelEnd, consume, readFuture } from '../channels.ts'
import { err, ok, type Result, type World } from '../definitions.ts'
import { SELDOM_WITH_BODY, wrongLength } from '../http-body.ts'
import type { Exchange } from '../http-exchange.ts'
import type { Fields } from '../http-fields.ts'
import { type HttpError, httpErrorOf } from '../http-types.ts'
import { STREAM_BYTES } from '../streams.ts'

/** What a message carries: a stream of bytes, and what comes behind it. */
export type Body = { contents: Readable | undefined; trailers: Readable }

export class Transmission {
  readonly #exchange: Exchange
  readonly #body: Body
  readonly #begun = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<Result>()
  #written = 0
  #isOver = false
  /** Why the component's own part of it makes the request fail. */
  refusal: Result | undefined

  constructor({ tasks }: World, exchange: Exchange, body: Body) {
    this.#exchange = exchange
    this.#body = body
    if (body.contents) this.#read(tasks(), body.contents)
    else this.#readTrailers()
  }

  /** Resolves when the request was begun, or never will be. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /** Resolves with how it went: `ok` when all was sent that the server wants. */
  get ended(): Promise<Result> {
    return this.#ended.promise
  }

  /** Nothing more is sent: the component's ends hear of it. */
  stop(why: HttpError): void {
    if (this.#isOver) return
    this.#settle(err(why))
    this.#body.contents?.drop()
    this.#body.trailers.drop()
  }

  #read(tasks: Scheduler, contents: Readable): void {
    const { method, length } = this.#exchange.head
    // The answer may be what the component waits for before it writes.
    if (length !== undefined || !SELDOM_WITH_BODY.has(method)) tasks.later(() => this.#begin())
    const take = (bytes: Values): MaybePromise<void> => this.#take(bytes as Uint8Array)
    consume(tasks, contents, STREAM_BYTES, take, (end) => this.#endOf(end), false)
  }

  #begin(length?: number): void {
    this.#exchange.begin(length)
    this.#begun.resolve()
  }

  #take(bytes: Uint8Array): MaybePromise<void> {
    const { length } = this.#exchange.head
    this.#written += bytes.length
    if (length !== undefined && this.#written > length) throw wrongLength(length)
    this.#begin()
    return chain(run(this.#exchange.send(bytes)), (isMoreWanted) => {
      if (!isMoreWanted) throw errno('EPIPE')
    })
  }

  #endOf(end: ChannelEnd): void {
    if (this.#isOver) return
    if (!end) return this.#readTrailers()
    this.#body.trailers.drop()
    if (this.#exchange.isSent) this.#settle(ok())
    else this.#refuse(httpErrorOf(end))
  }

  #readTrailers(): void {
    readFuture(this.#body.trailers, (told) => {
      if (this.#isOver) return
      const value = told as Result | undefined
      if (value?.tag === 'err') return this.#refuse(value.val as HttpError)
      const fields = value?.val as Fields | undefined
      const isEmpty = !fields || fields.entries.length === 0
      fields?.close()
      if (isEmpty) this.#finish()
      else this.#refuse({ tag: 'HTTP-request-trailer-section-size' })
    })
  }

  #finish(): void {
    const { length } = this.#exchange.head
    if (length !== undefined && length !== this.#written)
      return this.#refuse({ tag: 'HTTP-request-body-size', val: BigInt(this.#written) })
    this.#begin(this.#written)
    const fail = (error: unknown): void => this.#refuse(httpErrorOf(error))
    try {
      const sent = chain(run(this.#exchange.end()), () => this.#settle(ok()))
      if (sent instanceof Promise) sent.catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  #refuse(code: HttpError): void {
    this.refusal ??= err(code)
    this.#exchange.fail(errno('EINVAL'))
    this.#settle(err(code))
  }

  #settle(result: Result): void {
    this.#isOver = true
    this.#begun.resolve()
    this.#ended.resolve(result)
  }
}
