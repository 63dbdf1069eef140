/** Calls that want the embedding program's yes in, its answers out: asked once for each, unless an earlier, narrower yes covers it. */
import { predicateBits } from '../../capabilities/arguments.ts'
import { Action } from '../../capabilities/isa.ts'
import { runModel } from '../../capabilities/model.ts'
import type { Program } from '../../capabilities/assembler.ts'
import type { GrantInput } from '../../capabilities/schema.ts'
import type { ApprovalQuestion } from '../gate/drivers.ts'
import { compileGrants } from '../gate/grants.ts'
import { requestSlots } from '../gate/net-request.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import { SERVICE_PREFIX, type Service } from '../tool.ts'

export const APPROVE = `${SERVICE_PREFIX}approve`

/** A call that waits for a yes. */
export type ApprovalRequest = {
  operation: 'tool.call' | 'net.fetch'
  /** The tool's name, or the URL. */
  resource: string
  /** A tool's argument. */
  input?: unknown
  /** A request's method. */
  method?: string
}

/**
 * `true` or `false` for this call alone; or grants that narrow the yes: this call must be among what they allow, and later
 * ones that are need not be asked for, as long as their quotas last.
 */
export type ApprovalAnswer = boolean | { grants: GrantInput[] }

export type ApprovalOptions = {
  onApproval: ((request: ApprovalRequest, signal: AbortSignal) => ApprovalAnswer | Promise<ApprovalAnswer>) | undefined
  /** Milliseconds after which no answer is a no. */
  timeoutMs: number
}

/** An answer that narrows, with what its quotas still hold. */
class Narrowed {
  readonly #program: Program
  readonly #cells: number[]

  constructor(grants: unknown) {
    this.#program = compileGrants(grants)
    this.#cells = this.#program.cells.map(({ initial }) => initial)
  }

  /** Whether it allows a call; charged when it does. */
  allows({ operation, resource, input, method = 'GET' }: ApprovalRequest, now: number): boolean {
    const request = operation === 'net.fetch' ? requestSlots(resource, method) : undefined
    if (operation === 'net.fetch' && !request) return false
    const { path = '', host = '', port = 0, method: number = 0 } = request?.slots ?? {}
    const last = request
      ? (request.slots.last ?? new Uint8Array())
      : predicateBits(input, this.#program.predicates ?? [])
    const bytes = [resource, path, host].map((text) => new TextEncoder().encode(text))
    const integers = [0, port, number, 1]
    const model = {
      action: Action[operation],
      bytes: [...bytes, last],
      integers,
      now: now * 1_000,
      flags: 0,
      subtree: false,
    }
    return runModel(this.#program, model, this.#cells).allowed
  }
}

/** Answers a gate's questions with the embedding program's callback. */
export function approvalService({ onApproval, timeoutMs }: ApprovalOptions): Service {
  const given: Narrowed[] = []

  const ask = async (request: ApprovalRequest, signal: AbortSignal): Promise<boolean> => {
    if (!onApproval) return false
    const answer = await onApproval(request, signal)
    if (typeof answer !== 'object' || answer === null) return answer === true
    const narrowed = new Narrowed(answer.grants)
    // Who answers too late has not said yes, for later calls neither.
    if (signal.aborted) return false
    given.push(narrowed)
    return narrowed.allows(request, Date.now())
  }

  const call: Service['call'] = async (question, outer) => {
    const { input, ...rest } = decodeValue(question) as ApprovalQuestion
    const request = { ...rest, ...(input ? { input: decodeValue(input) } : {}) } as ApprovalRequest
    if (given.some((narrowed) => narrowed.allows(request, Date.now()))) return encodeValue(true)
    const stop = new AbortController()
    const signal = AbortSignal.any([outer, stop.signal])
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs)
    })
    try {
      // A callback that throws has not said yes.
      return encodeValue(await Promise.race([ask(request, signal).catch(() => false), late]))
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }
  return { call }
}
