/** What a guest asks of `fetch` in, checked parts out; and where a redirect leads, as the Fetch standard has it. */
import { GuestFacingError } from '../kernel/host-port.ts'
import { BORDER, NETWORK } from '../limits.ts'
import type { NetworkAnswer } from './drivers.ts'
import type { NetRequest } from './net-request.ts'

export type FetchRequest = {
  url: string
  method: string
  headers: [string, string][]
  body?: Uint8Array
  /** Bytes of a body that comes in pieces, where the guest says so. */
  length?: number
  redirect: 'follow' | 'error' | 'manual'
  /** What the guest gives the request up by while it is under way: below zero. */
  key?: number
}

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Field values: no line end, no NUL, which would begin another header; no other control; Latin-1. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/
/** Set by the connection itself, or meant for proxies (Fetch standard, "forbidden request-header"). */
const FORBIDDEN =
  /^(?:accept-charset|accept-encoding|connection|content-length|date|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*)$/

function invalid(what: string): never {
  throw new GuestFacingError('EINVAL', what)
}

function text(value: unknown, most: number): string {
  return typeof value === 'string' && value.length <= most ? value : invalid('the request is malformed')
}

/** @throws GuestFacingError EINVAL */
export function readFetch(input: unknown): FetchRequest {
  if (typeof input !== 'object' || input === null) return invalid('the request is malformed')
  const { url, method, headers, body, length, redirect, key } = input as Record<string, unknown>
  if (!Array.isArray(headers) || headers.length > NETWORK.headers) return invalid('the request has too many headers')
  if (body !== undefined && !(body instanceof Uint8Array)) return invalid('the body of a request must be bytes')
  if (length !== undefined && !(Number.isSafeInteger(length) && (length as number) >= 0))
    return invalid('the length of a body must be a number of bytes')
  if (redirect !== 'follow' && redirect !== 'error' && redirect !== 'manual') return invalid('the request is malformed')
  if (key !== undefined && !(Number.isSafeInteger(key) && (key as number) < 0))
    return invalid('the request is malformed')
  return {
    url: text(url, 65_536),
    method: text(method, 32),
    headers: headers.map((pair: unknown) => {
      const [name, value] = Array.isArray(pair) ? (pair as unknown[]) : []
      return [text(name, 256).toLowerCase(), text(value, NETWORK.headerBytes)]
    }),
    ...(body ? { body: body.slice() } : {}),
    ...(length === undefined ? {} : { length: length as number }),
    redirect,
    ...(key === undefined ? {} : { key: key as number }),
  }
}

/**
 * A piece of a body, and the number of its request.
 * @throws GuestFacingError EINVAL
 */
export function readPiece(input: unknown): { number: number; piece: Uint8Array } {
  const [number, piece] = Array.isArray(input) ? (input as unknown[]) : []
  if (typeof number !== 'number' || !(piece instanceof Uint8Array)) return invalid('a piece of a body must be bytes')
  if (piece.length > BORDER.transferBytes) return invalid(`a piece of a body has at most ${BORDER.transferBytes} bytes`)
  return { number, piece: piece.slice() }
}

/**
 * Headers as they may be sent.
 * @throws GuestFacingError EINVAL
 */
export function checkHeaders(headers: readonly [string, string][]): [string, string][] {
  let bytes = 0
  return headers.map(([name, given]) => {
    const value = given.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, '')
    bytes += name.length + value.length
    if (!TOKEN.test(name) || !VALUE.test(value)) return invalid('a header of the request is malformed')
    if (FORBIDDEN.test(name)) return invalid(`the header ${name} cannot be set`)
    if (bytes > NETWORK.headerBytes) return invalid('the headers of the request are too large')
    return [name, value]
  })
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** What is for one origin alone (Fetch standard, HTTP-redirect fetch). */
const OF_ORIGIN: ReadonlySet<string> = new Set(['authorization', 'cookie'])

/**
 * The request that an answer redirects to. A body that was sent in pieces is gone: only 303, which asks for no body, is
 * followed (Fetch standard, HTTP-redirect fetch: a body whose source is null).
 * @param streamed whether the body was sent in pieces
 * @returns undefined when the answer is to be delivered
 */
export function nextHop(
  request: FetchRequest,
  target: NetRequest,
  answer: NetworkAnswer,
  streamed = false,
): FetchRequest | 'error' | undefined {
  if (!REDIRECTS.has(answer.status) || request.redirect === 'manual') return undefined
  const location = answer.headers.find(([name]) => name === 'location')?.[1]
  if (location === undefined) return undefined
  const url = request.redirect === 'error' ? null : URL.parse(location, target.url)
  if (!url) return 'error'
  const { status } = answer
  if (streamed && status !== 303) return 'error'
  const turnsToGet = (status === 303 && target.method !== 'HEAD') || (status < 303 && target.method === 'POST')
  const isSame = url.origin === new URL(target.url).origin
  const headers = request.headers.filter(
    ([name]) => (isSame || !OF_ORIGIN.has(name)) && !(turnsToGet && name.startsWith('content-')),
  )
  const { body, length: _, ...rest } = request
  return {
    ...rest,
    url: url.href,
    headers,
    method: turnsToGet ? 'GET' : request.method,
    ...(body && !turnsToGet ? { body } : {}),
  }
}
