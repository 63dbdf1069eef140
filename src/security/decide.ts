/** One decision without a sandbox: a token's policy in a capability VM of its own, asked as a gate asks. */
import { predicateBits } from '../../capabilities/arguments.ts'
import type { ActionName } from '../../capabilities/isa.ts'
import { refusedBy } from '../gate/argument-refusal.ts'
import { type Ask, Calls } from '../gate/calls.ts'
import { canonicalPath } from '../gate/canonical-path.ts'
import type { Cvm, Slots } from '../gate/cvm.ts'
import type { Denial } from '../gate/denials.ts'
import type { Ledger } from '../gate/ledger.ts'
import { requestSlots } from '../gate/net-request.ts'
import type { Policy } from '../gate/policy.ts'
import { GuestFacingError } from '../kernel/host-port.ts'

/** What is asked. Bytes are charged as reserved: a decision knows of no result that was smaller. */
export type AuthorizeRequest = {
  /** `fs.read`, `fs.write`, `env.read`, `clock.precise`, `tool.call` or `net.fetch`. */
  operation: Exclude<ActionName, 'net.resolve'>
  /** A path, a name, or a URL. */
  resource: string
  /** A tool's arguments. */
  input?: unknown
  /** A request's method; default GET. */
  method?: string
  /** The address that the host was found to have, where the caller looked. */
  address?: string
  bytes?: number
  /** Whether the embedding program approved it. */
  approved?: boolean
}

/** Calls without a limit of their own. */
const EVERY_CALL = 0xffffffff

/** Asks about one token. */
export class Decider {
  readonly #calls: Calls
  readonly #policy: Policy

  /** @param cvm shared with other tokens: nothing of a decision is left in it once it is made */
  constructor(cvm: Cvm, policy: Policy, ledger: Ledger, now: () => number) {
    this.#policy = policy
    this.#calls = new Calls(cvm, { ...policy, ledger }, now, {})
  }

  /** Puts the token's program in place. */
  install(): void {
    this.#calls.cvm.install(this.#policy.program, this.#policy.account)
  }

  /** Decides, and charges when it allows. Answers the denial. */
  decide(request: AuthorizeRequest): Denial | undefined {
    const { exports } = this.#calls.cvm
    exports.leave()
    exports.begin(EVERY_CALL, 1)
    this.#calls.denials.clear()
    const asked = this.#ask(request)
    if (asked) exports.settle(asked.reservation, request.bytes ?? 0)
    return this.#calls.denials.kept[0]
  }

  #ask({ operation, resource, input, method = 'GET', address, bytes = 0, approved = false }: AuthorizeRequest) {
    const charge = { want: bytes, least: bytes }
    if (operation === 'net.fetch') {
      const request = requestSlots(resource, method, address)
      if (request)
        return this.#calls.ask({ operation, name: request.url, slots: { ...request.slots, approved }, ...charge })
      this.#calls.refuse(operation, resource)
      return undefined
    }
    if (operation !== 'fs.read' && operation !== 'fs.write') {
      const predicates = this.#policy.program.predicates ?? []
      const slots: Slots = { approved, ...(predicates.length > 0 ? { last: predicateBits(input, predicates) } : {}) }
      const why: Pick<Ask, 'refusedBy'> =
        predicates.length > 0 ? { refusedBy: (reasonWith) => refusedBy(input, predicates, reasonWith) } : {}
      return this.#calls.ask({ operation, name: resource, slots, ...why, ...charge })
    }
    const name = canonical(resource)
    if (name !== undefined) return this.#calls.ask({ operation, name, ...charge })
    this.#calls.refuse(operation, resource)
    return undefined
  }
}

function canonical(path: string): string | undefined {
  try {
    return canonicalPath(path)
  } catch (error) {
    if (error instanceof GuestFacingError) return undefined
    throw error
  }
}
