/** A guest's request in, its answer out: each hop in canonical form, its host looked up, its address decided on and pinned, each chunk charged. */
import { parseAddress } from '../../capabilities/address.ts'
import { HandleRight } from '../../capabilities/isa.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { type Steps, wait } from '../kernel/steps.ts'
import { BORDER, NETWORK } from '../limits.ts'
import { askApproved } from './approval.ts'
import type { Calls, Permit } from './calls.ts'
import type { Drivers, NetworkAnswer, NetworkDriver } from './drivers.ts'
import type { Traffic } from './handles.ts'
import { undoOnFailure } from './maybe.ts'
import { checkHeaders, type FetchRequest, nextHop, readFetch } from './net-fetch.ts'
import { canonicalRequest, type NetRequest, slotsOf } from './net-request.ts'

export type NetworkParts = {
  calls: Calls
  drivers: Drivers
  approvals: boolean
  traffic: Traffic
}

/** What a guest gets of an answer; its body is read by number. */
export type FetchAnswer = {
  status: number
  statusText: string
  headers: [string, string][]
  url: string
  redirected: boolean
  body: number
}

type Held = Permit & { handle: number }
type Hop = { answer: NetworkAnswer; target: NetRequest; permit: Held }
type Body = { handle: number; url: string; driver: NetworkDriver; id: number }

/** Names that are this machine wherever they are looked up (RFC 6761, section 6.3). */
function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

/** The refusal that a guest sees, whatever the reason. */
function denied(): GuestFacingError {
  return new GuestFacingError('TOKA_DENIED', 'the request is not allowed here')
}

export class GatedNetwork {
  readonly #parts: NetworkParts
  readonly #bodies = new Map<number, Body>()
  #last = 0

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  /**
   * Makes a request and follows its redirects, each decided as if it were asked for.
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, TOKA_NET_SIZE, EINVAL
   */
  *fetch(input: unknown, signal: AbortSignal): Steps<FetchAnswer> {
    let request = readFetch(input)
    for (let hop = 0; ; hop++) {
      const { answer, target, permit } = yield* this.#hop(request, signal)
      const next = nextHop(request, target, answer)
      if (next === undefined) return this.#deliver(answer, target, permit, hop > 0)
      this.#drop(permit, answer)
      if (next === 'error' || hop >= NETWORK.redirects)
        throw new GuestFacingError('TOKA_NET_FAILED', 'the request was redirected, which it must not be, or too often')
      request = next
    }
  }

  *#hop(request: FetchRequest, signal: AbortSignal): Steps<Hop> {
    const { calls, drivers } = this.#parts
    const target = canonicalRequest(request.url, request.method)
    if (!target) {
      calls.refuse('net.fetch', request.url)
      throw denied()
    }
    const driver = drivers.network
    if (!driver) throw new GuestFacingError('TOKA_NET_FAILED', 'this sandbox has no network')
    const headers = checkHeaders(request.headers)
    const address = yield* this.#address(target, driver, signal)
    const permit = yield* wait(this.#ask(target, address, request, signal))
    if (!permit) throw denied()
    const handle = calls.cvm.exports.openHandle(permit.reservation, 0)
    if (handle === 0) {
      calls.cancel(permit)
      throw new GuestFacingError('EMFILE', 'too many open files')
    }
    const held = { ...permit, handle }
    const answer = yield* wait(this.#send(driver, target, address, { ...request, headers }, held, signal))
    return { answer, target, permit: held }
  }

  /** The address that a host has and a grant allows; the first one, which is then refused, when none is. */
  *#address(target: NetRequest, driver: NetworkDriver, signal: AbortSignal): Steps<string | undefined> {
    const { calls } = this.#parts
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

  #ask(
    target: NetRequest,
    address: string | undefined,
    { body }: FetchRequest,
    signal: AbortSignal,
  ): MaybePromise<Permit | undefined> {
    const length = body?.length ?? 0
    const slots = slotsOf(target, address === undefined ? target.literal : parseAddress(address))
    const ask = { operation: 'net.fetch' as const, name: target.url, want: length, least: length, slots }
    return askApproved(this.#parts, ask, { resource: target.url, method: target.method }, signal)
  }

  #send(
    driver: NetworkDriver,
    target: NetRequest,
    address: string | undefined,
    { headers, body }: FetchRequest,
    permit: Held,
    signal: AbortSignal,
  ): MaybePromise<NetworkAnswer> {
    const { calls, traffic } = this.#parts
    const stop = new AbortController()
    const release = (): void => void calls.cvm.exports.closeHandle(permit.handle)
    const sent = body?.length ?? 0
    traffic.bytesWritten += sent
    // The URL that was decided on, and no other.
    const request = {
      url: permit.name,
      method: target.method,
      headers,
      ...(body ? { body } : {}),
      ...(address ? { address } : {}),
    }
    const send = (): MaybePromise<NetworkAnswer> =>
      calls.perform({
        permits: [permit],
        signal,
        act: () => driver.request(request, stop.signal),
        moved: () => sent,
        drop: (late) => void driver.close(late.body),
        cancel: () => {
          release()
          stop.abort()
        },
      })
    return undoOnFailure(send, release)
  }

