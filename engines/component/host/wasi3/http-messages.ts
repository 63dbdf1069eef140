/** Requests and responses of wasi:http 0.3: their bodies are streams, which are read when they are sent or asked for. */
import type { GuestFacingError, MaybePromise } from '../../../../src/kernel/host-port.ts'
import type { Readable, Values } from '../../tasks/channel.ts'
import { type ChannelEnd, consume, HostFuture, HostStream, readFuture } from '../channels.ts'
import { type Closable, err, ok, type Result, type World } from '../definitions.ts'
import { Fields, FutureResponse, type IncomingResponse, OutgoingBody, OutgoingRequest } from '../http-request.ts'
import { httpErrorOf } from '../http-types.ts'
import { STREAM_BYTES } from '../streams.ts'
import { givenBytes } from './cli.ts'

/** What a message carries: a stream of bytes, and what comes behind it. */
export type Body = { contents: Readable | undefined; trailers: Readable }

const codeOf = (error: GuestFacingError): unknown => httpErrorOf(error)

function nothing({ tasks }: World): HostStream {
  return new HostStream(
    tasks(),
    () => undefined,
    () => {},
  )
}

/** Times that a program asks for: kept, and the sandbox's own hold. */
export class RequestOptions {
  readonly times = new Map<string, bigint | undefined>()
  readonly isFixed: boolean

  constructor(isFixed = false) {
    this.isFixed = isFixed
  }

  copy(isFixed: boolean): RequestOptions {
    const made = new RequestOptions(isFixed)
    for (const [label, time] of this.times) made.times.set(label, time)
    return made
  }
}

export class Request implements Closable {
  readonly parts: OutgoingRequest
  readonly options: RequestOptions | undefined
  /** Tells whether it was sent. */
  readonly sent = new HostFuture()
  readonly #world: World
  #body: Body | undefined

  constructor(world: World, headers: Fields, body: Body, options: RequestOptions | undefined) {
    this.#world = world
    this.parts = new OutgoingRequest(world.held, headers)
    this.#body = body
    this.options = options
  }

  /** Its body, taken out again. */
  consume(world: World): [Readable, Readable] {
    const body = this.#take()
    this.close()
    return [body.contents ?? nothing(world), body.trailers]
  }

  async send(world: World): Promise<Result> {
    const { url } = this.parts
    const body = this.#take()
    if (url === undefined) {
      body.contents?.drop()
      body.trailers.drop()
      return this.#end(err({ tag: 'HTTP-request-URI-invalid' }))
    }
    const refused = await this.#collect(world, body)
    if (refused) return this.#end(refused)
    const future = new FutureResponse(world, this.parts, url)
    await future.wait()
    const answer = (future.get() as { val: Result }).val
    return this.#end(answer.tag === 'ok' ? ok(new Response(answer.val as IncomingResponse)) : answer)
  }

  close(): void {
    this.parts.close()
    const body = this.#body
    this.#body = undefined
    body?.contents?.drop()
    body?.trailers.drop()
  }

  #take(): Body {
    const body = this.#body ?? { contents: undefined, trailers: new HostFuture() }
    this.#body = undefined
    return body
  }

  #end(answer: Result): Result {
    this.close()
    // Not here, where the guest may be in the middle of anything: that is written into its memory.
    this.#world.tasks().later(() => this.sent.resolve(answer.tag === 'ok' ? ok() : answer))
    return answer
  }

  /** The body, whole, since a request is decided on and charged whole. @returns why it cannot be sent */
  #collect({ tasks, held, process }: World, { contents, trailers }: Body): Promise<Result | undefined> {
    const { promise, resolve } = Promise.withResolvers<Result | undefined>()
    const last = (): void =>
      readFuture(trailers, (told) => {
        const value = told as Result | undefined
        const isEmpty = value?.tag !== 'ok' || value.val === undefined || (value.val as Fields).entries.length === 0
        if (value?.tag === 'err') resolve(value)
        else resolve(isEmpty ? undefined : err({ tag: 'HTTP-request-trailer-section-size' }))
      })
    if (!contents) last()
    else {
      const body = new OutgoingBody(held, process.services.limits.flatBytes)
      const out = body.stream()
      this.parts.body = body
      const take = (bytes: Values): MaybePromise<void> => {
        const end = out?.write(bytes as Uint8Array)
        if (end && end !== 'closed') throw end.error
      }
      consume(tasks(), contents, STREAM_BYTES, take, (end: ChannelEnd) => {
        if (end) {
          body.close()
          trailers.drop()
          resolve(err({ tag: 'HTTP-request-body-size' }))
          return
        }
        body.finish()
        last()
      })
    }
    return promise
  }
}

/** A response: of the network, or one that the component made itself. */
export class Response implements Closable {
  status = 200
  readonly headers: Fields
  readonly sent = new HostFuture()
  readonly #incoming: IncomingResponse | undefined
  #body: Body | undefined

  constructor(from: IncomingResponse | { headers: Fields; body: Body }) {
    this.headers = from.headers
    if ('body' in from) this.#body = from.body
    else {
      this.status = from.status
      this.#incoming = from
    }
  }

  static made({ held }: World, headers: Fields, body: Body): Response {
    headers.close()
    return new Response({ headers: new Fields(held, headers.entries, true), body })
  }

  consume(world: World): [Readable, Readable] {
    const body = this.#body
    this.#body = undefined
    if (body) return [body.contents ?? nothing(world), body.trailers]
    const stream = this.#incoming?.consume()?.stream()
    this.headers.close()
    if (stream) return givenBytes(world, stream, codeOf)
    const none = new HostFuture()
    none.resolve(ok())
    return [nothing(world), none]
  }

  close(): void {
    this.headers.close()
    this.#incoming?.close()
    this.#body?.contents?.drop()
    this.#body?.trailers.drop()
    this.#body = undefined
  }
}
