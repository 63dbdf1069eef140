/** A yes that narrows, as the grants that it came with: loaded when an embedding program gives the first one. */
import { predicateBits } from '../../capabilities/arguments.ts'
import type { Program } from '../../capabilities/assembler.ts'
import { Action } from '../../capabilities/isa.ts'
import { runModel } from '../../capabilities/model.ts'
import { compileGrants } from '../gate/policy.ts'
import { requestSlots } from '../gate/net-request.ts'
import type { ApprovalRequest } from '../approval-request.ts'

/** An answer that narrows, with what its quotas still hold. */
export class NarrowedApproval {
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
