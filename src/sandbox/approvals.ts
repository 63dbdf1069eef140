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

  const ask = async (request: ApprovalRequest, signal: AbortSignal): Promise<boolean> => {
    if (!onApproval) return false
    const answer = await onApproval(request, signal)
    if (typeof answer !== 'object' || answer === null) return answer === true
    const { NarrowedApproval: Narrowed } = await import('./narrowed-approval.ts')
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
