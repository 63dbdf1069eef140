/** Tokens that sandboxes hold: each told when a link of its is revoked, and the list read anew as long as there is one. */
import type { HeldToken } from '../gate/authority.ts'
import type { Denial } from '../gate/denials.ts'
import type { Policy } from '../gate/policy.ts'
import type { AuditEvent } from './audit-log.ts'
import { explainDenial } from './explain.ts'
import type { Placement } from './shared-cells.ts'

export type Holding = {
  policy: Policy
  placement: Placement
  record: (event: Omit<AuditEvent, 'at'>) => void
  release: () => Promise<void>
}

export class Holdings {
  readonly #held = new Map<HeldToken, { placement: Placement; stop: AbortController }>()
  readonly #poll: () => Promise<void>
  readonly #pollMs: number
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(poll: () => Promise<void>, pollMs: number) {
    this.#poll = poll
    this.#pollMs = pollMs
  }

  add({ policy, placement, record, release }: Holding): HeldToken {
    const stop = new AbortController()
    const { links, first } = placement
    const jti = links.at(-1)!.jti
    let released: Promise<void> | undefined
    const held: HeldToken = {
      policy,
      revoked: stop.signal,
      explain: (denial: Denial) => explainDenial(denial, links, first),
      ended: ({ denials, audit }) => {
        for (const { operation, resource, reason } of denials)
          record({ event: 'denial', outcome: 'denied', operation, detail: `${resource} (${reason})`, jti })
        record({ event: 'run', outcome: 'allowed', jti, head: audit.head, records: audit.records })
      },
      release: () => {
        released ??= this.#drop(held, release)
        return released
      },
    }
    this.#held.set(held, { placement, stop })
    this.#timer ??= startTimer(() => void this.#poll(), this.#pollMs)
    return held
  }

  async #drop(held: HeldToken, release: () => Promise<void>): Promise<void> {
    this.#held.delete(held)
    if (this.#held.size === 0) this.close()
    await release()
  }

  /** Tells who holds a token with a revoked link. */
  end(isRevoked: (jti: string) => boolean): void {
    for (const { placement, stop } of this.#held.values())
      if (placement.links.some(({ jti }) => isRevoked(jti))) stop.abort()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** A timer that keeps no process alive. */
function startTimer(work: () => void, ms: number): ReturnType<typeof setInterval> {
  const timer = setInterval(work, ms)
  if (typeof timer === 'object' && 'unref' in timer) timer.unref()
  return timer
}
