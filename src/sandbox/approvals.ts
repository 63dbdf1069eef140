/** Calls that want the embedding program's yes in, its answers out: asked once for each, unless an earlier, narrower yes covers it. */
import type { ApprovalQuestion, ApprovalVerdict } from '../gate/drivers.ts'
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

  /** The callback's answer; what it throws is no answer. */
  const ask = async (request: ApprovalRequest, outer: AbortSignal): Promise<ApprovalVerdict | { grants: unknown }> => {
    if (!onApproval) return 'no'
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs)
    })
    try {
      const answer = (async () => read(await onApproval(request, AbortSignal.any([outer, stop.signal]))))()
      return await Promise.race([answer.catch(() => 'failed' as const), late])
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }

  /** A yes that narrows counts for later calls too, unless the run is over meanwhile. */
  const narrow = async (grants: unknown, request: ApprovalRequest, outer: AbortSignal): Promise<ApprovalVerdict> => {
    const { NarrowedApproval: Narrowed } = await import('./narrowed-approval.ts')
    const narrowed = new Narrowed(grants)
    if (outer.aborted) return 'no'
    given.push(narrowed)
    return narrowed.allows(request, Date.now()) ? 'yes' : 'no'
  }

  const call: Service['call'] = async (question, outer) => {
    const { input, ...rest } = decodeValue(question) as ApprovalQuestion
    const request = { ...rest, ...(input ? { input: decodeValue(input) } : {}) } as ApprovalRequest
    if (given.some((narrowed) => narrowed.allows(request, Date.now()))) return encodeValue('yes')
    const answer = await ask(request, outer)
    if (typeof answer === 'string') return encodeValue(answer)
    // Grants that are none are no answer.
    return encodeValue(await narrow(answer.grants, request, outer).catch(() => 'failed'))
  }
  return { call }
}

/** A callback's answer. It may be anything: a program without types forgets to return one. */
function read(answer: unknown): ApprovalVerdict | { grants: unknown } {
  if (typeof answer === 'boolean') return answer ? 'yes' : 'no'
  return typeof answer === 'object' && answer !== null && 'grants' in answer ? { grants: answer.grants } : 'failed'
}
