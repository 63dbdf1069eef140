/** A guest on its leash, the same for every engine: its fuel, what follows when it is spent, when the host worked for it, in a pause, and while its thread waits. */
import { type Leash, Verdict } from './engine.ts'
import type { MaybePromise } from './kernel/host-port.ts'
import { Later } from './kernel/later.ts'
import type { WaitingThread } from './kernel/waiting-thread.ts'

/** Fuel for entries of the host's own (boot, attach, a limit): no slice ends in them. */
const UNLIMITED = 2n ** 62n

/** A guest's fuel as its host keeps it: slices are armed, and what was burned of each is told once. */
export class FuelGauge {
  readonly #fuel: WebAssembly.Global<'i64'>
  #slice = 0

  /** @param fuel the rewritten module's global */
  constructor(fuel: WebAssembly.Global<'i64'>) {
    this.#fuel = fuel
  }

  /** Units until the next callout. */
  arm(slice: number): void {
    this.#slice = slice
    this.#fuel.value = BigInt(slice)
  }

  armForHost(): void {
    this.#fuel.value = UNLIMITED
  }

  /** Units burned since the slice was armed, or since the last answer: each is told once. */
  burned(): number {
    const left = Number(this.#fuel.value)
    const burned = this.#slice - left
    this.#slice = left
    return burned
  }

  /** The guest asks at its next loop head: what the host does for it takes time and burns no fuel. */
  endSlice(): void {
    const left = Number(this.#fuel.value)
    if (left <= 0) return
    this.#slice -= left
    this.#fuel.value = 0n
  }
}

/** What is asked of a guest. */
export type Leashed = {
  readonly fuel: Pick<FuelGauge, 'arm' | 'burned' | 'endSlice'>
  /** It traps at its next step across the border. */
  kill(): void
}

/**
 * A slice of fuel is spent.
 * @param maySuspend whether the guest can wait where it is
 * @returns a Verdict, which the border obeys: fuel is armed anew unless it is `kill`
 */
export function sliceSpent(leash: Leash, guest: Leashed, maySuspend: boolean): number {
  const verdict = leash.spent(guest.fuel.burned())
  if (verdict === Verdict.kill) {
    guest.kill()
    return Verdict.kill
  }
  guest.fuel.arm(leash.slice)
  return verdict === Verdict.suspend && maySuspend ? Verdict.suspend : Verdict.extend
}

/** What the host does for a guest burns no fuel: the deadline and the end of its turn are looked at after each call. */
export function callMade(leash: Leash | undefined, guest: Leashed, maySuspend: boolean): void {
  const verdict = leash?.spent(0)
  if (verdict === Verdict.kill) guest.kill()
  else if (verdict === Verdict.suspend && maySuspend) guest.fuel.endSlice()
}

/** Others have the thread; a guest whose run ended meanwhile dies of it. */
export async function paused(leash: Leash | undefined, guest: Leashed): Promise<void> {
  await leash?.pause()
  if (leash?.stopped) guest.kill()
}

/** How a guest that cannot be suspended waits: `leash` is the run's, `thread` its own. */
export type OnThread = { leash: Leash | undefined; guest: Pick<Leashed, 'kill'>; thread: WaitingThread }

/** The thread waits for its guest until something is so, the time is over, or the run must end: then the guest dies. */
export function waitOnThread(
  { leash, guest, thread }: OnThread,
  milliseconds: number,
  isOver: () => boolean = () => false,
): void {
  if (!leash) return
  const until = performance.now() + milliseconds
  leash.onThread(false)
  for (let left = milliseconds; left > 0 && !isOver(); left = until - performance.now()) {
    if (leash.spent(0) === Verdict.kill) break
    thread.wait(left)
  }
  leash.onThread(true)
  // A wait may outlast the leash.
  if (leash.spent(0) === Verdict.kill) guest.kill()
}

/**
 * An answer that a guest waits for which cannot be suspended: its thread waits, where that is told of answers. Any other
 * promise stays one, for which nothing can wait here.
 * @throws what the answer comes to; GuestFacingError ECANCELED when the run must end before it comes
 */
export function settledOnThread<T>(on: OnThread, answer: MaybePromise<T>): MaybePromise<T> {
  if (!(answer instanceof Later)) return answer
  waitOnThread(on, Number.POSITIVE_INFINITY, () => answer.isSettled)
  return answer.now()
}
