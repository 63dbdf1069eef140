/** A guest's requests in, their answers out: each hop decided on, each piece of a body in either direction decided on again and charged. */
import { HandleRight } from '../../capabilities/isa.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { type Steps, wait } from '../kernel/steps.ts'
import { BORDER, NETWORK } from '../limits.ts'
import type { NetworkAnswer, NetworkDriver } from './drivers.ts'
import { type FetchRequest, nextHop, readFetch, readPiece } from './net-fetch.ts'
import { denied, type Hop, makeHop, type NetworkParts } from './net-hop.ts'
import type { NetRequest } from './net-request.ts'

/** What a guest gets of an answer; its body is read by number. */
export type FetchAnswer = {
  status: number
  statusText: string
  headers: [string, string][]
  url: string
  redirected: boolean
  body: number
}

/** What is still to come of a request whose body is sent in pieces. */
type Upload = {
  request: FetchRequest
  target: NetRequest
  /** Bytes that are missing, of a body whose length was said. */
  left: number | undefined
  isBusy: boolean
  isEnded: boolean
  isAsked: boolean
}

type Body = { handle: number; url: string; driver: NetworkDriver; id: number; upload?: Upload }

function notOpen(): GuestFacingError {
  return new GuestFacingError('EBADF', 'the body is not open')
}

/** The number of a body, as a guest gives it. @throws GuestFacingError EBADF */
function readNumber(input: unknown): number {
  if (typeof input !== 'number') throw notOpen()
  return input
}

export class GatedNetwork {
  readonly #parts: NetworkParts
  readonly #bodies = new Map<number, Body>()
  /** Requests without an answer, by the keys that their guest gave them. */
  readonly #underWay = new Map<number, AbortController>()
  #last = 0

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  /**
   * Makes a request and follows its redirects, each decided as if it were asked for.
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, TOKA_NET_SIZE, EINVAL
   */
  fetch(input: unknown, signal: AbortSignal): Steps<FetchAnswer> {
    const request = readFetch(input)
    return this.#begin(request.key, signal, (until) => this.#follow(request, 0, until))
  }

  /** Takes a request's steps, which its guest can end by the request's key, or by the number that it has already. */
  *#begin<T>(key: number | undefined, signal: AbortSignal, steps: (until: AbortSignal) => Steps<T>): Steps<T> {
    if (key === undefined) return yield* steps(signal)
    if (this.#underWay.has(key)) throw new GuestFacingError('EINVAL', 'the request is malformed')
    const stop = new AbortController()
    this.#underWay.set(key, stop)
    try {
      return yield* steps(AbortSignal.any([signal, stop.signal]))
    } finally {
      this.#underWay.delete(key)
    }
  }

