/** One request of a chain of redirects: in canonical form, its host looked up, its address decided on, and given to the driver pinned. */
import { parseAddress } from '../../capabilities/address.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { type Steps, wait } from '../kernel/steps.ts'
import { askApproved } from './approval.ts'
import type { Calls, Permit } from './calls.ts'
import type { Drivers, NetworkDriver, NetworkUpload } from './drivers.ts'
import type { Traffic } from './handles.ts'
import { undoOnFailure } from './maybe.ts'
import { checkHeaders, type FetchRequest } from './net-fetch.ts'
import { canonicalRequest, type NetRequest, slotsOf } from './net-request.ts'

export type NetworkParts = {
  calls: Calls
  drivers: Drivers
  approvals: boolean
  traffic: Traffic
}

/** A request that was given to the driver, what came of it, and the handle that what follows is decided by. */
export type Hop<T> = { made: T; target: NetRequest; url: string; handle: number; driver: NetworkDriver }

/** What the driver is asked. */
type Make<T> = {
  act: (driver: NetworkDriver, request: NetworkUpload, signal: AbortSignal) => MaybePromise<T>
  /** The driver's number for what nobody waits for any more. */
  number: (made: T) => number
  /** Whether more than the request will be sent. */
  sendsMore: boolean
}

/** Names that are this machine wherever they are looked up (RFC 6761, section 6.3). */
function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** The refusal that a guest sees, whatever the reason. */
export function denied(): GuestFacingError {
  return new GuestFacingError('TOKA_DENIED', 'the request is not allowed here')
}

/**
 * Decides on a request, and has it made.
 * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, EMFILE, EINVAL
 */
export function* makeHop<T>(
  parts: NetworkParts,
  request: FetchRequest,
  make: Make<T>,
  signal: AbortSignal,
): Steps<Hop<T>> {
  const { calls, drivers } = parts
  const target = canonicalRequest(request.url, request.method)
  if (!target) {
    calls.refuse('net.fetch', request.url)
    throw denied()
  }
  const driver = drivers.network
  if (!driver) throw new GuestFacingError('TOKA_NET_FAILED', 'this sandbox has no network')
  const headers = checkHeaders(request.headers)
  const address = yield* addressOf(calls, target, driver, signal)
  const permit = yield* wait(ask(parts, target, address, request, signal))
  if (!permit) throw denied()
  const handle = calls.cvm.exports.openHandle(permit.reservation, make.sendsMore ? permit.reservation : 0)
  if (handle === 0) {
    calls.cancel(permit)
    throw new GuestFacingError('EMFILE', 'too many open files')
  }
  const { length } = request
  const asked = {
    url: permit.name,
    method: target.method,
    headers,
    ...(address ? { address } : {}),
    ...(length === undefined ? {} : { length }),
  }
  const hop = { target, url: permit.name, handle, driver }
  return { ...hop, made: yield* wait(perform(parts, hop, permit, asked, request.body?.length ?? 0, make, signal)) }
}

/** The address that a host has and a grant allows; the first one, which is then refused, when none is. */
function* addressOf(
  calls: Calls,
  target: NetRequest,
  driver: NetworkDriver,
  signal: AbortSignal,
): Steps<string | undefined> {
  if (target.literal) return undefined
  // A lookup tells the host's name to servers: whatever no grant covers is refused before.
  if (!calls.probe('net.resolve', target.url, 0, slotsOf(target))) {
    calls.cancel(calls.ask({ operation: 'net.resolve', name: target.url, slots: slotsOf(target) }))
    throw denied()
  }
  const stop = new AbortController()
  const found = yield* wait(
    calls.perform({
      permits: [],
      signal,
      act: () => driver.lookup(target.host, stop.signal),
      cancel: () => stop.abort(),
    }),
  )
  if (found === undefined) return isLoopbackName(target.host) ? '127.0.0.1' : undefined
  const usable = found.filter((text) => parseAddress(text))
  if (usable.length === 0) throw new GuestFacingError('TOKA_NET_FAILED', 'the host cannot be reached')
  const allows = (text: string): boolean => {
    const slots = slotsOf(target, parseAddress(text))
    return [false, true].some((approved) => calls.probe('net.fetch', target.url, 0, { ...slots, approved }))
  }
  return usable.find(allows) ?? usable[0]
}

function ask(
  parts: NetworkParts,
  target: NetRequest,
  address: string | undefined,
  { body }: FetchRequest,
  signal: AbortSignal,
): MaybePromise<Permit | undefined> {
  const length = body?.length ?? 0
  const slots = slotsOf(target, address === undefined ? target.literal : parseAddress(address))
  const asked = { operation: 'net.fetch' as const, name: target.url, want: length, least: length, slots }
  return askApproved(parts, asked, { resource: target.url, method: target.method }, signal)
}

/** @param sent bytes that go with the request */
function perform<T>(
  { calls, traffic }: NetworkParts,
  { driver, handle }: Omit<Hop<T>, 'made'>,
  permit: Permit,
  request: NetworkUpload,
  sent: number,
  make: Make<T>,
  signal: AbortSignal,
): MaybePromise<T> {
  const stop = new AbortController()
  const release = (): void => void calls.cvm.exports.closeHandle(handle)
  traffic.bytesWritten += sent
  const send = (): MaybePromise<T> =>
    calls.perform({
      permits: [permit],
      signal,
      refused: denied,
      act: () => make.act(driver, request, stop.signal),
      moved: () => sent,
      drop: (late) => void driver.close(make.number(late)),
      cancel: () => {
        release()
        stop.abort()
      },
    })
  return undoOnFailure(send, release)
}
