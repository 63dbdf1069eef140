/** A request of wasi:http while it is put together, and the answer that is to come. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import type { Process } from '../../../src/kernel/process.ts'
import { type Closable, err, ok, type Result, type World } from './definitions.ts'
import type { HeldBytes } from './held-bytes.ts'
import { OutgoingBody } from './http-body.ts'
import { Exchange } from './http-exchange.ts'
import { Fields } from './http-fields.ts'
import { RequestParts } from './http-parts.ts'
import { IncomingResponse } from './http-response.ts'
import { httpErrorOf } from './http-types.ts'
import type { Pollable } from './pollable.ts'

/** Set by the connection itself, whatever a program says of them. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
])

/** Header values are bytes there and Latin-1 here (RFC 9110, section 5.5). */
const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')

/** RFC 9110, section 8.6; more digits are no number of bytes that anybody sends. */
const LENGTH = /^[0-9]{1,15}$/

export class OutgoingRequest extends RequestParts implements Closable {
  readonly headers: Fields
  #body: OutgoingBody | undefined

  /** Takes headers over. */
  constructor(held: HeldBytes, headers: Fields) {
    super()
    headers.close()
    this.headers = new Fields(held, headers.entries, true)
  }

  /** Bytes of the body that its headers declare; undefined where they do not, NaN where what they say is no length. */
  get length(): number | undefined {
    const [value, ...more] = this.headers.get('content-length').map(latin1)
    if (value === undefined) return undefined
    return more.length === 0 && LENGTH.test(value) ? Number(value) : Number.NaN
  }

  /** The body, once; none whose length makes no sense. */
  takeBody({ process, held }: World): OutgoingBody | undefined {
    const { length } = this
    if (this.#body || Number.isNaN(length)) return undefined
    this.#body = new OutgoingBody(held, process.services.limits.flatBytes, length)
    return this.#body
  }

  /** The body, where it was taken. */
  get body(): OutgoingBody | undefined {
    return this.#body
  }

  /** One of nothing, where none was taken. */
  emptyBody({ held }: World): OutgoingBody {
    const body = new OutgoingBody(held, 0, this.length || undefined)
    body.finish()
    return body
  }

  /** Undefined for what is no URL. Nothing of it is begun. */
  exchange(process: Process): Exchange | undefined {
    const { url, verb, length } = this
    if (url === undefined) return undefined
    const headers = this.headers.entries
      .filter(([name]) => !OF_CONNECTION.has(name.toLowerCase()))
      .map(([name, value]) => [name, latin1(value)] as const)
    return new Exchange(process, { url, method: verb, headers, length: Number.isNaN(length) ? undefined : length })
  }

  close(): void {
    this.headers.close()
  }
}

/** An answer that is under way. */
export class FutureResponse implements Pollable, Closable {
  readonly #held: HeldBytes
  readonly #exchange: Exchange
  readonly #body: OutgoingBody
  #isTaken = false

  /** @param body taken by the component, or of nothing */
  constructor(held: HeldBytes, exchange: Exchange, body: OutgoingBody) {
    this.#held = held
    this.#exchange = exchange
    this.#body = body
    body.sendWith(exchange)
  }

  ready(): boolean {
    return this.#exchange.outcome !== undefined
  }

  wait(): MaybePromise<void> {
    this.#body.awaited()
    return this.#exchange.answered()
  }

  /**
   * The answer, once: undefined while it is under way.
   * @throws a fault of ours: nobody hears one that comes while nothing of the guest runs
   */
  get(): Result | undefined {
    const exchange = this.#exchange
    this.#body.awaited()
    const { outcome } = exchange
    if (!outcome) return undefined
    if (this.#isTaken) return err()
    this.#isTaken = true
    if ('failure' in outcome) return ok(err(httpErrorOf(outcome.failure)))
    return ok(ok(new IncomingResponse(this.#held, outcome.answer, exchange)))
  }

  /** Nobody takes the answer any more. */
  close(): void {
    if (!this.#isTaken) this.#exchange.close()
    this.#isTaken = true
  }
}
