/** A guest's fuel as its host keeps it: slices are armed, and what was burned of each is told once. */

/** Fuel for entries of the host's own (boot, attach, a limit): no slice ends in them. */
const UNLIMITED = 2n ** 62n

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
