/** Listings of directories that a guest reads piece by piece: a process keeps so many entries, the oldest listings go first. */

/** Entries of all kept listings together. A listing that has more is kept alone. */
const KEPT_ENTRIES = 65_536

/** What a listing is read for. Without one the directory is read anew. */
export interface Lister<Entry> {
  listing: readonly Entry[] | undefined
}

export class KeptListings<Entry> {
  readonly #listers = new Set<Lister<Entry>>()
  #entries = 0

  keep(lister: Lister<Entry>, listing: readonly Entry[]): void {
    this.forget(lister)
    lister.listing = listing
    this.#listers.add(lister)
    this.#entries += listing.length
    for (const oldest of this.#listers) {
      if (this.#entries <= KEPT_ENTRIES || oldest === lister) break
      this.forget(oldest)
    }
  }

  forget(lister: Lister<Entry>): void {
    if (this.#listers.delete(lister)) this.#entries -= lister.listing?.length ?? 0
    lister.listing = undefined
  }
}
