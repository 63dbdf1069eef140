/** Bytes that the host holds for one component: headers, bodies, listings. Bounded together, since handles are many. */

/** As much as a run's result may have. */
const MOST_HELD = 16 * 2 ** 20

export class HeldBytes {
  #left = MOST_HELD

  /** @returns false when there is no room for them */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** What one resource holds of them, given back once. */
export class Holding {
  readonly #of: HeldBytes
  #bytes = 0

  constructor(of: HeldBytes) {
    this.#of = of
  }

  /** Sets how much is held. @returns false, and changes nothing, when there is no room for it */
  resize(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (more > 0 && !this.#of.take(more)) return false
    if (more < 0) this.#of.give(-more)
    this.#bytes = bytes
    return true
  }
}
