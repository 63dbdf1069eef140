/** Calls that want the embedding program's yes in, its answers out: asked once for each, unless an earlier, narrower yes covers it. */
import type { ApprovalQuestion } from '../gate/drivers.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import type { ApprovalAnswer, ApprovalRequest } from '../approval-request.ts'
import { SERVICE_PREFIX, type Service } from '../tool.ts'
import type { NarrowedApproval } from './narrowed-approval.ts'

export const APPROVE = `${SERVICE_PREFIX}approve`

export type ApprovalOptions = {
  onApproval: ((request: ApprovalRequest, signal: AbortSignal) => ApprovalAnswer | Promise<ApprovalAnswer>) | undefined
  /** Milliseconds after which no answer is a no. */
  timeoutMs: number
}

/** Answers a gate's questions with the embedding program's callback. */
export function approvalService({ onApproval, timeoutMs }: ApprovalOptions): Service {
  const given: NarrowedApproval[] = []

  /** The callback's answer, or a no when it throws or comes too late. */
  const ask = async (request: ApprovalRequest, outer: AbortSignal): Promise<ApprovalAnswer> => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs)
    })
    try {
      const answer = (async () => onApproval?.(request, AbortSignal.any([outer, stop.signal])) ?? false)()
      return await Promise.race([answer.catch(() => false), late])
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }

  /** A yes that narrows counts for later calls too, unless the run is over meanwhile. */
  const narrow = async (grants: unknown, request: ApprovalRequest, outer: AbortSignal): Promise<boolean> => {
    const { NarrowedApproval: Narrowed } = await import('./narrowed-approval.ts')
    const narrowed = new Narrowed(grants)
    if (outer.aborted) return false
    given.push(narrowed)
    return narrowed.allows(request, Date.now())
  }

  const call: Service['call'] = async (question, outer) => {
    const { input, ...rest } = decodeValue(question) as ApprovalQuestion
    const request = { ...rest, ...(input ? { input: decodeValue(input) } : {}) } as ApprovalRequest
    if (given.some((narrowed) => narrowed.allows(request, Date.now()))) return encodeValue(true)
    const answer = await ask(request, outer)
    if (typeof answer !== 'object' || answer === null) return encodeValue(answer === true)
    // Grants that are none are no yes.
    return encodeValue(await narrow(answer.grants, request, outer).catch(() => false))
  }
  return { call }
}
