/** Things with a time, the earliest first: a binary heap. Equal times keep the order in which they were added. */
import { create } from './primordials.ts'

type Entry<T> = { time: number; order: number; item: T }

function isBefore(first: Entry<unknown>, second: Entry<unknown>): boolean {
  return first.time < second.time || (first.time === second.time && first.order < second.order)
}

export class Heap<T> {
  // Without a prototype: writing an index into an array would ask Array.prototype for setters.
  #entries: Record<number, Entry<T>> = create(null)
  #size = 0
  #order = 0

  get size(): number {
    return this.#size
  }

  add(time: number, item: T): void {
    const entry = { time, order: this.#order++, item }
    let at = this.#size++
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#entries[above] as Entry<T>
      if (isBefore(parent, entry)) break
      this.#entries[at] = parent
      at = above
    }
    this.#entries[at] = entry
  }

  /** The earliest, which stays. */
  first(): T | undefined {
    return this.#size === 0 ? undefined : this.#entries[0]?.item
  }

  removeFirst(): void {
    const last = this.#entries[--this.#size] as Entry<T>
    delete this.#entries[this.#size]
    if (this.#size === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= this.#size) break
      const right = below + 1
      if (right < this.#size && isBefore(this.#entries[right] as Entry<T>, this.#entries[below] as Entry<T>))
        below = right
      const child = this.#entries[below] as Entry<T>
      if (!isBefore(child, last)) break
      this.#entries[at] = child
      at = below
    }
    this.#entries[at] = last
  }

  /** A heap of what `keep` answers true for, in the same order. */
  filter(keep: (item: T) => boolean): Heap<T> {
    const kept = new Heap<T>()
    for (; this.#size > 0; this.removeFirst()) {
      const { time, item } = this.#entries[0] as Entry<T>
      if (keep(item)) kept.add(time, item)
    }
    return kept
  }
}
