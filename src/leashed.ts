/** A guest on its leash, the same for every engine: what follows when its fuel is spent, when the host worked for it, and in a pause. */
import { type Leash, Verdict } from './engine.ts'

/** What is asked of a guest. */
export type Leashed = {
  readonly fuel: { arm(slice: number): void; burned(): number; endSlice(): void }
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
