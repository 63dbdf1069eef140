/** What the model keeps of one component instance (CanonicalABI.md, "Component Instances"). */
import type { HandleTable } from './resources.ts'
import type { Thread } from './tasks/thread.ts'

export type InstanceState = {
  readonly handles: HandleTable
  /** Something of it runs: it cannot be called again ("may_enter"). */
  entered: boolean
  /** Its imports may be called: not by its allocator, nor by what tidies up after a call. */
  mayLeave: boolean
  /** Above zero its asynchronous functions do not begin. */
  backpressure: number
  /** Calls of it that have not begun. */
  waitingToEnter: number
  /** Of functions that may not run at the same time, the thread that does. */
  exclusive: Thread | undefined
}
