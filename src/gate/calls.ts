/** Every call that leaves a sandbox: decided in the CVM, recorded, acted on with the checked copy, settled, and dropped when late. */
import { Action, type ActionName, RAISES, Reason, RequestFlag } from '../../capabilities/isa.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { promiseAfter } from '../kernel/later.ts'
import type { Limits } from '../limits.ts'
import { Audit } from './audit.ts'
import type { Cvm, Slots } from './cvm.ts'
import { methodOfNumber } from '../../capabilities/methods.ts'
import type { ArgumentRefusal } from './argument-refusal.ts'
import { absentImport, type Denial, DenialList, describeDenial, reasonName } from './denials.ts'
import type { Ledger } from './ledger.ts'
import { isLate } from './maybe.ts'
import type { Policy } from './policy.ts'

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
  /** What a request says beside its name. */
  slots?: Slots
  /**
   * Of a tool's call that no grant covers: the argument that one stumbles over.
   * @param reasonWith what is decided with other predicates
   */
  refusedBy?: (reasonWith: (bits: Uint8Array) => number) => ArgumentRefusal | undefined
}

/** What was decided. */
type Concluded = { resource: string; reason: number; link: number; method?: string; argument?: ArgumentRefusal }

/** Of a request with a method that grants allow only by its name. */
function unusualMethod(slots: Slots | undefined): { method?: string } {
  const method = slots?.method === undefined ? undefined : methodOfNumber(slots.method)
  return method === undefined || method === 'GET' || method === 'HEAD' ? {} : { method }
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
  /** What the guest is told where the permits hold no more when the result comes: EACCES by default, a file's. */
  refused?: () => GuestFacingError
}

