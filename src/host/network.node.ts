/** Requests of guests over Node's own http and https: to the address that was decided on, following nothing, decompressing in pieces. */
import { lookup as systemLookup } from 'node:dns/promises'
import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { parseAddress } from '../../capabilities/address.ts'
import type { NetworkAnswer, NetworkDriver, NetworkRequest, NetworkUpload } from '../gate/drivers.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { NETWORK } from '../limits.ts'
import { type Answered, NetworkBodies, within } from './network-bodies.ts'
import { answerTo, NodeUpload, unreachable } from './network-upload.node.ts'
import { NetworkUploads } from './network-uploads.ts'
import type { HeaderSecret, NetworkOptions } from '../network-options.ts'
import { Redactor } from './redactor.ts'

/** What the connection keeps to itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The body, decompressed as it is read: no more than a piece is ever unpacked ahead. */
function decoded(message: IncomingMessage): { stream: Readable; changed: boolean } {
  const encoding = message.headers['content-encoding']?.trim().toLowerCase()
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : encoding === 'br'
          ? createBrotliDecompress()
          : undefined
  if (!decoder) return { stream: message, changed: false }
  message.on('error', (error) => decoder.destroy(error))
  // One that broke before anybody looked says so no more.
  if (message.errored) decoder.destroy(message.errored)
  message.pipe(decoder)
  return { stream: decoder, changed: true }
}

function headersOf({ rawHeaders }: IncomingMessage, changed: boolean, redactor: Redactor): [string, string][] {
  const headers: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    if (HOP_BY_HOP.has(name) || (changed && (name === 'content-encoding' || name === 'content-length'))) continue
    headers.push([name, redactor.text(rawHeaders[index + 1]!)])
  }
  return headers
}

function describe(message: IncomingMessage, secrets: readonly HeaderSecret[]): Answered {
  const values = secrets.map(({ value }) => value)
  const { stream, changed } = decoded(message)
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  const stop = (): void => {
    stream.destroy()
    message.destroy()
  }
  stream.on('error', stop)
  return {
    status: message.statusCode ?? 0,
    statusText: new Redactor(values).text(message.statusMessage ?? ''),
    headers: headersOf(message, changed, new Redactor(values)),
    source: { next: () => iterator.next(), stop },
    secrets: values,
  }
}

class NodeNetwork implements NetworkDriver {
  readonly #options: NetworkOptions
  readonly #secrets: readonly HeaderSecret[]
  readonly #bodies: NetworkBodies
  readonly #uploads: NetworkUploads
  #lookups = 0

  constructor(options: NetworkOptions, secrets: readonly HeaderSecret[]) {
    this.#options = options
    this.#secrets = secrets
    this.#bodies = new NetworkBodies(options)
    this.#uploads = new NetworkUploads(options, this.#bodies)
  }

  async lookup(host: string): Promise<readonly string[]> {
    const look =
      this.#options.lookup ??
      (async (name) => (await systemLookup(name, { all: true, verbatim: true })).map(({ address }) => address))
    const most = Math.max(NETWORK.lookups, this.#options.concurrent ?? 0)
    if (this.#lookups >= most)
      throw new GuestFacingError('TOKA_NET_FAILED', `more than ${most} lookups of hosts at once`)
    this.#lookups++
    // A lookup cannot be ended: one that nobody waits for any more counts as long as it lasts.
    const found = (async () => look(host))().finally(() => this.#lookups--)
    try {
      return await within(NETWORK.lookupMs, found, () => {})
    } catch (error) {
      throw error instanceof GuestFacingError ? error : unreachable()
    }
  }

  async request(request: NetworkRequest, signal: AbortSignal): Promise<NetworkAnswer> {
    try {
      return await this.#bodies.request(signal, () => this.#ask(request, signal))
    } catch (error) {
      throw error instanceof GuestFacingError ? error : unreachable()
    }
  }

  async #ask({ body, ...request }: NetworkRequest, signal: AbortSignal): Promise<Answered> {
    const { timeoutMs = NETWORK.answerMs } = this.#options
    const { secrets, begun } = this.#begin({ ...request, length: body?.length ?? 0 }, signal)
    try {
      const answer = answerTo(begun)
      begun.end(body)
      return describe(await within(timeoutMs, answer, () => begun.destroy()), secrets)
    } catch (error) {
      begun.destroy()
      throw error
    }
  }

  open(request: NetworkUpload, signal: AbortSignal): number {
    const { timeoutMs = NETWORK.answerMs } = this.#options
    return this.#uploads.open((died) => {
      const { secrets, begun } = this.#begin(request, signal)
      return new NodeUpload(begun, { timeoutMs, describe: (message) => describe(message, secrets), died })
    })
  }

