/** What a pass over a body is given, and what it answers. */
import type { GlobalCharges } from './body-frame.ts'
import type { BulkFunctions } from './bulk.ts'
import type { StrangerCaps } from './caps.ts'
import type { FactCollector } from './code-facts.ts'
import type { Edit } from './edits.ts'
import type { Metering } from './metering.ts'
import type { FunctionType, ModuleShape } from './sections.ts'
import type { Snippet } from './snippet.ts'

/** What the passes over all bodies of a module share. */
export type ScanContext = {
  shape: ModuleShape
  facts: FactCollector
  charges: GlobalCharges
  bulk: BulkFunctions
  /** Index of the stack's global; undefined leaves the depth of calls uncounted. */
  stack: number | undefined
  /** The bytes of the type of a block that gives these results. */
  resultBlock: (results: FunctionType['results']) => Uint8Array
  /** The instructions that charge so many units at the first call of a function. */
  firstCall: (units: number) => Snippet
  caps: StrangerCaps | undefined
  /** By the index of the function: what each caller pays for it. */
  callersPay: Uint8Array
}

/** What is known of a body before it is passed over. */
export type BodyTask = {
  /** Of the function, in the module's index space. */
  index: number
  metering: Metering
  /** Whether the fuel is kept in a local. Not where exceptions may leave the body in between. */
  keepsFuel: boolean
}

/** What is found: the changes depend on whether the depth of calls is counted here, which is decided afterwards. */
export type ScannedBody = {
  /** Slots of its frame. */
  slots: number
  /**
   * @param counted slots that a call takes off the stack, when it is counted here
   * @returns the changes in the order of their places
   */
  finish(counted: number | undefined): readonly Edit[]
}