/** The operation of an audit record about an import: above all actions. */
const AUDIT_IMPORT = 255
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
  readonly #policy: Policy & { ledger: Ledger }
  /** The cell that says that no secret was read yet; undefined where nothing asks. */
  readonly #clean: number | undefined
  /** What a guest was made of had read a secret, whether a grant here asks or not. */
  #tainted = false
  readonly #now: () => number
  readonly #observers: Observers
  /** Names of imports that were refused in this run: as many as the interpreter has, at most. */
  readonly #absent = new Set<string>()
  readonly #flights = new Set<Flight>()
  /** The calls under way by the signal that aborts them. */
  readonly #bound = new Map<AbortSignal, { flights: Set<Flight>; abort: () => void }>()

  constructor(cvm: Cvm, policy: Policy & { ledger: Ledger }, now: () => number, observers: Observers) {
    this.cvm = cvm
    this.#policy = policy
    const clean = policy.program.cells.findIndex(({ kind }) => kind === 'clean')
    this.#clean = policy.account.cells[clean]
    this.#now = now
    this.#observers = observers
  }

  /** Whether the sandbox may hold a secret. */
  get tainted(): boolean {
    return this.#tainted || (this.#clean !== undefined && this.#policy.ledger.functions.left(this.#clean) === 0n)
  }

  /** The sandbox holds a secret from here on, and its forks. */
  taint(): void {
    this.#tainted = true
    if (this.#clean !== undefined) this.#policy.ledger.functions.set(this.#clean, 0n)
  }

  /** Asks without leaving a trace: nothing is counted, charged or logged. */
  probe(operation: ActionName, name: string, flags = 0, slots?: Slots): boolean {
    return this.#reasonFor(operation, name, flags, slots) === Reason.NONE
  }

  /** Why a call would be refused, asked without a trace. */
  #reasonFor(operation: ActionName, name: string, flags: number, slots?: Slots): number {
    const length = this.cvm.write(name)
    if (length < 0 || (slots && !this.cvm.arrange(slots))) return Reason.PATH
    const asked = flags | RequestFlag.PROBE
    return Math.max(0, -this.cvm.exports.decide(Action[operation], length, 0, 0, this.#now(), asked))
  }

  /** Asks the CVM. `undefined` when it refuses, which is recorded. */
  ask(asked: Ask): Permit | undefined {
    const { operation, name, flags = 0, want = 0, least = 0, slots } = asked
    const begun = this.#observers.trace ? performance.now() : 0
    const { cvm } = this
    const length = !slots || cvm.arrange(slots) ? cvm.write(name) : -1
    const now = this.#now()
    const decide = (more: number): number =>
      length < 0 ? cvm.exports.refuse() : cvm.exports.decide(Action[operation], length, want, least, now, flags | more)
    let answer = decide(0)
    // The same host call once more: what is spent here may be had elsewhere. Each time half of what is left comes.
    for (let kind: 'bytes' | undefined; answer === -Reason.QUOTA && this.#policy.topUp?.(kind); kind = 'bytes')
      answer = decide(RequestFlag.CONTINUED)
    // From here on only the copy that was decided on counts, never the caller's string.
    const checked = length < 0 ? name.slice(0, RAW_NAME).toWellFormed() : cvm.read(length)
    const permit = this.#conclude(operation, checked, answer, now, begun, asked)
    if (permit && this.#clean !== undefined) this.#raise(operation, length, now)
    return permit
  }

  /** What is read now may be a secret: from here on the sandbox holds one, and its forks. Before a byte of it is delivered. */
  #raise(operation: ActionName, length: number, now: number): void {
    const action = Action[operation] + RAISES
    if (this.cvm.exports.decide(action, length, 0, 0, now, RequestFlag.PROBE) >= 0) this.taint()
  }

  /** A link that is alive refuses as if it were not when a secret was read: a cell of the same kind says both. */
  #reasonOf(reason: number, link: number): number {
    if (reason !== Reason.REVOKED || this.#clean === undefined) return reason
    const { program, account, ledger } = this.#policy
    const alive = program.cells.findIndex((cell) => cell.kind === 'alive' && (cell.link ?? 0) === link)
    const isAlive = alive < 0 || ledger.functions.left(account.cells[alive]!) === 1n
    return isAlive ? Reason.FLOW : reason
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
    const { checkHandle, amount, cancel } = this.cvm.exports
    const check = (flags: number): number => checkHandle(handle, right, want, least, now, flags)
    let answer = check(0)
    const isShort = (): boolean => answer === -Reason.QUOTA || (answer > 0 && want > 0 && amount() === 0)
    while (isShort() && this.#policy.topUp?.('bytes')) {
      if (answer > 0) cancel(answer)
      answer = check(RequestFlag.CONTINUED)
    }
    return this.#conclude(operation, name, answer, now, begun)
  }

  /** Records a request that is refused before a program could see it: it has no canonical form, or was not approved. */
  refuse(operation: ActionName, raw: string, reason: number = Reason.PATH): void {
    const answer = this.cvm.exports.refuse()
    const refused = answer === -Reason.PATH ? -reason : answer
    this.#conclude(operation, raw.slice(0, RAW_NAME).toWellFormed(), refused, this.#now(), 0)
  }

  /**
   * Records that the guest called an import which is there for no guest. The first call of each name in a run: a guest
   * could make millions.
   */
  refuseImport(name: string): void {
    if (this.#absent.has(name)) return
    this.#absent.add(name)
    const record = { operation: AUDIT_IMPORT, reason: Reason.NO_GRANT, link: 0, amount: 0, resource: name }
    this.audit.add({ time: this.#now(), ...record })
    const denial = absentImport(name)
    this.denials.add(denial)
    try {
      this.#observers.onEvent?.({ type: 'denied', denial })
    } catch {
      // An observer's fault must not decide a call.
    }
  }

  /** A run begins: its denials count from nothing. @param onDenial is told each one that is kept */
  begin(onDenial?: (denial: Denial) => void): void {
    this.denials.clear(onDenial)
    this.#absent.clear()
  }

  #conclude(
    operation: ActionName,
    name: string,
    answer: number,
    now: number,
    begun: number,
    asked?: Ask,
  ): Permit | undefined {
    const link = this.cvm.exports.link()
    const amount = answer > 0 ? this.cvm.exports.amount() : 0
    const argument = answer === -Reason.NO_GRANT && asked ? this.#refusedArgument(asked) : undefined
    const reason = answer > 0 ? 0 : argument ? Reason.ARGUMENT : this.#reasonOf(-answer, link)
    this.audit.add({ time: now, operation: Action[operation], reason, link, amount, resource: name })
    const about = { resource: name, reason, link, ...unusualMethod(asked?.slots), ...(argument ? { argument } : {}) }
    this.#report(operation, about, begun)
    return answer > 0 ? { reservation: answer, operation, name, amount } : undefined
  }

  #refusedArgument({ operation, name, flags = 0, refusedBy }: Ask): ArgumentRefusal | undefined {
    return refusedBy?.((last) => this.#reasonFor(operation, name, flags, { last, approved: true }))
  }

  #report(asked: ActionName, { reason, ...about }: Concluded, begun: number): void {
    // A lookup is the beginning of a request, and nothing that one could grant by itself.
    const operation = asked === 'net.resolve' ? 'net.fetch' : asked
    const { onEvent, trace } = this.#observers
    const denial = reason === 0 ? undefined : describeDenial({ operation, ...about, reason: reasonName(reason) })
    if (denial) this.denials.add(denial)
    if (!onEvent && !trace) return
    try {
      const microseconds = begun === 0 ? 0 : (performance.now() - begun) * 1_000
      const verdict = denial ? 'denied' : 'allowed'
      trace?.({
        operation,
        resource: about.resource,
        verdict,
        ...(denial ? { reason: denial.reason } : {}),
        microseconds,
      })
      onEvent?.(denial ? { type: 'denied', denial } : { type: 'allowed', operation, resource: about.resource })
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
    return promiseAfter<T>(pending, (resolve, reject) => {
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
          reject((call.refused ?? accessError)())
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
