/** The WIT types of wasi:http/types, and what failures of the network are called there. */
import { GuestFacingError } from '../../../src/kernel/host-port.ts'
import { list, option, primitive, record, variant, type WitType } from '../wit-types.ts'
import { hostResource } from './definitions.ts'

const TYPES = 'wasi:http/types'

export const fields = hostResource(TYPES, 'fields')
export const outgoingRequest = hostResource(TYPES, 'outgoing-request')
export const outgoingBody = hostResource(TYPES, 'outgoing-body')
export const requestOptions = hostResource(TYPES, 'request-options')
export const futureResponse = hostResource(TYPES, 'future-incoming-response')
export const incomingResponse = hostResource(TYPES, 'incoming-response')
export const incomingBody = hostResource(TYPES, 'incoming-body')
/** Of WASI 0.3. */
export const request = hostResource(TYPES, 'request')
export const response = hostResource(TYPES, 'response')
export const futureTrailers = hostResource(TYPES, 'future-trailers')

const string = primitive('string')
const u32 = primitive('u32')

export const fieldValue = list(primitive('u8'))

export const headerError = variant([
  ['invalid-syntax', undefined],
  ['forbidden', undefined],
  ['immutable', undefined],
])

export const method = variant([
  ...['get', 'head', 'post', 'put', 'delete', 'connect', 'options', 'trace', 'patch'].map(
    (name) => [name, undefined] as const,
  ),
  ['other', string],
])

export const scheme = variant([
  ['HTTP', undefined],
  ['HTTPS', undefined],
  ['other', string],
])

export type Named = { tag: string; val?: string }

const fieldSize = record([
  ['field-name', option(string)],
  ['field-size', option(u32)],
])
const dnsError = record([
  ['rcode', option(string)],
  ['info-code', option(primitive('u16'))],
])
const tlsAlert = record([
  ['alert-id', option(primitive('u8'))],
  ['alert-message', option(string)],
])
const size = option(primitive('u64'))

const CASES: readonly (readonly [string, WitType | undefined])[] = [
  ['DNS-timeout', undefined],
  ['DNS-error', dnsError],
  ['destination-not-found', undefined],
  ['destination-unavailable', undefined],
  ['destination-IP-prohibited', undefined],
  ['destination-IP-unroutable', undefined],
  ['connection-refused', undefined],
  ['connection-terminated', undefined],
  ['connection-timeout', undefined],
  ['connection-read-timeout', undefined],
  ['connection-write-timeout', undefined],
  ['connection-limit-reached', undefined],
  ['TLS-protocol-error', undefined],
  ['TLS-certificate-error', undefined],
  ['TLS-alert-received', tlsAlert],
  ['HTTP-request-denied', undefined],
  ['HTTP-request-length-required', undefined],
  ['HTTP-request-body-size', size],
  ['HTTP-request-method-invalid', undefined],
  ['HTTP-request-URI-invalid', undefined],
  ['HTTP-request-URI-too-long', undefined],
  ['HTTP-request-header-section-size', option(u32)],
  ['HTTP-request-header-size', option(fieldSize)],
  ['HTTP-request-trailer-section-size', option(u32)],
  ['HTTP-request-trailer-size', fieldSize],
  ['HTTP-response-incomplete', undefined],
  ['HTTP-response-header-section-size', option(u32)],
  ['HTTP-response-header-size', fieldSize],
  ['HTTP-response-body-size', size],
  ['HTTP-response-trailer-section-size', option(u32)],
  ['HTTP-response-trailer-size', fieldSize],
  ['HTTP-response-transfer-coding', option(string)],
  ['HTTP-response-content-coding', option(string)],
  ['HTTP-response-timeout', undefined],
  ['HTTP-upgrade-failed', undefined],
  ['HTTP-protocol-error', undefined],
  ['loop-detected', undefined],
  ['configuration-error', undefined],
  ['internal-error', option(string)],
]

export const httpError = variant(CASES)
export type HttpError = { tag: string; val?: unknown }

const CODES: Readonly<Record<string, string>> = {
  TOKA_DENIED: 'HTTP-request-denied',
  EACCES: 'HTTP-request-denied',
  TOKA_LIMIT_CALLS: 'connection-limit-reached',
  TOKA_NET_FAILED: 'destination-unavailable',
  TOKA_NET_TIMEOUT: 'connection-timeout',
  TOKA_NET_SIZE: 'HTTP-response-body-size',
  TOKA_VALUE_SIZE: 'HTTP-request-body-size',
  ECANCELED: 'connection-terminated',
  EPIPE: 'connection-terminated',
  EAGAIN: 'connection-limit-reached',
  EMFILE: 'connection-limit-reached',
  EINVAL: 'HTTP-protocol-error',
}

/**
 * What a failure is called: of one that has no name, its text.
 * @throws what is a fault of ours
 */
export function httpErrorOf(error: unknown): HttpError {
  if (!(error instanceof GuestFacingError)) throw error
  const tag = CODES[error.code]
  return tag ? { tag } : { tag: 'internal-error', val: error.message.toWellFormed() }
}
