/** What a security manager remembers beyond one process: the list of revoked links, what is left of quotas, callers' rates. */
import type { MaybePromise } from '../kernel/host-port.ts'

/** A quota that processes share. */
export type QuotaCell = {
  /** Made of the token's `jti` and the place of the quota in its link. */
  key: string
  /** What it holds before anybody took of it: calls or bytes. */
  initial: number
  /** When its token ends, in milliseconds since 1970: it may be forgotten then. */
  until: number
}

/**
 * Where a security manager keeps its state. Every operation is atomic and, in a durable store, on disk when it answers:
 * a process that is killed in the middle of one leaves it done or not begun.
 */
export interface SecurityStore {
  /** The newest signed list of revoked links. */
  readList(): MaybePromise<{ version: number; text: string } | undefined>
  /** Replaces the list of version `over` (0: there is none). False when another process was faster: another one is stored. */
  writeList(version: number, text: string, over: number): MaybePromise<boolean>
  /**
   * Takes of a quota what a process may spend on its own account: half of what is left (all of it with `whole`), at least
   * one. What is taken and never given back is spent, so that a process that dies can only have spent too little.
   */
  lease(cell: QuotaCell, whole: boolean): MaybePromise<number>
  /** Gives back what was leased and not spent. */
  giveBack(cell: QuotaCell, amount: number): MaybePromise<void>
  /** What nobody has taken yet. */
  left(cell: QuotaCell): MaybePromise<number>
  /**
   * One call of a rate (generic cell rate algorithm, in whole microseconds).
   * @returns 0 when it may go on, or the microseconds until it might
   */
  takeRate(key: string, now: number, interval: number, tolerance: number): MaybePromise<number>
  /** Forgets quotas of tokens that ended before, and rates that are at rest. */
  forget(before: number): MaybePromise<void>
  close(): MaybePromise<void>
}

/** What a lease takes of what is left. */
export function shareOf(left: number, whole: boolean): number {
  return whole ? left : Math.min(left, Math.max(1, Math.ceil(left / 2)))
}

/** The next arrival time of a rate, or the microseconds to wait: one step of the generic cell rate algorithm. */
export function stepRate(
  arrival: number,
  now: number,
  interval: number,
  tolerance: number,
): { next: number } | { wait: number } {
  const base = Math.max(arrival, now)
  return base - now > tolerance ? { wait: base - now - tolerance } : { next: base + interval }
}
