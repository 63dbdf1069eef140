/** What rewriting can be asked for, and what is known of a module while it is rewritten. */
import type { StrangerCaps } from './caps.ts'
import type { Body } from './code.ts'
import type { CodeFacts } from './code-facts.ts'
import type { Edit } from './edits.ts'
import type { Meter, MeterOptions, Metering, Trust } from './meter.ts'
import type { ModuleShape } from './sections.ts'

export type RewriteOptions = {
  /**
   * Meter the code. Adds the export `__fuel` (mutable i64, 0 at first) and `__callout` (a table of one slot, empty at
   * first): where fuel is found below zero the function in the slot, () -> (), is called. A guest that runs unarmed
   * traps.
   */
  fuel?: boolean
  /**
   * `pinned` (the default): the module is known by its hash, and a unit of fuel is a loop head, or 64 bytes that an
   * instruction moves at once. `stranger`: it may be
   * hostile. Every path is paid for in units of about one instruction, bulk operations by their length and in pieces;
   * calls are counted in the export `__stack` (mutable i32, slots of eight bytes that are left, 0 at first: below zero
   * the guest traps); what exceeds the caps is refused. Needs `fuel`.
   */
  trust?: Trust
  /**
   * `fast` (the default), or `exact`: each basic block pays its own price, so that the fuel used is the same number on
   * every machine. For both classes.
   */
  metering?: Metering
  /** Other caps for a stranger's module than `STRANGER_CAPS` (caps.ts). */
  caps?: Partial<StrangerCaps>
  /**
   * A stranger's module that is linked with others of one guest: it may import memories, tables and globals, which are
   * those of the others, and whatever it exports may be called by them, by way of a table too. Bounds of memories are
   * those of the modules that define them.
   */
  linked?: boolean
  /**
   * The export of a pinned module with fuel that is its stack pointer. The frames that its functions have on the engine's
   * stack are taken off it too, so that an interpreter which looks at it to see how deep it is sees that as well.
   */
  stackPointer?: string
  /**
   * Export every mutable global as `__g<i>` and every table as `__t<i>`, and the memory. With `if-possible` a module whose
   * state cannot be saved is no failure: `RewriteMeta.unsavable` says why.
   */
  exportState?: boolean | 'if-possible'
  /** Cap of the memory, in pages; refused when the module asks for more at once. */
  maximumPages?: number
  /**
   * Of a pinned module on fast fuel: a cap of the memory that its instances are given one by one. Adds the export
   * `__pages` (mutable i32, all pages at first): `memory.grow` beyond so many pages fails.
   */
  pagesCap?: boolean
  /** Raises the memory's first size, in pages. */
  minimumPages?: number
  /** Names of exports to keep; all others but memories and tables are dropped. Each must exist. */
  keepExports?: Iterable<string>
  /** Drop the data segments, for instances whose memory is restored from an image; `if-possible` unless code uses them. */
  stripData?: boolean | 'if-possible'
}

/** A module while it is rewritten. */
export type Plan = {
  bytes: Uint8Array
  shape: ModuleShape
  options: RewriteOptions & { exportState: boolean; stripData: boolean }
  meterOptions: MeterOptions
  meter: Meter
  facts: CodeFacts
  bodies: readonly Body[]
  /** Of each body. */
  changes: readonly (readonly Edit[])[]
}
