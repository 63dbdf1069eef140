/** Every call that leaves a sandbox: decided in the CVM, recorded, acted on with the checked copy, settled, and dropped when late. */
import { Action, type ActionName, RequestFlag } from '../../capabilities/isa.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import type { Limits } from '../limits.ts'
import { Audit } from './audit.ts'
import type { Cvm } from './cvm.ts'
import { type Denial, DenialList, describeDenial, reasonName } from './denials.ts'
import { isLate } from './maybe.ts'

/** The limits that the gate keeps. */
export type GateLimits = Pick<Limits, 'hostCalls' | 'concurrentCalls' | 'flatBytes' | 'structuredBytes'>

/** What happened at the gate, as it happens. */
export type GateEvent =
  | { type: 'denied'; denial: Denial }
  | { type: 'allowed'; operation: ActionName; resource: string }

/** One verdict with the time that it took, in microseconds. */
export type GateTrace = {
  operation: ActionName
  resource: string
  verdict: 'allowed' | 'denied'
  reason?: string
  microseconds: number
}

export type Observers = {
  /** Sees every verdict. Must not throw: what it throws is dropped. */
  onEvent?: ((event: GateEvent) => void) | undefined
  /** The same with the time that each decision took. */
  trace?: ((event: GateTrace) => void) | undefined
}

/** An allowed call: the reservation to settle, the name that was checked, the bytes that it may move. */
export type Permit = {
  readonly reservation: number
  readonly operation: ActionName
  readonly name: string
  readonly amount: number
}

export type Ask = {
  operation: ActionName
  /** Canonical path or name. */
  name: string
  /** Bits of `RequestFlag`. */
  flags?: number
  /** Bytes that the call may move, and the fewest that make sense. */
  want?: number
  least?: number
}

/** A call that waits for its driver. */
type Flight = { abort(): void }

/** How to act on a permit. */
export type Act<T> = {
  permits: readonly Permit[]
  act: () => MaybePromise<T>
  /** Bytes moved, of a result; of a failure when there is none. */
  moved?: (result: T | undefined) => number
  /** Undoes a result that nobody waits for any more. */
  drop?: (result: T) => void
  /** Stops the driver. */
  cancel?: () => void
  /** Aborts this call alone. */
  signal?: AbortSignal
}

/** UTF-16 units kept of a name that has no canonical form. */
const RAW_NAME = 256

/** The refusal that a guest sees: the same text whatever the reason. */
export function accessError(): GuestFacingError {
  return new GuestFacingError('EACCES', 'permission denied')
}

function cancelled(): GuestFacingError {
  return new GuestFacingError('ECANCELED', 'the call was cancelled')
}

/** A driver's failure as a guest may see it: only errors that were meant for guests keep their text. */
function guestError(error: unknown): GuestFacingError {
  return error instanceof GuestFacingError ? error : new GuestFacingError('EIO', 'input/output error')
}

/** The calls of one gate. */
export class Calls {
  readonly cvm: Cvm
  readonly denials = new DenialList()
  readonly audit = new Audit()
  readonly #now: () => number
  readonly #observers: Observers
  readonly #flights = new Set<Flight>()
  /** The calls under way by the signal that aborts them. */
  readonly #bound = new Map<AbortSignal, { flights: Set<Flight>; abort: () => void }>()

  constructor(cvm: Cvm, now: () => number, observers: Observers) {
    this.cvm = cvm
    this.#now = now
    this.#observers = observers
  }

  /** Asks without leaving a trace: nothing is counted, charged or logged. */
  probe(operation: ActionName, name: string, flags = 0): boolean {
    const length = this.cvm.write(name)
    return (
      length >= 0 &&
      this.cvm.exports.decide(Action[operation], length, 0, 0, this.#now(), flags | RequestFlag.PROBE) >= 0
    )
  }

  /** Asks the CVM. `undefined` when it refuses, which is recorded. */
  ask({ operation, name, flags = 0, want = 0, least = 0 }: Ask): Permit | undefined {
    const begun = this.#observers.trace ? performance.now() : 0
    const { cvm } = this
    const length = cvm.write(name)
    const now = this.#now()
    const answer =
      length < 0 ? cvm.exports.refuse() : cvm.exports.decide(Action[operation], length, want, least, now, flags)
    // From here on only the copy that was decided on counts, never the caller's string.
    const checked = length < 0 ? name.slice(0, RAW_NAME).toWellFormed() : cvm.read(length)
    return this.#conclude(operation, checked, answer, now, begun)
  }

  /** Asks for a call on an open handle. */
  askHandle(
    operation: ActionName,
    name: string,
    handle: number,
    right: number,
    want: number,
    least: number,
  ): Permit | undefined {
    const begun = this.#observers.trace ? performance.now() : 0
    const now = this.#now()
    return this.#conclude(operation, name, this.cvm.exports.checkHandle(handle, right, want, least, now), now, begun)
  }

  /** Records a request that has no canonical form. */
  refuse(operation: ActionName, raw: string): void {
    this.#conclude(operation, raw.slice(0, RAW_NAME).toWellFormed(), this.cvm.exports.refuse(), this.#now(), 0)
  }

  #conclude(operation: ActionName, name: string, answer: number, now: number, begun: number): Permit | undefined {
    const link = this.cvm.exports.link()
    const amount = answer > 0 ? this.cvm.exports.amount() : 0
    const reason = answer > 0 ? 0 : -answer
    this.audit.add({ time: now, operation: Action[operation], reason, link, amount, resource: name })
    this.#report(operation, name, reason, link, begun)
    return answer > 0 ? { reservation: answer, operation, name, amount } : undefined
  }

