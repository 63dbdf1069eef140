/** A call of a component's function, from its arguments to its result (CanonicalABI.md, "Task State"). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { CanonContext } from '../canon-context.ts'
import type { InstanceState } from '../instance-state.ts'
import type { GuestFunc } from '../plan.ts'
import type { CallScope } from '../resources.ts'

export type TaskState = 'initial' | 'started' | 'cancel-pending' | 'cancel-delivered' | 'resolved'

/** What a caller has to do with a call that it makes. */
export type Caller = {
  /** The arguments, which are asked for when the call begins. */
  readonly onStart: () => readonly unknown[]
  /** Hears the result, or undefined for a call that was cancelled. */
  readonly onResolve: (outcome: { value: unknown } | undefined) => void
  /** Lets others have the thread while the arguments are on their way; undefined where the guest lies beneath. */
  readonly rest?: () => MaybePromise<void>
  /** Gives resources of the result to the embedding program. */
  readonly handOut?: CanonContext['handOut']
}

export class Task implements CallScope {
  readonly func: GuestFunc
  readonly instance: InstanceState
  readonly caller: Caller
  /** Handles that were lent to it. */
  borrows = 0
  #state: TaskState = 'initial'

  constructor(func: GuestFunc, instance: InstanceState, caller: Caller) {
    this.func = func
    this.instance = instance
    this.caller = caller
  }

  get isResolved(): boolean {
    return this.#state === 'resolved'
  }

  get hasBegun(): boolean {
    return this.#state !== 'initial'
  }

  /** Whether nothing else that needs so may run in its instance at the same time. */
  get needsExclusive(): boolean {
    return !this.func.options.isAsync || this.func.options.callback !== undefined
  }

  start(): readonly unknown[] {
    this.#state = 'started'
    return this.caller.onStart()
  }

  return(value: unknown): void {
    this.#mayResolve()
    this.caller.onResolve({ value })
    this.#state = 'resolved'
  }

  /** The guest agrees to a cancellation. */
  cancel(): void {
    if (this.#state !== 'cancel-delivered') throw new CanonTrap('a task is cancelled that nobody wanted cancelled')
    this.#mayResolve()
    this.caller.onResolve(undefined)
    this.#state = 'resolved'
  }

  /** The caller wants it cancelled. @param deliver whether it can hear of it now */
  wantCancel(deliver: boolean): void {
    this.#state = deliver ? 'cancel-delivered' : 'cancel-pending'
  }

  /** A wish to cancel that the thread is told now, since it waits where it can be. */
  takeCancel(cancellable: boolean): boolean {
    if (!cancellable || this.#state !== 'cancel-pending') return false
    this.#state = 'cancel-delivered'
    return true
  }

  #mayResolve(): void {
    if (this.#state === 'resolved') throw new CanonTrap('a task returns twice')
    if (this.borrows > 0) throw new CanonTrap('a call keeps handles that were lent to it')
  }
}

/** Whether a thread may not begin or go on, since another of its instance runs or it said so. */
export function mustHoldBack({ needsExclusive, instance }: Task): boolean {
  return instance.backpressure > 0 || (needsExclusive && instance.exclusive !== undefined)
}
