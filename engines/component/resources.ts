/** Resource types and the handles that one component instance holds: unforgeable numbers in, what they stand for out. */
import { CanonTrap } from './canon-trap.ts'
import type { ResourceType } from './resource-types.ts'

/** What a resource is where it is implemented: a number of the guest's, or an object of the host's. */
export type Representation = number | object

/** A call under way, whose borrowed handles must be gone when it returns. */
export type CallScope = { borrows: number }

export type Handle = {
  readonly resource: ResourceType
  readonly rep: Representation
  /** Of a borrowed handle: the call that it belongs to. */
  readonly scope: CallScope | undefined
  lends: number
}

/** What else stands in a table of handles: what can be waited for, sets of it, error contexts. */
export abstract class TableItem {
  /** For messages. */
  abstract readonly what: string
  /** The host's object behind it, of which there may be fewer. */
  readonly object: object | undefined
}

/** Handles of one component instance. The specification allows 2^28; each costs the host some bytes. */
const MOST_HANDLES = 65_536
/** Handles of objects of the host's, over all instances of a component: each may hold a buffer of 64 KiB. */
const MOST_OBJECTS = 1_024

/** Counts the host's objects over the tables of one component. */
export class ObjectCount {
  #left = MOST_OBJECTS

  add(rep: Representation): void {
    if (typeof rep !== 'object') return
    if (this.#left <= 0) throw new CanonTrap(`it holds more than ${MOST_OBJECTS} resources of the host`)
    this.#left--
  }

  remove(rep: Representation): void {
    if (typeof rep === 'object') this.#left++
  }
}

export class HandleTable {
  /** The place 0 is never given (CanonicalABI.md, "Table State"). */
  #handles: (Handle | TableItem | undefined)[] = [undefined]
  #free: number[] = []
  readonly #objects: ObjectCount

  constructor(objects: ObjectCount) {
    this.#objects = objects
  }

  add(resource: ResourceType, rep: Representation, scope?: CallScope): number {
    this.#objects.add(rep)
    return this.#place({ resource, rep, scope, lends: 0 })
  }

  addItem(item: TableItem): number {
    if (item.object) this.#objects.add(item.object)
    return this.#place(item)
  }

  #place(handle: Handle | TableItem): number {
    const free = this.#free.pop()
    if (free !== undefined) {
      this.#handles[free] = handle
      return free
    }
    if (this.#handles.length > MOST_HANDLES) throw new CanonTrap(`it holds more than ${MOST_HANDLES} handles`)
    return this.#handles.push(handle) - 1
  }

  /** @throws CanonTrap for a number that stands for no handle of this type */
  get(number: number, resource: ResourceType): Handle {
    const handle = this.#handles[number]
    if (!handle || handle instanceof TableItem) throw new CanonTrap(`${number} is no handle that it holds`)
    if (handle.resource !== resource)
      throw new CanonTrap(`the handle ${number} is a ${handle.resource.name}, not a ${resource.name}`)
    return handle
  }

  /** Takes a handle out that is lent to nobody. */
  remove(number: number, resource: ResourceType): Handle {
    const handle = this.get(number, resource)
    if (handle.lends > 0) throw new CanonTrap(`the handle ${number} is lent to a call`)
    this.#objects.remove(handle.rep)
    this.#clear(number)
    return handle
  }

  /** @throws CanonTrap for a number that stands for nothing of this kind */
  item<T extends TableItem>(number: number, kind: abstract new (...args: never[]) => T): T {
    const item = this.#handles[number]
    if (item instanceof kind) return item
    throw new CanonTrap(`${number} is not what it is used as${item instanceof TableItem ? `, but a ${item.what}` : ''}`)
  }

  removeItem<T extends TableItem>(number: number, kind: abstract new (...args: never[]) => T): T {
    const item = this.item(number, kind)
    if (item.object) this.#objects.remove(item.object)
    this.#clear(number)
    return item
  }

  #clear(number: number): void {
    this.#handles[number] = undefined
    this.#free.push(number)
  }

  /** Every handle of a resource with its number, in order. */
  *entries(): Generator<[number, Handle]> {
    for (const [number, handle] of this.#handles.entries())
      if (handle && !(handle instanceof TableItem)) yield [number, handle]
  }

  /** Everything else with its number, in order. */
  *items(): Generator<[number, TableItem]> {
    for (const [number, item] of this.#handles.entries()) if (item instanceof TableItem) yield [number, item]
  }

  /** The free numbers, in the order in which they will be given again last to first, and how many numbers there are. */
  get shape(): { length: number; free: readonly number[] } {
    return { length: this.#handles.length, free: this.#free }
  }

  /** Puts a whole table back. */
  load(
    shape: { length: number; free: readonly number[] },
    handles: Iterable<[number, Handle]>,
    items: Iterable<[number, TableItem]>,
  ): void {
    this.#handles = Array.from({ length: shape.length }, () => undefined)
    for (const [number, handle] of handles) {
      this.#objects.add(handle.rep)
      this.#handles[number] = handle
    }
    for (const [number, item] of items) this.#handles[number] = item
    this.#free = [...shape.free]
  }
}
