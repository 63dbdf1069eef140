/**
 * Requests of guests over the page's own `fetch`. A page learns neither addresses nor where a redirect leads: so grants
 * that name networks allow no host by name here, and a redirect is a failure.
 */
import type { NetworkAnswer, NetworkDriver, NetworkRequest, NetworkUpload } from '../gate/drivers.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { NETWORK } from '../limits.ts'
import { CollectedUpload } from './collected-upload.browser.ts'
import { type Answered, NetworkBodies, within } from './network-bodies.ts'
import { NetworkUploads } from './network-uploads.ts'
import type { HeaderSecret, NetworkOptions } from '../network-options.ts'
import { Redactor } from './redactor.ts'

const failed = (): GuestFacingError => new GuestFacingError('TOKA_NET_FAILED', 'the host cannot be reached')

function describe(
  { status, statusText, headers, body }: Response,
  secrets: readonly string[],
  stop: AbortController,
): Answered {
  const redactor = new Redactor(secrets)
  const reader = body?.getReader()
  const next = async (): Promise<IteratorResult<Uint8Array, unknown>> => {
    const step = await reader?.read()
    return step?.value ? { done: false, value: step.value } : { done: true, value: undefined }
  }
  return {
    status,
    statusText: redactor.text(statusText),
    headers: [...headers].map(([name, value]) => [name, redactor.text(value)]),
    source: { next, stop: () => stop.abort() },
    secrets,
  }
}

class BrowserNetwork implements NetworkDriver {
  readonly #options: NetworkOptions
  readonly #secrets: readonly HeaderSecret[]
  readonly #bodies: NetworkBodies
  readonly #uploads: NetworkUploads

  constructor(options: NetworkOptions, secrets: readonly HeaderSecret[]) {
    this.#options = options
    this.#secrets = secrets
    this.#bodies = new NetworkBodies(options)
    this.#uploads = new NetworkUploads(options, this.#bodies)
  }

  lookup(): undefined {
    return undefined
  }

  async request(request: NetworkRequest, signal: AbortSignal): Promise<NetworkAnswer> {
    try {
      return await this.#bodies.request(signal, () => this.#ask(request, signal))
    } catch (error) {
      throw error instanceof GuestFacingError ? error : failed()
    }
  }

  open({ length: _, ...request }: NetworkUpload): number {
    return this.#uploads.open(() => new CollectedUpload((body, signal) => this.#ask({ ...request, body }, signal)))
  }

  send(upload: number, piece: Uint8Array, signal: AbortSignal): Promise<boolean> {
    return this.#uploads.send(upload, piece, signal)
  }

  answer(upload: number, signal: AbortSignal): Promise<NetworkAnswer> {
    return this.#uploads.answer(upload, signal)
  }

  async #ask({ url, method, headers, body }: NetworkRequest, signal: AbortSignal): Promise<Answered> {
    const { timeoutMs = NETWORK.answerMs } = this.#options
    const secrets = this.#secrets.filter(({ origin }) => origin === new URL(url).origin)
    const stop = new AbortController()
    const fields = new Headers(headers)
    for (const { header, value } of secrets) fields.set(header, value)
    try {
      const sent = fetch(url, {
        method,
        headers: fields,
        // Of GET and HEAD not even an empty one is allowed.
        ...(body?.length ? { body: new Uint8Array(body) } : {}),
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.any([signal, stop.signal]),
      })
      const response = await within(timeoutMs, sent, () => stop.abort())
      return describe(
        response,
        secrets.map(({ value }) => value),
        stop,
      )
    } catch (error) {
      stop.abort()
      throw error
    }
  }

  read(body: number, most: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#bodies.read(body, most, signal)
  }

  close(body: number): void {
    this.#uploads.close(body)
    this.#bodies.close(body)
  }

  closeAll(): void {
    this.#uploads.closeAll()
    this.#bodies.closeAll()
  }
}

export function openNetwork(options: NetworkOptions, secrets: readonly HeaderSecret[]): NetworkDriver {
  return new BrowserNetwork(options, secrets)
}
