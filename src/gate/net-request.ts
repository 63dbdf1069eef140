/**
 * A URL from a guest in, its one canonical form out, taken apart as policy is decided on it.
 *
 * The WHATWG parser brings a URL into its form: lower-case host in punycode, addresses as plain numbers (`0x7f.1` is
 * 127.0.0.1), dots in the path resolved. What is left that servers read in more than one way is refused: credentials,
 * a host with a trailing dot, an encoded slash, backslash, NUL or line end in the path. Letters that need no encoding
 * are decoded, so that one path has one text.
 */
import { isSpecial, parseAddress } from '../../capabilities/address.ts'
import { METHODS, methodNumber, SPECIAL_ADDRESS } from '../../capabilities/methods.ts'
import type { Slots } from './cvm.ts'

/** Bytes of a URL: what the CVM's name slot holds. */
const URL_BYTES = 4_096
const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }
/** Encoded forms of what separates, ends or hides: `/` `\` NUL, controls and DEL, `%` itself. */
const AMBIGUOUS = /%(?:2F|5C|25|[01][0-9A-F]|7F)/
const UNRESERVED = /%(?:2D|2E|5F|7E|3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A])/g

export type NetRequest = {
  /** Canonical, without fragment. */
  url: string
  scheme: 'http' | 'https'
  /** As in a URL: IPv6 in brackets. */
  host: string
  port: number
  method: (typeof METHODS)[number]
  /** Of a host that is one. */
  literal: Uint8Array | undefined
  path: string
}

function canonicalPathname(pathname: string): string | undefined {
  const upper = pathname.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase())
  if (AMBIGUOUS.test(upper)) return undefined
  const decoded = upper.replace(UNRESERVED, decodeURIComponent)
  // What was decoded must not have made a new `.` or `..`.
  return /(^|\/)\.{1,2}(\/|$)/.test(decoded) || /[^\u0021-\u007e]|[\\?#]/.test(decoded) ? undefined : decoded
}

/**
 * Brings a request's URL and method into canonical form.
 * @returns undefined for what has none
 */
export function canonicalRequest(text: string, method: string): NetRequest | undefined {
  if (text.length > URL_BYTES) return undefined
  const url = URL.parse(text)
  if (!url || !(url.protocol in DEFAULT_PORT) || url.username !== '' || url.password !== '') return undefined
  const known = METHODS.find((name) => name === method.toUpperCase())
  const { hostname: host } = url
  if (!known || host === '' || host.length > 253 + 2 || /[^a-z0-9\-_.[\]:]/.test(host)) return undefined
  // `example.com.` is the same host to DNS and another text to policy; a label may not be empty or too long either.
  const labels = host.startsWith('[') ? [] : host.split('.')
  if (labels.some((label) => label === '' || label.length > 63)) return undefined
  const path = canonicalPathname(url.pathname)
  if (path === undefined) return undefined
  url.hash = ''
  url.pathname = path
  const literal = parseAddress(host.replace(/^\[(.*)\]$/, '$1'))
  if (url.pathname !== path || url.href.length > URL_BYTES || (host.startsWith('[') && !literal)) return undefined
  return {
    url: url.href,
    scheme: url.protocol === 'https:' ? 'https' : 'http',
    host,
    port: url.port === '' ? DEFAULT_PORT[url.protocol]! : Number(url.port),
    method: known,
    literal,
    path,
  }
}

/** The slots of a request. `address`: of its host, where it is known; a host that is an address has that one. */
export function slotsOf({ method, scheme, host, port, path, literal }: NetRequest, address = literal): Slots {
  const special = address && isSpecial(address) ? SPECIAL_ADDRESS : 0
  return { path, host, port, method: methodNumber(method, scheme) + special, ...(address ? { last: address } : {}) }
}

/** A request's URL and slots from texts; undefined for what has no canonical form. */
export function requestSlots(url: string, method: string, address?: string): { url: string; slots: Slots } | undefined {
  const request = canonicalRequest(url, method)
  const parsed = address === undefined ? undefined : parseAddress(address)
  if (!request || (address !== undefined && !parsed)) return undefined
  return { url: request.url, slots: slotsOf(request, parsed ?? request.literal) }
}
