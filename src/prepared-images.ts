/** Work that is done once a key: whoever asks meanwhile shares it, what failed is tried anew, the oldest goes first. */

export class PreparedImages<T> {
  readonly #most: number
  readonly #known = new Map<string, Promise<T>>()

  /** @param most keys that are kept */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  /** What is known by a key, or what `make` makes of it. */
  take(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key)
    if (known) {
      // Used last: it stays longest.
      this.#known.delete(key)
      this.#known.set(key, known)
      return known
    }
    const made = make()
    this.#known.set(key, made)
    made.catch(() => this.#known.delete(key))
    const oldest = this.#known.size > this.#most ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
    return made
  }
}
