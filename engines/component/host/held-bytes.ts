/** What the host keeps for one component beside its memory: headers, addresses, bodies, listings. It has a bound of its own. */
import { CanonTrap } from '../canon-trap.ts'

/** Bytes for one component: some requests at once with their bodies, and a listing or two. */
const MOST_HELD = 2 ** 26

export class HeldBytes {
  #left = MOST_HELD

  /** @throws CanonTrap when it would be too much */
  take(count: number): void {
    if (count > this.#left) throw new CanonTrap(`the host keeps more than ${MOST_HELD} bytes for it`)
    this.#left -= count
  }

  give(count: number): void {
    this.#left += count
  }
}

/** What one resource holds of that, until it is let go of. */
export class Holding {
  readonly of: HeldBytes
  #count = 0

  constructor(of: HeldBytes) {
    this.of = of
  }

  /** Sets what is held. */
  set(count: number): void {
    if (count > this.#count) this.of.take(count - this.#count)
    else this.of.give(this.#count - count)
    this.#count = count
  }

  add(count: number): void {
    this.set(this.#count + count)
  }
}
