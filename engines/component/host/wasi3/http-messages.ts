/** Requests and responses of wasi:http 0.3: their bodies are streams, which are read when they are sent or asked for. */
import type { GuestFacingError } from '../../../../src/kernel/host-port.ts'
import type { Readable } from '../../tasks/channel.ts'
import { HostFuture, HostStream } from '../channels.ts'
import { type Closable, err, ok, type Result, type World } from '../definitions.ts'
import type { Exchange } from '../http-exchange.ts'
import { Fields } from '../http-fields.ts'
import { OutgoingRequest } from '../http-request.ts'
import { IncomingResponse } from '../http-response.ts'
import { httpErrorOf } from '../http-types.ts'
import { givenBytes } from './cli.ts'
import { type Body, Transmission } from './http-transmission.ts'

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
  #body: Body | undefined

  constructor(world: World, headers: Fields, body: Body, options: RequestOptions | undefined) {
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
    const exchange = this.parts.exchange(world.process)
    const body = this.#take()
    this.close()
    if (!exchange) {
      body.contents?.drop()
      body.trailers.drop()
      const refused = err({ tag: 'HTTP-request-URI-invalid' })
      // Not here, where the guest may be in the middle of anything: that is written into its memory.
      world.tasks().later(() => this.sent.resolve(refused))
      return refused
    }
    const transmission = new Transmission(world, exchange, body)
    world.tasks().track(transmission.ended, (result) => this.sent.resolve(result))
    world.signal?.addEventListener('abort', () => giveUp(world, exchange, transmission), { once: true })
    await transmission.begun
    await exchange.answered()
    const { outcome } = exchange
    if (outcome && 'answer' in outcome)
      return ok(new Response(new IncomingResponse(world.held, outcome.answer, exchange)))
    const code = httpErrorOf(outcome?.failure)
    giveUp(world, exchange, transmission)
    return transmission.refusal ?? err(code)
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
}

/** Nobody wants a request any more: it is cut off, and the component's ends hear of it when nothing of it runs. */
function giveUp({ process, tasks }: World, exchange: Exchange, transmission: Transmission): void {
  exchange.close()
  const { outcome } = exchange
  if (process.signal.aborted || !outcome || 'answer' in outcome) return
  tasks().later(() => transmission.stop(httpErrorOf(outcome.failure)))
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
    const stream = this.#incoming?.consume()?.intoStream()
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
