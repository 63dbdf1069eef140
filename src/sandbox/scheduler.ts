/**
 * Shares one thread among its guests: one at a time, for a fair share each, in bursts between which the host's event
 * loop goes on. Fair queueing by virtual time (Demers, Keshav, Shenker 1989; Linux's CFS): who used least, weighted,
 * goes next.
 */
import { macrotask } from './macrotask.ts'

/** How much of the thread a sandbox gets while others want it too: `high` gets four times as much as `normal`, `low` a quarter. */
export type Priority = 'low' | 'normal' | 'high'

const WEIGHTS: Record<Priority, number> = { low: 0.25, normal: 1, high: 4 }

/** Longest time of all guests together in one task of the event loop, in milliseconds. */
const BURST_MS = 2
/** Who gets the thread at the end of a burst has it for this long, in milliseconds: less is not worth the switch. */
const LEAST_TURN_MS = 0.25

/** What a scheduler needs of the host. */
export type SchedulerHost = { now(): number; macrotask(task: () => void): void }

/** One sandbox's standing with the scheduler. */
export class Share {
  readonly weight: number
  /** Milliseconds of the thread that it had, over its weight; never far behind the others'. */
  virtual = 0

  constructor(priority: Priority = 'normal') {
    this.weight = WEIGHTS[priority]
  }
}

/** One run's claim to the thread. */
export class Claim {
  readonly share: Share
  readonly #scheduler: Scheduler
  /** In the clock of the scheduler; from then on it goes before the others, to end. */
  deadline: number
  grant: (() => void) | undefined

  constructor(scheduler: Scheduler, share: Share, deadline: number) {
    this.#scheduler = scheduler
    this.share = share
    this.deadline = deadline
  }

  /** @returns undefined when the thread is its own already; otherwise a promise that resolves when it is */
  enter(): Promise<void> | undefined {
    return this.#scheduler.enter(this)
  }

  leave(): void {
    this.#scheduler.leave(this)
  }

  /** It must end: its turn is next. */
  hurry(): void {
    this.deadline = 0
  }

  /** When the turn that it has is over. */
  get turnEnds(): number {
    return this.#scheduler.turnEnds
  }
}

export class Scheduler {
  readonly #host: SchedulerHost
  readonly #queue: Claim[] = []
  #holder: Claim | undefined
  #since = 0
  /** 0 between two bursts. */
  #burstEnds = 0
  #ticking = false
  /** The virtual time up to which everybody was served. */
  #served = 0

  constructor(host: SchedulerHost = { now: () => performance.now(), macrotask }) {
    this.#host = host
  }

  /** @param deadline in the clock of `performance.now()`; default: none */
  claim(share: Share, deadline = Number.POSITIVE_INFINITY): Claim {
    return new Claim(this, share, deadline)
  }

  /** Work of the host for a sandbox that takes a while, such as a fork: it waits its turn as guests do. */
  async work<T>(share: Share, act: () => T): Promise<Awaited<T>> {
    const claim = this.claim(share)
    await claim.enter()
    try {
      return await act()
    } finally {
      claim.leave()
    }
  }

  get turnEnds(): number {
    return Math.max(this.#burstEnds, this.#since + LEAST_TURN_MS)
  }

  enter(claim: Claim): Promise<void> | undefined {
    if (this.#holder === claim) return undefined
    if (!this.#holder && this.#queue.length === 0 && this.#hasTime()) {
      this.#give(claim)
      return undefined
    }
    return new Promise((resolve) => {
      claim.grant = resolve
      this.#queue.push(claim)
      this.#tick()
    })
  }

  leave(claim: Claim): void {
    if (this.#holder !== claim) return
    this.#release()
    if (this.#queue.length > 0 && this.#hasTime()) this.#serve()
  }

  #release(): void {
    const claim = this.#holder
    if (!claim) return
    claim.share.virtual += (this.#host.now() - this.#since) / claim.share.weight
    this.#holder = undefined
  }

  #hasTime(): boolean {
    const now = this.#host.now()
    if (this.#burstEnds === 0) {
      this.#burstEnds = now + BURST_MS
      this.#tick()
    }
    return now < this.#burstEnds
  }

  /** Between two bursts. Who still holds the thread waits for something else than it: no guest runs now. */
  #tick(): void {
    if (this.#ticking) return
    this.#ticking = true
    this.#host.macrotask(() => {
      this.#ticking = false
      this.#release()
      this.#burstEnds = 0
      if (this.#queue.length > 0 && this.#hasTime()) this.#serve()
    })
  }

  #give(claim: Claim): void {
    this.#holder = claim
    this.#since = this.#host.now()
    // Who slept gets no more than one turn for it.
    claim.share.virtual = Math.max(claim.share.virtual, this.#served - BURST_MS)
    this.#served = Math.max(this.#served, claim.share.virtual)
  }

  #serve(): void {
    const [claim] = this.#queue.splice(this.#next(), 1)
    if (!claim) return
    this.#give(claim)
    claim.grant?.()
  }

  /** Who must end, then who had least, then who waits longest. */
  #next(): number {
    const now = this.#host.now()
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (let at = 0; at < this.#queue.length; at++) {
      const { deadline, share } = this.#queue[at] as Claim
      if (deadline <= now) return at
      if (share.virtual >= least) continue
      least = share.virtual
      best = at
    }
    return best
  }
}

/** This thread's. */
export const scheduler = new Scheduler()
