/** The answer to a request of wasi:http: its head, and its body as it is read. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { run } from '../../../src/kernel/steps.ts'
import { type Closable, err, ok, type Result } from './definitions.ts'
import type { HeldBytes } from './held-bytes.ts'
import type { Answer, Exchange } from './http-exchange.ts'
import { type Entry, Fields } from './http-fields.ts'
import type { Pollable } from './pollable.ts'
import { InputStream } from './streams.ts'

export class IncomingResponse implements Closable {
  readonly status: number
  readonly headers: Fields
  #exchange: Exchange | undefined

  /** @throws CanonTrap when the component holds too much already */
  constructor(held: HeldBytes, { status, headers }: Answer, exchange: Exchange) {
    this.status = status
    this.headers = new Fields(
      held,
      headers.map(([name, value]): Entry => [name, Uint8Array.from(value, (unit) => unit.charCodeAt(0))]),
      true,
    )
    this.#exchange = exchange
  }

  /** The body, once. */
  consume(): IncomingBody | undefined {
    const exchange = this.#exchange
    this.#exchange = undefined
    return exchange && new IncomingBody(exchange)
  }

  close(): void {
    this.headers.close()
    this.consume()?.close()
  }
}

export class IncomingBody implements Closable {
  readonly #exchange: Exchange
  #isTaken = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** The stream, once: its body is closed by itself. */
  stream(): InputStream | undefined {
    return this.#isTaken ? undefined : this.#take({})
  }

  /** The stream of a body that is closed with it. */
  intoStream(): InputStream {
    return this.#take({ onClose: () => this.close() })
  }

  close(): void {
    this.#exchange.close()
  }

  #take(options: { onClose?: () => void }): InputStream {
    this.#isTaken = true
    return new InputStream((): MaybePromise<Uint8Array> => run(this.#exchange.read()), options)
  }
}

/** Of a body that has none: its end is there at once. */
export class FutureTrailers implements Pollable {
  #isTaken = false

  ready(): boolean {
    return true
  }

  wait(): undefined {}

  get(): Result {
    if (this.#isTaken) return err()
    this.#isTaken = true
    return ok({ tag: 'ok', val: undefined })
  }
}
