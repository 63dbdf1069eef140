/** What a module of a stranger may declare: everything that costs time before its fuel is looked at has a cap here. */
import { MOST_MODULE_BYTES } from '../limits.ts'
import { refuseModule } from './reader.ts'
import { ExternKind, type ModuleShape } from './sections.ts'

/** Sizes beyond which a stranger's module is refused. Real programs stay far below all of them. */
export const STRANGER_CAPS = {
  /** Bytes of the module. Validating 1 MiB takes about 10 ms. */
  moduleBytes: MOST_MODULE_BYTES,
  /**
   * Bytes of one function body: a function is compiled in one go when it is first called, 0.1 ms for 10 KiB and more. Ruby's
   * largest, of its interpreter loop, has 194 KiB.
   */
  bodyBytes: 256 * 2 ** 10,
  /** Each takes some microseconds at its first call, however small it is. */
  functions: 20_000,
  types: 10_000,
  /** Parameters and results of one type together. */
  typeArity: 128,
  imports: 1_000,
  exports: 10_000,
  globals: 10_000,
  tags: 1_000,
  tables: 8,
  /** Slots of one table. A table that may grow further is held to this; one that begins larger is refused. */
  tableSlots: 100_000,
  /** Functions in all element segments together: instantiation takes 0.1 us for each. */
  elements: 200_000,
  elementSegments: 10_000,
  /** Ruby has 18,090. */
  dataSegments: 50_000,
  /** Locals and parameters of one function. */
  locals: 2_000,
  /** Slots of one frame, which is also what deep recursion overshoots by. */
  frameSlots: 4_000,
  /**
   * Locals and operands that are alive, summed up over all branches and blocks of a function: compilers merge them there.
   * Matchers of regular expressions in Rust have 2.6 million in one function (ripgrep, tac).
   */
  mergedSlots: 4_000_000,
} as const

export type StrangerCaps = { readonly [cap in keyof typeof STRANGER_CAPS]: number }

/**
 * Refuses by name what a stranger may not have.
 * @param linked it may import what others of its guest define
 */
export function checkShape(shape: ModuleShape, caps: StrangerCaps, linked: boolean): void {
  const most = (what: string, found: number, allowed: number) => {
    if (found > allowed) throw refuseModule(`it has ${found} ${what}, allowed are ${allowed}`)
  }
  most('functions', shape.functions.length, caps.functions)
  most('types', shape.types.length, caps.types)
  most('imports', shape.imports.length, caps.imports)
  most('exports', shape.exports.length, caps.exports)
  most('globals', shape.globals.length, caps.globals)
  most('tags', shape.tags.length, caps.tags)
  most('tables', shape.tables.length, caps.tables)
  most('functions in its element segments', shape.elements, caps.elements)
  most('element segments', shape.elementSegments, caps.elementSegments)
  most('data segments', shape.dataSegments, caps.dataSegments)
  for (const { params, results } of shape.types) {
    most('parameters and results in one type', params.length + results.length, caps.typeArity)
  }
  shape.tables.forEach(({ minimum }, index) => most(`slots in table ${index}`, minimum, caps.tableSlots))
  for (const { kind, module, name } of shape.imports) {
    if (kind === ExternKind.function || (linked && kind !== ExternKind.tag)) continue
    throw refuseModule(`it imports ${module}.${name}, and a stranger may import functions only`)
  }
}
