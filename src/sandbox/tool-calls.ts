/** Calls of host tools that a worker asks for, for one run: checked, made with this thread's tools, answered. */
import { errno } from '../kernel/errno.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { encodeValue } from '../kernel/values.ts'
import { type Limits, NETWORK } from '../limits.ts'
import { type PendingCall, SERVICE_PREFIX, type Toolbox } from '../tool.ts'
import { putMail } from './mailbox.ts'
import type { FromWorker, MessageOf, ToWorker } from './protocol.ts'

type Call = MessageOf<FromWorker, 'call'>
type Answer = { failed: boolean; payload: Uint8Array<ArrayBuffer> }
type UnderWay = { stop: AbortController }
/** `mailed`: something was put into a mailbox. */
export type Reply = { post: (message: ToWorker) => void; mailed: () => void }

/** Bytes that the encoding adds to a string or bytes of the largest size; as in the gate. */
const ENCODING_BYTES = 64
/** Bytes that a question to a service may have more than what a guest asked: a canonical URL, an address. */
const QUESTION_BYTES = 8_192
/** Questions to services beside those that calls are: each request that is open may be given up, however many calls are under way. */
const GIVING_UP = NETWORK.concurrent

function failure(error: unknown): Answer {
  const seen = error instanceof GuestFacingError ? error : new GuestFacingError('EIO', 'input/output error')
  return { failed: true, payload: new Uint8Array(encodeValue({ code: seen.code, message: seen.message })) }
}

function tooLarge(length: number, most: number): GuestFacingError {
  return new GuestFacingError('TOKA_VALUE_SIZE', `the tool's result has ${length} bytes; at most ${most} are allowed`)
}

const cancelled = (): GuestFacingError => new GuestFacingError('ECANCELED', 'the call was cancelled')

export class ToolCalls {
  readonly #toolbox: Toolbox
  readonly #most: number
  readonly #concurrent: number
  readonly #reply: Reply
  readonly #tools = new Map<number, UnderWay>()
  /** Counted apart: bodies that a run leaves open are closed at its end, however many tools are under way. */
  readonly #services = new Map<number, UnderWay>()
  #stopped = false

  constructor(toolbox: Toolbox, limits: Readonly<Limits>, reply: Reply) {
    this.#toolbox = toolbox
    this.#most = Math.max(limits.flatBytes, limits.structuredBytes) + ENCODING_BYTES
    this.#concurrent = limits.concurrentCalls
    this.#reply = reply
  }

  /**
   * Makes a call.
   * @returns false when no worker of ours asks that
   */
  make(call: Call): boolean {
    const { tool, input } = call
    const isService = tool.startsWith(SERVICE_PREFIX)
    const underWay = isService ? this.#services : this.#tools
    const isFull = underWay.size >= this.#concurrent + (isService ? GIVING_UP : 0)
    if (input.length > this.#most + (isService ? QUESTION_BYTES : 0) || !this.#toolbox.has(tool)) return false
    if (isFull && !isService) return false
    if (this.#stopped) this.#answer(call, failure(cancelled()))
    else if (isFull) this.#answer(call, failure(errno('EAGAIN')))
    else this.#call(call, underWay)
    return true
  }

  #call(call: Call, underWay: Map<number, UnderWay>): void {
    const stop = new AbortController()
    try {
      const result = this.#toolbox.call(call.tool, call.input, stop.signal)
      if (!(result instanceof Promise)) return this.#answer(call, this.#success(result))
      underWay.set(call.call, { stop })
      const finish = (answer: Answer): void => {
        const isKnown = underWay.delete(call.call)
        if (isKnown && !this.#stopped) this.#answer(call, answer)
      }
      result.then(
        (bytes) => finish(this.#success(bytes)),
        (error: unknown) => finish(failure(error)),
      )
    } catch (error) {
      this.#answer(call, failure(error))
    }
  }

  #success(result: Uint8Array): Answer {
    if (result.length > this.#most) return failure(tooLarge(result.length, this.#most))
    return { failed: false, payload: new Uint8Array(result) }
  }

  #answer({ call, mailbox }: Call, answer: Answer): void {
    if (!mailbox) return this.#reply.post({ kind: 'answer', call, ...answer })
    const { failed, payload } = answer
    const fits = putMail(mailbox, { state: failed ? 'failed' : 'done', payload })
    if (!fits) putMail(mailbox, { state: 'ended' })
    this.#reply.mailed()
  }

  /** The run is cancelled: no more calls. Tools go on until `end`. */
  stop(): void {
    this.#stopped = true
  }

  /**
   * The run is over: its calls are aborted, their late results dropped.
   * @returns the calls whose outcome is unknown
   */
  end(): PendingCall[] {
    this.#stopped = true
    const pending = this.#toolbox.takePending()
    const calls = [...this.#tools.values(), ...this.#services.values()]
    this.#tools.clear()
    this.#services.clear()
    for (const { stop } of calls) stop.abort()
    return pending
  }
}
