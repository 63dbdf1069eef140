/** A request over Node's own http whose body comes in pieces, and the one answer to a request. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { GuestFacingError } from '../kernel/host-port.ts'
import { type Answered, within } from './network-bodies.ts'
import type { Upload } from './network-uploads.ts'

export const unreachable = (): GuestFacingError => new GuestFacingError('TOKA_NET_FAILED', 'the host cannot be reached')

/** The answer to a request; rejects when its connection ends without one. */
export function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    // What switches protocols is no answer.
    sent.once('upgrade', (_, socket) => socket.destroy())
    sent.once('connect', (_, socket) => socket.destroy())
    sent.on('error', reject)
    sent.once('close', () => reject(unreachable()))
  })
}

type Parts = { timeoutMs: number; describe: (message: IncomingMessage) => Answered; died: () => void }

export class NodeUpload implements Upload {
  readonly most = Infinity
  readonly mostBecause = ''
  readonly #sent: ClientRequest
  readonly #parts: Parts
  readonly #answer: Promise<IncomingMessage>
  readonly #ended = Promise.withResolvers<void>()
  #isAnswered = false
  #isRefused = false
  /** Ends the wait for the piece that is on its way. */
  #settle: ((error: unknown) => void) | undefined

  /**
   * @param parts `timeoutMs`: from the end of the body until the answer has come; `describe` makes what is kept of it;
   *   `died` hears of a connection that ends without one
   */
  constructor(sent: ClientRequest, parts: Parts) {
    this.#sent = sent
    this.#parts = parts
    this.#answer = answerTo(sent)
    this.#answer.then(
      (message) => {
        this.#isAnswered = true
        if ((message.statusCode ?? 0) >= 400) this.#refuse()
      },
      (error: unknown) => {
        this.#settle?.(error)
        parts.died()
      },
    )
    sent.once('close', () => this.#settle?.(unreachable()))
    // The server may want to answer before the first piece is there.
    sent.flushHeaders()
  }

  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** A server that answers with an error wants no more of a body (RFC 9112, section 9.5: the client should cease to send). */
  #refuse(): void {
    this.#isRefused = true
    this.#settle?.(undefined)
  }

  async send(piece: Uint8Array): Promise<boolean> {
    if (this.#isRefused) return false
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = (error) => (error ? reject(error) : resolve())
        if (piece.length === 0) this.#sent.end(this.#settle)
        else this.#sent.write(piece, this.#settle)
      })
    } finally {
      this.#settle = undefined
    }
    if (piece.length === 0) this.#ended.resolve()
    return !this.#isRefused
  }

  async answer(): Promise<Answered> {
    await Promise.race([this.#ended.promise, this.#answer])
    return this.#parts.describe(await within(this.#parts.timeoutMs, this.#answer, () => this.stop()))
  }

  stop(): void {
    this.#sent.destroy()
  }
}