  #report(operation: ActionName, name: string, reason: number, link: number, begun: number): void {
    const { onEvent, trace } = this.#observers
    const denial = reason === 0 ? undefined : describeDenial(operation, name, reasonName(reason), link)
    if (denial) this.denials.add(denial)
    if (!onEvent && !trace) return
    try {
      const microseconds = begun === 0 ? 0 : (performance.now() - begun) * 1_000
      const verdict = denial ? 'denied' : 'allowed'
      trace?.({ operation, resource: name, verdict, ...(denial ? { reason: denial.reason } : {}), microseconds })
      onEvent?.(denial ? { type: 'denied', denial } : { type: 'allowed', operation, resource: name })
    } catch {
      // An observer's fault must not decide a call.
    }
  }

  /** Gives everything back: the call does not happen. */
  cancel(permit: Permit | undefined): void {
    if (permit) this.cvm.exports.cancel(permit.reservation)
  }

  /** Acts, then settles. A result that comes later is decided on once more before it is delivered. */
  perform<T>(call: Act<T>): MaybePromise<T> {
    if (call.signal?.aborted) {
      for (const permit of call.permits) this.cancel(permit)
      throw cancelled()
    }
    let result: MaybePromise<T>
    try {
      result = call.act()
    } catch (error) {
      this.#settle(call, undefined)
      throw guestError(error)
    }
    if (isLate(result)) return this.#wait(call, result)
    this.#settle(call, result)
    return result
  }

  #settle<T>({ permits, moved }: Act<T>, result: T | undefined): void {
    const actual = moved?.(result) ?? 0
    for (const { reservation } of permits) this.cvm.exports.settle(reservation, actual)
  }

  #wait<T>(call: Act<T>, pending: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const flight: Flight = {
        abort: () => {
          if (!land()) return
          this.#settle(call, undefined)
          call.cancel?.()
          reject(cancelled())
        },
      }
      /** Takes the call out of the air. Answers false when it was aborted before. */
      const land = (): boolean => {
        if (call.signal) this.#forget(call.signal, flight)
        return this.#flights.delete(flight)
      }
      this.#flights.add(flight)
      if (call.signal) this.#listen(call.signal, flight)
      pending.then(
        (result) => {
          if (!land()) return call.drop?.(result)
          const holds = this.#holds(call.permits)
          this.#settle(call, result)
          if (holds) return resolve(result)
          call.drop?.(result)
          reject(accessError())
        },
        (error: unknown) => {
          if (!land()) return
          this.#settle(call, undefined)
          reject(guestError(error))
        },
      )
    })
  }

  /** One listener for all calls under a signal: Node warns of leaks above ten. */
  #listen(signal: AbortSignal, flight: Flight): void {
    const known = this.#bound.get(signal)
    if (known) {
      known.flights.add(flight)
      return
    }
    const flights = new Set([flight])
    const abort = () => {
      for (const each of [...flights]) each.abort()
    }
    this.#bound.set(signal, { flights, abort })
    signal.addEventListener('abort', abort, { once: true })
  }

  #forget(signal: AbortSignal, flight: Flight): void {
    const bound = this.#bound.get(signal)
    if (!bound?.flights.delete(flight) || bound.flights.size > 0) return
    this.#bound.delete(signal)
    signal.removeEventListener('abort', bound.abort)
  }

  /** Whether permits still hold now: not expired, not revoked while the driver was at work. */
  #holds(permits: readonly Permit[]): boolean {
    const now = this.#now()
    return permits.every(({ reservation, operation, name }) => {
      const answer = this.cvm.exports.redecide(reservation, now)
      if (answer === 0) return true
      this.#conclude(operation, name, answer, now, 0)
      return false
    })
  }

  /** Aborts what waits for a driver: each gets ECANCELED now, and its result is dropped when it comes. */
  abort(): void {
    for (const flight of [...this.#flights]) flight.abort()
  }
}
