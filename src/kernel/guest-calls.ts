/** Host calls of one instance: arguments out of guest memory (checked and copied), replies back into it. */
import { BORDER } from '../limits.ts'
import { GuestFacingError, type MaybePromise } from './host-port.ts'
import { Later } from './later.ts'
import { encodeValue } from './values.ts'

/** Bits of a reply's status; the ticket lies above them, the length in the low 32 bits of the reply. */
const Status = { done: 0, failed: 1, large: 2, pending: 4, none: 8 } as const
const TICKET_SHIFT = 8
const TICKET_MASK = 0xff_ffff
const EMPTY = new Uint8Array(0)
/** Bytes of the host that an answer costs beside its payload, roughly. */
const ANSWER_BYTES = 256

type Outcome = { failed: boolean; payload: Uint8Array }
type Finished = Outcome & { id: number }

/** Answers one operation; throws or rejects with a GuestFacingError. */
export type Dispatch = (operation: number, argument: Uint8Array) => MaybePromise<Uint8Array>

/** The guest's call with what went wrong, as a value that the prelude turns into an error. */
function failure(error: unknown): Outcome {
  if (!(error instanceof GuestFacingError)) throw error
  return { failed: true, payload: encodeValue({ code: error.code, message: error.message }) }
}

/** Waits on the thread for what comes later, where that can. */
export type Settle = <T>(answer: MaybePromise<T>) => MaybePromise<T>

type CallOptions = { settle: Settle; mostHeld: () => number; keepsThread?: boolean }

/**
 * The calls of one instance. A result larger than the guest's buffer waits under a ticket; a call that is answered
 * later waits as pending (blocking form) or is queued as finished (awaited form). Everything belongs to an epoch:
 * what arrives after `close` is dropped.
 */
export class GuestCalls {
  /** Set once the guest's memory exists. */
  memory!: WebAssembly.Memory
  /** Whether a blocking call may suspend the guest's stack. */
  readonly maySuspend: boolean
  readonly #settle: Settle
  readonly #keepsThread: boolean
  #dispatch: Dispatch
  #bytes = EMPTY
  #view = new DataView(EMPTY.buffer)
  #epoch = 0
  #counter = 0
  #tickets = new Map<number, Outcome>()
  #waiting = new Map<number, Promise<Outcome>>()
  #finished: Finished[] = []
  /** Bytes of the host in `#finished`, and how many may be there when another call begins. */
  #held = 0
  readonly #mostHeld: () => number
  #underWay = new Set<number>()
  #arrived: (() => void) | undefined
  #interrupt: (() => void) | undefined
  #fault: (error: unknown) => void

  /**
   * @param dispatch answers an operation
   * @param fault takes an error of ours that came up in an asynchronous answer
   * @param options `settle` waits for an answer that the guest waits for, where it cannot be suspended; `mostHeld`:
   *   bytes of answers that may wait for a guest which begins calls and takes none; `keepsThread`: the guest never gives
   *   its thread back, so only answers that a waiting thread is told of can come later
   */
  constructor(
    dispatch: Dispatch,
    fault: (error: unknown) => void,
    maySuspend: boolean,
    { settle, mostHeld, keepsThread = false }: CallOptions,
  ) {
    this.#keepsThread = keepsThread
    this.maySuspend = maySuspend
    this.#settle = settle
    this.#mostHeld = mostHeld
    this.#dispatch = dispatch
    this.#fault = fault
  }

  /** Ids of the calls that have not been answered. */
  get underWay(): ReadonlySet<number> {
    return this.#underWay
  }

  /** Forgets every call: what arrives later belongs to nobody. */
  close(): void {
    this.#epoch++
    this.#tickets.clear()
    this.#waiting.clear()
    this.#finished = []
    this.#held = 0
    this.#underWay.clear()
    this.wake()
  }

  /** Numbers begin anew: the guest that knew the old ones was wiped. */
  restart(): void {
    this.close()
    this.#counter = 0
  }

  /** Ends every wait: the run is over. */
  wake(): void {
    this.#arrived?.()
    this.#interrupt?.()
  }

  /** Whether a finished call waits to be delivered. */
  get arrived(): boolean {
    return this.#finished.length > 0
  }

