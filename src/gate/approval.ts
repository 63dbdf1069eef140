/** A call that a grant wants approved: asked for when nothing else refuses it, decided again as a whole when the answer is yes. */
import { Reason } from '../../capabilities/isa.ts'
import type { MaybePromise } from '../kernel/host-port.ts'
import type { Ask, Calls, Permit } from './calls.ts'
import type { ApprovalQuestion, ApprovalVerdict, Drivers } from './drivers.ts'
import { mapMaybe } from './maybe.ts'

/** What the host is told of an answer that is no yes. The guest sees the same refusal. */
const REFUSALS: Readonly<Record<Exclude<ApprovalVerdict, 'yes'>, number>> = {
  no: Reason.APPROVAL,
  failed: Reason.APPROVAL_FAILED,
  late: Reason.APPROVAL_LATE,
}

type Parts = { calls: Calls; drivers: Drivers; approvals: boolean }

/**
 * Asks the CVM, and before that the embedding program where a grant wants it. Nothing is charged while it thinks.
 * @returns undefined when the call is refused, which is recorded
 */
export function askApproved(
  { calls, drivers, approvals }: Parts,
  ask: Ask & { slots: object },
  question: Omit<ApprovalQuestion, 'operation'>,
  signal: AbortSignal,
): MaybePromise<Permit | undefined> {
  const { operation, name, flags = 0, slots } = ask
  const approved = { ...slots, approved: true }
  const asks = approvals && !calls.probe(operation, name, flags, slots) && calls.probe(operation, name, flags, approved)
  if (!asks) return calls.ask(ask)
  const stop = new AbortController()
  const answer = calls.perform({
    permits: [],
    signal,
    act: () => drivers.approve?.({ operation, ...question }, stop.signal) ?? 'no',
    cancel: () => stop.abort(),
  })
  return mapMaybe(answer, (verdict) => {
    if (verdict === 'yes') return calls.ask({ ...ask, slots: approved })
    calls.refuse(operation, name, REFUSALS[verdict])
    return undefined
  })
}