  send(upload: number, piece: Uint8Array, signal: AbortSignal): Promise<boolean> {
    return this.#uploads.send(upload, piece, signal)
  }

  answer(upload: number, signal: AbortSignal): Promise<NetworkAnswer> {
    return this.#uploads.answer(upload, signal)
  }

  #begin(
    { url, method, headers, length, address }: NetworkUpload,
    signal: AbortSignal,
  ): { begun: ClientRequest; secrets: readonly HeaderSecret[] } {
    const secrets = this.#secrets.filter(({ origin }) => origin === new URL(url).origin)
    const target = new URL(url)
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1')
    const fields: [string, string][] = [
      ...headers.filter(([name]) => !secrets.some(({ header }) => header.toLowerCase() === name)),
      ['accept-encoding', 'gzip, deflate, br'],
      ...framing(method, length),
    ]
    for (const { header, value } of secrets) fields.push([header.toLowerCase(), value])
    const begun = (target.protocol === 'https:' ? secureRequest : plainRequest)({
      host,
      port: target.port === '' ? undefined : Number(target.port),
      path: `${target.pathname}${target.search}`,
      method,
      headers: grouped(fields),
      signal,
      // No connection is shared: one that was opened for another decision must not serve this one.
      agent: false,
      maxHeaderSize: NETWORK.answerHeaderBytes,
      ...(isIP(host) ? {} : { lookup: pinned(address) }),
      ...(target.protocol === 'https:' && !isIP(host) ? { servername: host } : {}),
      ...(this.#options.ca === undefined ? {} : { ca: this.#options.ca }),
    })
    begun.once('socket', (socket) =>
      socket.once('connect', () => {
        const meant = parseAddress(address ?? host)
        const found = parseAddress(socket.remoteAddress ?? '')
        if (!meant || !found || meant.join() !== found.join()) begun.destroy(unreachable())
      }),
    )
    return { begun, secrets }
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

/** Methods whose requests say nothing of a body that they do not have (RFC 9110, section 8.6). */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** How a body's length is said. @param length undefined where nobody has said it */
function framing(method: string, length: number | undefined): [string, string][] {
  if (length === undefined) return [['transfer-encoding', 'chunked']]
  return length === 0 && BODILESS.has(method) ? [] : [['content-length', String(length)]]
}

/** A header that was given twice is sent twice. */
function grouped(fields: readonly [string, string][]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of fields) {
    const known = headers[name]
    headers[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value]
  }
  return headers
}

type Lookup = (
  host: string,
  options: { all?: boolean | undefined },
  done: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
) => void

/** Every name is the address that was decided on; without one nothing is connected to. */
function pinned(address: string | undefined): Lookup {
  return (_host, { all }, done) => {
    const family = isIP(address ?? '')
    if (address === undefined || family === 0) return done(unreachable(), '')
    if (all) done(null, [{ address, family }])
    else done(null, address, family)
  }
}

export function openNetwork(options: NetworkOptions, secrets: readonly HeaderSecret[]): NetworkDriver {
  return new NodeNetwork(options, secrets)
}