  #deliver(answer: NetworkAnswer, target: NetRequest, permit: Held, redirected: boolean): FetchAnswer {
    const { status, statusText, headers } = answer
    const whole = { status, statusText, headers, url: permit.name, redirected, body: 0 }
    if (answer.body === 0) {
      this.#parts.calls.cvm.exports.closeHandle(permit.handle)
      return whole
    }
    const number = ++this.#last
    this.#bodies.set(number, {
      handle: permit.handle,
      url: target.url,
      driver: this.#parts.drivers.network!,
      id: answer.body,
    })
    return { ...whole, body: number }
  }

  #drop({ handle }: { handle: number }, { body }: NetworkAnswer): void {
    this.#parts.calls.cvm.exports.closeHandle(handle)
    if (body !== 0) void this.#parts.drivers.network?.close(body)
  }

  /**
   * The next bytes of a body; none at its end. Each chunk is decided on again, and charged.
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, TOKA_NET_SIZE, EBADF
   */
  *read(number: unknown, signal: AbortSignal): Steps<Uint8Array> {
    const { calls, traffic } = this.#parts
    const body = this.#bodies.get(Number(number))
    if (!body) throw new GuestFacingError('EBADF', 'the body is not open')
    const permit = calls.askHandle('net.fetch', body.url, body.handle, HandleRight.READ, BORDER.transferBytes, 0)
    if (!permit) {
      this.cancel(number)
      throw denied()
    }
    const stop = new AbortController()
    // The byte quota is spent: that the body is over may still be told, more of it may not.
    const most = Math.max(permit.amount, 1)
    try {
      const bytes = yield* wait(
        calls.perform({
          permits: [permit],
          signal,
          act: () => body.driver.read(body.id, most, stop.signal),
          moved: (chunk) => chunk?.length ?? permit.amount,
          cancel: () => stop.abort(),
        }),
      )
      if (bytes.length > permit.amount) {
        calls.cancel(calls.askHandle('net.fetch', body.url, body.handle, HandleRight.READ, 1, 1))
        throw denied()
      }
      traffic.bytesRead += bytes.length
      if (bytes.length === 0) this.cancel(number)
      return bytes
    } catch (error) {
      this.cancel(number)
      throw error
    }
  }

  /** A body that nobody reads any further. */
  cancel(number: unknown): void {
    const body = this.#bodies.get(Number(number))
    if (!body) return
    this.#bodies.delete(Number(number))
    this.#parts.calls.cvm.exports.closeHandle(body.handle)
    void body.driver.close(body.id)
  }

  closeAll(): void {
    for (const number of [...this.#bodies.keys()]) this.cancel(number)
  }
}
