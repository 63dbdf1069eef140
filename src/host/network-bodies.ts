/** Bodies that guests read piece by piece: each with a bound on its bytes, and on the time without one. */
import type { NetworkAnswer } from '../gate/drivers.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { NETWORK } from '../limits.ts'
import type { NetworkOptions } from '../network-options.ts'
import { Redactor } from './redactor.ts'

type Source = { next(): Promise<IteratorResult<Uint8Array, unknown>>; stop(): void }
/** An answer whose body has no number yet. `secrets`: what its body must not show. */
export type Answered = Omit<NetworkAnswer, 'body'> & { source: Source; secrets: readonly string[] }
type Body = { source: Source; rest: Uint8Array; bytes: number; redactor: Redactor; over: boolean; busy: boolean }

const failed = (): GuestFacingError => new GuestFacingError('TOKA_NET_FAILED', 'the connection broke')

/** A promise that is given up after a while. */
export async function within<T>(ms: number, work: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      giveUp()
      reject(new GuestFacingError('TOKA_NET_TIMEOUT', 'the host did not answer in time'))
    }, ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

export class NetworkBodies {
  readonly #options: NetworkOptions
  readonly #bodies = new Map<number, Body>()
  #active = 0
  #last = 0

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  /**
   * A request begins.
   * @throws GuestFacingError TOKA_NET_FAILED when there are too many
   */
  enter(): void {
    const { concurrent = NETWORK.concurrent } = this.#options
    if (this.#active >= concurrent)
      throw new GuestFacingError(
        'TOKA_NET_FAILED',
        `more than ${concurrent} requests at once: read or cancel bodies first`,
      )
    this.#active++
  }

  leave(): void {
    this.#active--
  }

  /**
   * Makes a request, whose slot goes with the body of its answer: free at once when it fails, or is given up.
   * @throws GuestFacingError TOKA_NET_FAILED, or what `ask` rejects with, as rejection
   */
  async request(signal: AbortSignal, ask: () => Promise<Answered>): Promise<NetworkAnswer> {
    this.enter()
    let isHeld = true
    const leave = (): void => {
      if (isHeld) this.leave()
      isHeld = false
    }
    signal.addEventListener('abort', leave, { once: true })
    try {
      const answered = await ask()
      if (isHeld) return this.keep(answered)
      answered.source.stop()
      throw failed()
    } catch (error) {
      leave()
      throw error
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** A number for a request that has entered, and for its body. */
  number(): number {
    return ++this.#last
  }

  /** Keeps the body of an answer whose request has entered. */
  keep({ source, secrets, ...answer }: Answered, number = this.number()): NetworkAnswer {
    this.#bodies.set(number, {
      source,
      rest: new Uint8Array(0),
      bytes: 0,
      redactor: new Redactor(secrets),
      over: false,
      busy: false,
    })
    return { ...answer, body: number }
  }

  /** @throws GuestFacingError TOKA_NET_FAILED, TOKA_NET_TIMEOUT or TOKA_NET_SIZE, as rejection */
  async read(number: number, most: number, signal: AbortSignal): Promise<Uint8Array> {
    const body = this.#bodies.get(number)
    if (!body || body.busy) throw failed()
    const stop = (): void => this.close(number)
    signal.addEventListener('abort', stop, { once: true })
    body.busy = true
    try {
      while (body.rest.length === 0 && !body.over) await this.#pull(body, number)
    } finally {
      body.busy = false
      signal.removeEventListener('abort', stop)
    }
    const bytes = body.rest.subarray(0, most)
    body.rest = body.rest.subarray(bytes.length)
    return bytes
  }

  async #pull(body: Body, number: number): Promise<void> {
    const { idleTimeoutMs = NETWORK.idleMs, responseBytes = NETWORK.bodyBytes } = this.#options
    const close = (): void => this.close(number)
    let step: IteratorResult<Uint8Array, unknown>
    try {
      step = await within(idleTimeoutMs, body.source.next(), close)
    } catch (error) {
      close()
      throw error instanceof GuestFacingError ? error : failed()
    }
    if (step.done) {
      body.over = true
      body.rest = body.redactor.end()
      return
    }
    body.bytes += step.value.length
    if (body.bytes > responseBytes) {
      close()
      throw new GuestFacingError('TOKA_NET_SIZE', `the body has more than ${responseBytes} bytes`)
    }
    body.rest = body.redactor.push(step.value)
  }

  close(number: number): void {
    const body = this.#bodies.get(number)
    if (!body) return
    this.#bodies.delete(number)
    this.leave()
    body.source.stop()
  }

  closeAll(): void {
    for (const number of [...this.#bodies.keys()]) this.close(number)
  }
}
