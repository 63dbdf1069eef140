/**
 * Requests of guests over the page's own `fetch`. A page learns neither addresses nor where a redirect leads: so grants
 * that name networks allow no host by name here, and a redirect is a failure.
 */
import type { NetworkAnswer, NetworkDriver, NetworkRequest } from '../gate/drivers.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { NETWORK } from '../limits.ts'
import { NetworkBodies, within } from './network-bodies.ts'
import type { HeaderSecret, NetworkOptions } from '../network-options.ts'
import { Redactor } from './redactor.ts'

const failed = (): GuestFacingError => new GuestFacingError('TOKA_NET_FAILED', 'the host cannot be reached')

class BrowserNetwork implements NetworkDriver {
  readonly #options: NetworkOptions
  readonly #secrets: readonly HeaderSecret[]
  readonly #bodies: NetworkBodies

  constructor(options: NetworkOptions, secrets: readonly HeaderSecret[]) {
    this.#options = options
    this.#secrets = secrets
    this.#bodies = new NetworkBodies(options)
  }

  lookup(): undefined {
    return undefined
  }

  async request({ url, method, headers, body }: NetworkRequest, signal: AbortSignal): Promise<NetworkAnswer> {
    const { timeoutMs = NETWORK.answerMs } = this.#options
    const secrets = this.#secrets.filter(({ origin }) => origin === new URL(url).origin)
    const stop = new AbortController()
    this.#bodies.enter()
    try {
      const fields = new Headers(headers)
      for (const { header, value } of secrets) fields.set(header, value)
      const sent = fetch(url, {
        method,
        headers: fields,
        ...(body ? { body: new Uint8Array(body) } : {}),
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.any([signal, stop.signal]),
      })
      return this.#keep(
        await within(timeoutMs, sent, () => stop.abort()),
        secrets.map(({ value }) => value),
        stop,
      )
    } catch (error) {
      stop.abort()
      this.#bodies.leave()
      throw error instanceof GuestFacingError ? error : failed()
    }
  }

  #keep(
    { status, statusText, headers, body }: Response,
    values: readonly string[],
    stop: AbortController,
  ): NetworkAnswer {
    const redactor = new Redactor(values)
    const reader = body?.getReader()
    const next = async (): Promise<IteratorResult<Uint8Array, unknown>> => {
      const step = await reader?.read()
      return step?.value ? { done: false, value: step.value } : { done: true, value: undefined }
    }
    return {
      status,
      statusText: redactor.text(statusText),
      headers: [...headers].map(([name, value]) => [name, redactor.text(value)]),
      body: this.#bodies.keep({ next, stop: () => stop.abort() }, values),
    }
  }

  read(body: number, most: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#bodies.read(body, most, signal)
  }

  close(body: number): void {
    this.#bodies.close(body)
  }

  closeAll(): void {
    this.#bodies.closeAll()
  }
}

export function openNetwork(options: NetworkOptions, secrets: readonly HeaderSecret[]): NetworkDriver {
  return new BrowserNetwork(options, secrets)
}
