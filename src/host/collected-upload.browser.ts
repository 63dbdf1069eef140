/** A body that comes in pieces where requests cannot send it so: pages stream bodies over HTTP/2 alone, and not everywhere. It is collected, and sent as a whole. */
import { NETWORK } from '../limits.ts'
import type { Answered } from './network-bodies.ts'
import type { Upload } from './network-uploads.ts'

export class CollectedUpload implements Upload {
  readonly most = NETWORK.collectedBytes
  readonly mostBecause = ': a page cannot send a body in pieces, so they are collected first'
  readonly isAnswered = false
  readonly #ask: (body: Uint8Array, signal: AbortSignal) => Promise<Answered>
  readonly #pieces: Uint8Array<ArrayBuffer>[] = []
  readonly #whole = Promise.withResolvers<Uint8Array>()
  readonly #stop = new AbortController()

  /** @param ask makes the request, once its body is whole */
  constructor(ask: (body: Uint8Array, signal: AbortSignal) => Promise<Answered>) {
    this.#ask = ask
    // Nobody may wait for the answer of a request that is given up.
    this.#whole.promise.catch(() => {})
  }

  async send(piece: Uint8Array): Promise<boolean> {
    if (piece.length > 0) this.#pieces.push(piece.slice())
    else this.#whole.resolve(new Uint8Array(await new Blob(this.#pieces.splice(0)).arrayBuffer()))
    return true
  }

  async answer(): Promise<Answered> {
    return this.#ask(await this.#whole.promise, this.#stop.signal)
  }

  stop(): void {
    this.#pieces.length = 0
    this.#whole.reject(new DOMException('the request was given up', 'AbortError'))
    this.#stop.abort()
  }
}