  /** @param number of the body, where its guest knows one already */
  *#follow(first: FetchRequest, hops: number, signal: AbortSignal, number?: number): Steps<FetchAnswer> {
    let request = first
    for (let hop = hops; ; hop++) {
      const { body } = request
      const made = yield* makeHop(
        this.#parts,
        request,
        {
          act: (driver, asked, stop) => driver.request({ ...asked, ...(body ? { body } : {}) }, stop),
          number: (answer) => answer.body,
          sendsMore: false,
        },
        signal,
      )
      const next = nextHop(request, made.target, made.made)
      if (next === undefined) return this.#deliver(made, hop > 0, number)
      this.#drop(made)
      if (next === 'error' || hop >= NETWORK.redirects)
        throw new GuestFacingError('TOKA_NET_FAILED', 'the request was redirected, which it must not be, or too often')
      request = next
    }
  }

  #deliver(
    { made: answer, target, url, handle, driver }: Hop<NetworkAnswer>,
    redirected: boolean,
    number?: number,
  ): FetchAnswer {
    if (answer.body === 0) {
      this.#parts.calls.cvm.exports.closeHandle(handle)
      return { ...answer, url, redirected }
    }
    const body = number ?? ++this.#last
    this.#bodies.set(body, { handle, url: target.url, driver, id: answer.body })
    return { ...answer, url, redirected, body }
  }

  #drop({ handle, driver, made }: Hop<NetworkAnswer>): void {
    this.#parts.calls.cvm.exports.closeHandle(handle)
    if (made.body !== 0) void driver.close(made.body)
  }

  /**
   * Begins a request whose body is sent in pieces. Answers its number.
   * @throws GuestFacingError as `fetch`
   */
  open(input: unknown, signal: AbortSignal): Steps<number> {
    const request = readFetch(input)
    if (request.body) throw new GuestFacingError('EINVAL', 'the body of this request comes in pieces')
    return this.#begin(request.key, signal, (until) => this.#open(request, until))
  }

  *#open(request: FetchRequest, signal: AbortSignal): Steps<number> {
    const { made, target, url, handle, driver } = yield* makeHop(
      this.#parts,
      request,
      {
        act: (one, asked, stop) => one.open(asked, stop),
        number: (id) => id,
        sendsMore: true,
      },
      signal,
    )
    const number = ++this.#last
    const upload = { request, target, left: request.length, isBusy: false, isEnded: false, isAsked: false }
    this.#bodies.set(number, { handle, url, driver, id: made, upload })
    return number
  }

  /**
   * Sends the next piece of a request's body, none at its end. Each is decided on again, and charged.
   * @param input the number, the piece
   * @returns once it was taken; false when no more is wanted, since the answer is there
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, TOKA_NET_SIZE, EBADF, EINVAL
   */
  *send(input: unknown, signal: AbortSignal): Steps<boolean> {
    const { calls, traffic } = this.#parts
    const { number, piece } = readPiece(input)
    const body = this.#bodies.get(number)
    const upload = body?.upload
    if (!upload || upload.isBusy || upload.isEnded) throw notOpen()
    const size = piece.length
    const stop = new AbortController()
    upload.isBusy = true
    try {
      if (upload.left !== undefined && (size === 0 ? upload.left > 0 : size > upload.left))
        throw new GuestFacingError(
          'EINVAL',
          `the body has another length than the ${upload.request.length} that were said`,
        )
      const permit = calls.askHandle('net.fetch', body.url, body.handle, HandleRight.WRITE, size, size)
      if (!permit) throw denied()
      traffic.bytesWritten += size
      const isMoreWanted = yield* wait(
        calls.perform({
          permits: [permit],
          signal,
          refused: denied,
          act: () => body.driver.send(body.id, piece, stop.signal),
          // A piece that failed may have been sent in part: it stays charged.
          moved: () => size,
          cancel: () => stop.abort(),
        }),
      )
      if (upload.left !== undefined) upload.left -= size
      upload.isEnded ||= size === 0 || !isMoreWanted
      return isMoreWanted
    } catch (error) {
      this.cancel(number)
      throw error
    } finally {
      upload.isBusy = false
    }
  }

  /**
   * The answer to a request whose body is sent in pieces: it may come before the last of them.
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, EBADF
   */
  *answer(input: unknown, signal: AbortSignal): Steps<FetchAnswer> {
    const { calls } = this.#parts
    const number = readNumber(input)
    const body = this.#bodies.get(number)
    const upload = body?.upload
    if (!upload || upload.isAsked) throw notOpen()
    upload.isAsked = true
    const stop = new AbortController()
    try {
      const permit = calls.askHandle('net.fetch', body.url, body.handle, HandleRight.READ, 0, 0)
      if (!permit) throw denied()
      const answer = yield* wait(
        calls.perform({
          permits: [permit],
          signal,
          refused: denied,
          act: () => body.driver.answer(body.id, stop.signal),
          cancel: () => stop.abort(),
        }),
      )
      const next = nextHop(upload.request, upload.target, answer, true)
      if (next === undefined) return { ...answer, url: body.url, redirected: false, body: number }
      this.cancel(number)
      if (next === 'error')
        throw new GuestFacingError(
          'TOKA_NET_FAILED',
          'the request was redirected, which it must not be: a body that was sent in pieces cannot be sent again',
        )
      return yield* this.#begin(number, signal, (until) => this.#follow(next, 1, until, number))
    } catch (error) {
      this.cancel(number)
      throw error
    }
  }

  /**
   * The next bytes of a body; none at its end. Each chunk is decided on again, and charged.
   * @throws GuestFacingError TOKA_DENIED, TOKA_NET_FAILED, TOKA_NET_TIMEOUT, TOKA_NET_SIZE, EBADF
   */
  *read(input: unknown, signal: AbortSignal): Steps<Uint8Array> {
    const { calls, traffic } = this.#parts
    const number = readNumber(input)
    const body = this.#bodies.get(number)
    if (!body || (body.upload && !body.upload.isAsked)) throw notOpen()
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
          refused: denied,
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

  /** A body that nobody reads, or sends, any further; of a key, the request that nobody waits for. */
  cancel(number: unknown): void {
    if (typeof number !== 'number') return
    this.#underWay.get(number)?.abort()
    const body = this.#bodies.get(number)
    if (!body) return
    this.#bodies.delete(number)
    this.#parts.calls.cvm.exports.closeHandle(body.handle)
    void body.driver.close(body.id)
  }

  closeAll(): void {
    for (const number of [...this.#bodies.keys()]) this.cancel(number)
  }
}
