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
  /** The name of the key that the token's root is signed with. */
  rootKid: string | undefined
  now: () => number
  record: (event: Omit<AuditEvent, 'at'>) => void
  release: () => Promise<void>
}

export class Holdings {
  readonly #held = new Map<HeldToken, Pick<Holding, 'placement' | 'rootKid'> & { stop: AbortController }>()
  readonly #poll: () => Promise<void>
  readonly #pollMs: number
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(poll: () => Promise<void>, pollMs: number) {
    this.#poll = poll
    this.#pollMs = pollMs
  }

  add({ policy, placement, rootKid, now, record, release }: Holding): HeldToken {
    const stop = new AbortController()
    const { links, first } = placement
    const jti = links.at(-1)!.jti
    let released: Promise<void> | undefined
    const held: HeldToken = {
      policy,
      revoked: stop.signal,
      explain: (denial: Denial) => explainDenial(denial, links, first, now()),
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
    this.#held.set(held, { placement, rootKid, stop })
    this.#timer ??= startTimer(() => void this.#poll(), this.#pollMs)
    return held
  }

  async #drop(held: HeldToken, release: () => Promise<void>): Promise<void> {
    this.#held.delete(held)
    if (this.#held.size === 0) this.close()
    await release()
  }

  /** The roots of all tokens that are held, with the names of their keys. */
  roots(): { kid: string | undefined; jti: string }[] {
    return [...this.#held.values()].map(({ placement, rootKid }) => ({ kid: rootKid, jti: placement.links[0]!.jti }))
  }

  /** Tells who holds a token with a dead link. */
  end(isDead: (jti: string) => boolean): void {
    for (const { placement, stop } of this.#held.values())
      if (placement.links.some(({ jti }) => isDead(jti))) stop.abort()
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
