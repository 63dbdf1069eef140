/** What the model keeps of one component instance (CanonicalABI.md, "Component Instances"). */
import type { HandleTable } from './resources.ts'

export type InstanceState = {
  readonly handles: HandleTable
  /** It, and those that it was made in. */
  readonly around: readonly InstanceState[]
  /** Something of it, or of one made in it, runs: it cannot be called from outside of it ("may_enter"). */
  entered: boolean
  /** Its imports may be called: not by its allocator, nor by what tidies up after a call. */
  mayLeave: boolean
  /** Above zero its asynchronous functions do not begin. */
  backpressure: number
  /** Calls of it that have not begun. */
  waitingToEnter: number
  /** Of functions that may not run at the same time, the thread that does. */
  exclusive: object | undefined
}

/** What a call enters: an instance and those around it, but for those that its caller is in already ("entering_set"). */
export function entering(into: InstanceState, from: InstanceState | undefined): readonly InstanceState[] {
  return from ? into.around.filter((one) => !from.around.includes(one)) : into.around
}

/** Whether nothing of an instance runs, so that it may be called. @param from whose call it is; undefined for the host */
export function mayEnter(into: InstanceState, from: InstanceState | undefined): boolean {
  return entering(into, from).every(({ entered }) => !entered)
}

/** An instance is called, or the call has returned. */
export function setEntered(into: InstanceState, from: InstanceState | undefined, entered: boolean): void {
  for (const one of entering(into, from)) one.entered = entered
}
