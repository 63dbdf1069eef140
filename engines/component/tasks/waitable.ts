/** What a guest can wait for, and sets of it: each has at most one event to tell (CanonicalABI.md, "Waitable State"). */
import { CanonTrap } from '../canon-trap.ts'
import { TableItem } from '../resources.ts'

export const Event = {
  none: 0,
  subtask: 1,
  streamRead: 2,
  streamWrite: 3,
  futureRead: 4,
  futureWrite: 5,
  taskCancelled: 6,
} as const

export type EventTuple = readonly [code: number, index: number, payload: number]

export class Waitable extends TableItem {
  readonly what: string = 'waitable'
  #event: (() => EventTuple) | undefined
  /** A thread waits for it without a set. */
  hasSyncWaiter = false
  #set: WaitableSet | undefined

  get isInSet(): boolean {
    return this.#set !== undefined
  }

  /** Makes the event when it is told: what happens until then is in it. */
  get event(): (() => EventTuple) | undefined {
    return this.#event
  }

  set event(event: (() => EventTuple) | undefined) {
    this.#count(-1)
    this.#event = event
    this.#count(1)
  }

  takeEvent(): EventTuple {
    const { event } = this
    this.event = undefined
    if (!event) throw new TypeError('an event was taken that is not there')
    return event()
  }

  join(set: WaitableSet | undefined): void {
    this.#count(-1)
    this.#set?.members.delete(this)
    this.#set = set
    set?.members.add(this)
    this.#count(1)
  }

  /** Its set knows how many have an event: tasks that wait for a set ask it again and again. */
  #count(by: 1 | -1): void {
    if (this.#event && this.#set) this.#set.events += by
  }

  /** It leaves its set when its handle goes. */
  drop(): void {
    this.join(undefined)
  }
}

export class WaitableSet extends TableItem {
  readonly what = 'set of waitables'
  readonly members = new Set<Waitable>()
  /** Threads that wait for it. */
  waiting = 0
  /** Members that have an event to tell. */
  events = 0

  get hasEvent(): boolean {
    return this.events > 0
  }

  /** Of several events, that of whom one was told longest ago. */
  takeEvent(): EventTuple {
    for (const member of this.members)
      if (member.event) {
        this.members.delete(member)
        this.members.add(member)
        return member.takeEvent()
      }
    throw new TypeError('an event was taken that is not there')
  }

  drop(): void {
    if (this.members.size > 0) throw new CanonTrap('a set of waitables is dropped that something is in')
    if (this.waiting > 0) throw new CanonTrap('a set of waitables is dropped that a task waits for')
  }
}
