/** A caller's rate in, whether its next call may go on out; and what is over in the store, forgotten now and then. */
import { TokaError } from '../errors.ts'
import type { SecurityStore } from './store.ts'
import { parseTtl } from './ttl.ts'

/** `{ per: '1s', burst: 10 }`: ten a second, evenly refilled. */
export type CallerRate = { per: number | string; burst: number }

const MOST_BURST = 1_000_000
/** UTF-16 units of a caller's name: it is stored. */
const NAME = 512

/**
 * One call of a caller's rate.
 * @param now milliseconds since 1970
 * @throws TokaError TOKA_REQUEST_INVALID
 */
export async function takeCallerRate(
  store: SecurityStore,
  caller: string,
  { per, burst }: CallerRate,
  now: number,
): Promise<{ allowed: boolean; retryAfterMs: number }> {
  if (!(Number.isInteger(burst) && burst >= 1 && burst <= MOST_BURST))
    throw new TokaError('TOKA_REQUEST_INVALID', 'rate.burst: must be a whole number from 1 to 1,000,000')
  if (caller.length > NAME)
    throw new TokaError('TOKA_REQUEST_INVALID', `caller: must be a name of at most ${NAME} characters`)
  const interval = Math.ceil((parseTtl(per) * 1_000) / burst)
  const wait = await store.takeRate(`caller/${caller}`, Math.floor(now * 1_000), interval, interval * (burst - 1))
  return { allowed: wait === 0, retryAfterMs: Math.ceil(wait / 1_000) }
}

/** Milliseconds between two times of forgetting. */
const FORGET_MS = 600_000

/** Has a store forget quotas of tokens that ended, and rates that are at rest: it would grow with every caller. */
export class Forgetting {
  readonly #store: SecurityStore
  readonly #skewMs: number
  #at = Number.NEGATIVE_INFINITY

  constructor(store: SecurityStore, skewMs: number) {
    this.#store = store
    this.#skewMs = skewMs
  }

  /** @param now milliseconds since 1970; what ended for every clock that may differ is forgotten */
  async pass(now: number): Promise<void> {
    if (now - this.#at < FORGET_MS) return
    this.#at = now
    await this.#store.forget(now - this.#skewMs)
  }
}
