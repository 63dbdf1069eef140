/** Refused calls, for the host's eyes: what was asked, why not, and the rule that would allow it. */
import { type ActionName, Reason } from '../../capabilities/isa.ts'
import { formatRule, quoteShell } from '../../capabilities/format-rule.ts'
import { BORDER } from '../limits.ts'
import type { ArgumentRefusal } from './argument-refusal.ts'

/**
 * Why a call was refused: no grant covers it, its grant begins later, has expired, was revoked, is closed by the flow of
 * secrets, has no call left for now (rate) or at all (quota); the mount is read-only; a limit of the run is reached; the
 * path has no canonical form; the file is not open for it; the sandbox is closed; it was not approved, `onApproval` threw
 * or answered what is no answer, or did not answer in time; a grant covers the tool, and not this argument; a fault of
 * ours; it is there for no guest.
 */
export type DenialReason =
  | 'no-grant'
  | 'not-yet'
  | 'expired'
  | 'revoked'
  | 'flow'
  | 'rate'
  | 'quota'
  | 'read-only'
  | 'limit'
  | 'path'
  | 'handle'
  | 'closed'
  | 'approval'
  | 'approval-failed'
  | 'approval-timeout'
  | 'argument'
  | 'fault'
  | 'absent'

/** The operation of a denial that no grant is about: the guest's interpreter called an import that is there for none. */
export const GUEST_IMPORT = 'guest.import'

export type Denial = {
  /** `fs.read`, `fs.write`, `net.fetch`, `env.read`, `clock.precise` or `tool.call`; `guest.import` with reason `absent`. */
  operation: ActionName | typeof GUEST_IMPORT
  /** The canonical path or the name asked for; the raw text, cut, when it has no canonical form. */
  resource: string
  reason: DenialReason
  /** Of a request: its method, unless it is GET or HEAD, which grants allow when they name none. */
  method?: string
  /** Of a tool's call with reason `argument`: which one, and what a grant allows in its place. */
  argument?: ArgumentRefusal
  /** The link of the token's chain that refused; 0 for plain grants. */
  link: number
  /** Of a token: the link that refused, what of it, and what it allows of this kind. */
  token?: { jti: string; constraint: string; allows: string[] }
  /** What would allow it, such as `--allow 'fs.read=/data/**'`. Empty when nothing would. */
  allow: string
}

const REASONS: Readonly<Record<number, DenialReason>> = {
  [Reason.NO_GRANT]: 'no-grant',
  [Reason.NOT_YET]: 'not-yet',
  [Reason.EXPIRED]: 'expired',
  [Reason.REVOKED]: 'revoked',
  [Reason.FLOW]: 'flow',
  [Reason.RATE]: 'rate',
  [Reason.QUOTA]: 'quota',
  [Reason.READ_ONLY]: 'read-only',
  [Reason.LIMIT]: 'limit',
  [Reason.PATH]: 'path',
  [Reason.HANDLE]: 'handle',
  [Reason.CLOSED]: 'closed',
  [Reason.APPROVAL]: 'approval',
  [Reason.APPROVAL_FAILED]: 'approval-failed',
  [Reason.APPROVAL_LATE]: 'approval-timeout',
  [Reason.ARGUMENT]: 'argument',
}

/** The word for a reason of the CVM. */
export function reasonName(reason: number): DenialReason {
  return REASONS[reason] ?? 'fault'
}

type Refusal = Pick<Denial, 'resource' | 'reason' | 'link' | 'method' | 'argument'> & { operation: ActionName }

/** Never a rule: that would allow every argument. */
function argumentRemedy({ name, expected }: ArgumentRefusal): string {
  const grant = 'or a grant whose args allow this one'
  if (name === '(input)') return `a call whose argument is ${expected}, ${grant}`
  const quoted = JSON.stringify(name)
  return expected === 'nothing'
    ? `a call without the argument ${quoted}, ${grant}`
    : `a call whose argument ${quoted} is ${expected}, ${grant}`
}

function remedy({ operation, resource, reason, method, argument }: Refusal): string {
  const rule = (): string => `--allow ${quoteShell(formatRule(operation, resource, method))}`
  switch (reason) {
    case 'read-only':
      return `a mount of mode rw, and ${rule()}`
    case 'limit':
      return 'a higher limit of hostCalls or concurrentCalls'
    case 'quota':
      return "a larger quota of the grant's: it is spent"
    case 'rate':
      return "a higher rate of the grant's, or a call later"
    case 'expired':
      return 'a grant that expires later'
    case 'not-yet':
      return 'a grant that begins earlier'
    case 'flow':
      return 'a grant that is not closed after a secret was read, or a sandbox that has read none'
    case 'approval':
      return 'a yes from onApproval'
    case 'approval-failed':
      return 'an onApproval that answers true, false or { grants }: it threw, or answered something else'
    case 'approval-timeout':
      return 'an answer of onApproval within approvalTimeoutMs'
    case 'argument':
      return argument ? argumentRemedy(argument) : ''
    case 'revoked':
    case 'path':
    case 'handle':
    case 'closed':
    case 'fault':
      return ''
    default:
      return rule()
  }
}

/** A denial with its remedy. */
export function describeDenial(refusal: Refusal): Denial {
  return { ...refusal, allow: remedy(refusal) }
}

/** A call of an import that is there for no guest: nothing would allow it. */
export function absentImport(name: string): Denial {
  return { operation: GUEST_IMPORT, resource: name, reason: 'absent', link: 0, allow: '' }
}

/** The denials of a run: the first hundred, and how many there were. */
export class DenialList {
  readonly #kept: Denial[] = []
  #total = 0
  #tell: ((denial: Denial) => void) | undefined

  get kept(): readonly Denial[] {
    return this.#kept
  }

  get total(): number {
    return this.#total
  }

  add(denial: Denial): void {
    this.#total++
    if (this.#kept.length >= BORDER.denials) return
    this.#kept.push(denial)
    this.#tell?.(denial)
  }

  /** @param tell is told each one that is kept from here on; must not throw */
  clear(tell?: (denial: Denial) => void): void {
    this.#tell = tell
    this.#kept.length = 0
    this.#total = 0
  }

  /** Nobody listens any more. */
  hush(): void {
    this.#tell = undefined
  }
}