  /** Resolves once a finished call is there to deliver, or by `wake`. */
  arrival(): Promise<void> {
    if (this.#finished.length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#arrived = resolve
    })
  }

  /** import host.call */
  call(operation: number, argument: number, length: number, out: number, capacity: number): bigint {
    let outcome: MaybePromise<Outcome>
    try {
      const answer = this.#answer(operation, this.#read(argument, length))
      outcome = this.maySuspend ? answer : this.#settle(answer)
    } catch (error) {
      outcome = failure(error)
    }
    if (!(outcome instanceof Promise)) return this.#reply(outcome, out, capacity)
    // A guest that is killed before it waits never asks for the answer: a fault in it must not end the process.
    outcome.catch(() => {})
    if (!this.maySuspend) {
      return this.#reply(failure(new GuestFacingError('TOKA_CALL_BLOCKING', BLOCKING)), out, capacity)
    }
    const ticket = this.#ticket()
    this.#waiting.set(ticket, outcome)
    return this.#status(Status.pending, ticket, 0)
  }

  /** import host.wait: suspends the guest until a pending call is answered, or `wake` is called. */
  async wait(ticket: number, out: number, capacity: number): Promise<bigint> {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    if (!waiting) return this.#reply({ failed: false, payload: EMPTY }, out, capacity)
    // No Promise.race with one promise for the whole run: that would keep what each wait leaves there.
    const outcome = await new Promise<Outcome | undefined>((resolve, reject) => {
      this.#interrupt = () => resolve(undefined)
      waiting.then(resolve, reject)
    })
    return outcome ? this.#reply(outcome, out, capacity) : 0n
  }

  /** import host.take: the result under a ticket; the bridge made room for all of it. */
  take(ticket: number, out: number, capacity: number): number {
    const outcome = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    if (!outcome || outcome.payload.length > capacity) return 0
    this.#write(out, outcome.payload)
    return outcome.payload.length
  }

  /** import host.begin: starts a call whose end is delivered by `next`, in the order of arrival. */
  begin(operation: number, argument: number, length: number, out: number, capacity: number): bigint {
    const id = this.#ticket()
    const epoch = this.#epoch
    const finish = (outcome: Outcome) => {
      if (epoch !== this.#epoch) return
      this.#underWay.delete(id)
      this.#finished.push({ ...outcome, id })
      this.#held += outcome.payload.length + ANSWER_BYTES
      this.#arrived?.()
    }
    let outcome: MaybePromise<Outcome>
    try {
      if (this.#held >= this.#mostHeld()) throw new GuestFacingError('EAGAIN', 'too many answers wait to be taken')
      outcome = this.#answer(operation, this.#read(argument, length))
      if (this.#keepsThread && outcome instanceof Promise && !(outcome instanceof Later)) {
        outcome.catch(() => {})
        throw new GuestFacingError('TOKA_CALL_BLOCKING', BLOCKING)
      }
    } catch (error) {
      return this.#reply(failure(error), out, capacity)
    }
    if (outcome instanceof Promise) {
      this.#underWay.add(id)
      outcome.then(finish, (error) => {
        if (epoch === this.#epoch) this.#fault(error)
      })
    } else finish(outcome)
    return this.#status(Status.done, 0, id)
  }

  /** import host.next: one finished call, its id (u32) at `idPointer`. */
  next(idPointer: number, out: number, capacity: number): bigint {
    const finished = this.#finished.shift()
    if (!finished) return this.#status(Status.none, 0, 0)
    this.#held -= finished.payload.length + ANSWER_BYTES
    this.#refresh()
    this.#check(idPointer >>> 0, 4)
    this.#view.setUint32(idPointer >>> 0, finished.id, true)
    return this.#reply(finished, out, capacity)
  }

  #answer(operation: number, argument: Uint8Array): MaybePromise<Outcome> {
    const answer = this.#dispatch(operation >>> 0, argument)
    if (!(answer instanceof Promise)) return { failed: false, payload: answer }
    return answer.then((payload) => ({ failed: false, payload }), failure)
  }

  #ticket(): number {
    do this.#counter = (this.#counter + 1) & TICKET_MASK
    while (this.#counter === 0 || this.#tickets.has(this.#counter) || this.#underWay.has(this.#counter))
    return this.#counter
  }

  #reply(outcome: Outcome, out: number, capacity: number): bigint {
    const status = outcome.failed ? Status.failed : Status.done
    const length = outcome.payload.length
    if (length <= capacity >>> 0) {
      this.#write(out, outcome.payload)
      return this.#status(status, 0, length)
    }
    const ticket = this.#ticket()
    // The bridge takes a large answer at once, or never when the guest has no room: no two are kept.
    this.#tickets.clear()
    this.#tickets.set(ticket, outcome)
    return this.#status(status | Status.large, ticket, length)
  }

  #status(bits: number, ticket: number, length: number): bigint {
    return (BigInt((ticket << TICKET_SHIFT) | bits) << 32n) | BigInt(length)
  }

  /** A copy of guest bytes. Nothing is ever read from the guest again after it was checked. */
  #read(pointer: number, length: number): Uint8Array {
    if (length === 0) return EMPTY
    this.#refresh()
    if (length >>> 0 > BORDER.resultBytes)
      throw new GuestFacingError(
        'TOKA_VALUE_SIZE',
        `${length >>> 0} bytes are too many to cross at once: at most ${BORDER.resultBytes}`,
      )
    this.#check(pointer >>> 0, length >>> 0)
    return this.#bytes.slice(pointer >>> 0, (pointer >>> 0) + (length >>> 0))
  }

  #write(pointer: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#refresh()
    this.#check(pointer >>> 0, bytes.length)
    this.#bytes.set(bytes, pointer >>> 0)
  }

  #check(pointer: number, length: number): void {
    if (pointer + length > this.#bytes.length) throw new RangeError('a guest pointer lies outside its memory')
  }

  /** A grown memory detaches its views. */
  #refresh(): void {
    if (this.#bytes.buffer === this.memory.buffer) return
    this.#bytes = new Uint8Array(this.memory.buffer)
    this.#view = new DataView(this.memory.buffer)
  }
}

const BLOCKING =
  "this call is answered later, and this runtime cannot suspend a guest: its result is dropped. JavaScript can await it; isolation: 'worker' waits for it; Node 26 and Chrome 137 can suspend guests"
