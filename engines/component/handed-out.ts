/** Resources of a component that its caller holds: objects with a number, which stand for them in later calls. */
import { CanonTrap } from './canon-trap.ts'
import type { Representation } from './resources.ts'
import type { ResourceType } from './resource-types.ts'
import type { HandleFinder } from './wit-values.ts'

type Held = { resource: ResourceType; rep: Representation }

/** Resources that a caller holds at once. */
const MOST_HELD = 1_024

export class HandedOut {
  readonly #held = new Map<number, Held>()
  #last = 0

  /** The number that was given last. */
  get last(): number {
    return this.#last
  }

  entries(): Iterable<[number, Held]> {
    return this.#held
  }

  /** Puts back what was held when the component was saved. */
  load(last: number, held: Iterable<[number, Held]>): void {
    this.#last = last
    this.#held.clear()
    for (const [number, one] of held) this.#held.set(number, one)
  }

  /** Gives a resource to the caller: `{ resource: 'counter', handle: 1 }`. A trap when the caller holds too many. */
  give(resource: ResourceType, rep: Representation): { resource: string; handle: number } {
    if (this.#held.size >= MOST_HELD) throw new CanonTrap(`its caller holds more than ${MOST_HELD} of its resources`)
    this.#held.set(++this.#last, { resource, rep })
    return { resource: resource.name, handle: this.#last }
  }

  /** What an object that was given stands for; `taken` collects the numbers of those that the call takes over. */
  finder(taken: Set<number>): HandleFinder {
    return (value, resource, isOwned) => {
      const number = numberOf(value)
      const held = number === undefined ? undefined : this.#held.get(number)
      if (number === undefined || !held || held.resource !== resource || taken.has(number)) return undefined
      if (isOwned) taken.add(number)
      return held.rep
    }
  }

  take(number: number): Held | undefined {
    const held = this.#held.get(number)
    this.#held.delete(number)
    return held
  }

  /** By an object that was given. */
  takeBy(value: unknown): Held | undefined {
    const number = numberOf(value)
    return number === undefined ? undefined : this.take(number)
  }
}

function numberOf(value: unknown): number | undefined {
  const handle = typeof value === 'object' && value !== null && Object.hasOwn(value, 'handle') && 'handle' in value
  return handle && typeof value.handle === 'number' ? value.handle : undefined
}
