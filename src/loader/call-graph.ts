/** A code section in, who calls whom out: where recursion must pass, and an order in which callees come before callers. */
import { skipImmediates } from './instructions.ts'
import { MiscOp, Op, readValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import { ExternKind, type ModuleShape, type Section, SectionId } from './sections.ts'

/** What a body does, as bits. */
export const Trait = {
  /** Calls something. */
  calls: 1,
  loops: 2,
  /** Throws or catches exceptions. */
  exceptions: 4,
  /** Has an operation whose length is charged, which is a call too. */
  bulk: 8,
  /** Calls what is found in a table, or what another module of its guest may define. */
  leaves: 16,
} as const

export type CallGraph = {
  /** Bodies, by their index in the code section, each after those that it calls, but for cycles. */
  order: Uint32Array
  /** By the body: every cycle of calls passes one of these. Functions that can be called by a table are among them. */
  cyclic: Uint8Array
  /** By the body. */
  traits: Uint8Array
  /** Bodies that a body calls directly. */
  callees(body: number): Uint32Array
}

/** Direct calls of all bodies in one list; a body's begin at its offset. */
class Calls {
  readonly #offsets: Uint32Array
  #list = new Uint32Array(1_024)
  #length = 0

  constructor(bodies: number) {
    this.#offsets = new Uint32Array(bodies + 1)
  }

  push(callee: number): void {
    if (this.#length === this.#list.length) {
      const grown = new Uint32Array(this.#length * 2)
      grown.set(this.#list)
      this.#list = grown
    }
    this.#list[this.#length++] = callee
  }

  endBody(body: number): void {
    this.#offsets[body + 1] = this.#length
  }

  of(body: number): Uint32Array {
    return this.#list.subarray(this.#offsets[body], this.#offsets[body + 1])
  }
}

function traitOf(opcode: number, second: number): number {
  if (opcode === Op.callIndirect || opcode === Op.returnCallIndirect) return Trait.calls | Trait.leaves
  if (opcode === Op.call || opcode === Op.returnCall) return Trait.calls
  if (opcode === Op.loop) return Trait.loops
  if (opcode === Op.tryTable || opcode === Op.delegate || opcode === Op.catchAll) return Trait.exceptions
  if (opcode >= Op.try && opcode <= Op.throwRef) return Trait.exceptions
  if (opcode === Op.memoryGrow) return Trait.bulk
  return opcode === Op.prefixMisc && second >= MiscOp.memoryInit ? Trait.bulk : 0
}

/** Reads a body's calls and traits; functions that it takes a reference of can be called by whoever gets that. */
function readBody(reader: Reader, shape: ModuleShape, calls: Calls, taken: Set<number>, linked: boolean): number {
  const {
    importedFunctions: imported,
    functions: { length: functions },
  } = shape
  let traits = 0
  for (let left = reader.u32(); left > 0; left--) {
    reader.u32()
    readValueType(reader)
  }
  const peek = new Reader(reader.bytes, reader.at, reader.end)
  while (!reader.done) {
    const opcode = reader.byte()
    peek.at = reader.at
    traits |= traitOf(opcode, skipImmediates(reader, opcode))
    if (opcode === Op.refFunc) taken.add(peek.u32())
    else if (opcode === Op.call || opcode === Op.returnCall) {
      const callee = peek.u32()
      if (callee >= functions) throw refuseModule(`it calls function ${callee}, which it does not have`, peek.at)
      if (callee >= imported) calls.push(callee - imported)
      else if (linked) traits |= Trait.leaves
    }
  }
  return traits
}

/** Walks the graph depth first; a call of a body that is on the way closes a cycle. */
function orderBodies(bodies: number, calls: Calls, cyclic: Uint8Array): Uint32Array {
  const [fresh, onWay, done] = [0, 1, 2]
  const marks = new Uint8Array(bodies)
  const next = new Uint32Array(bodies)
  const order = new Uint32Array(bodies)
  const way: number[] = []
  let placed = 0
  for (let root = 0; root < bodies; root++) {
    if (marks[root] !== fresh) continue
    marks[root] = onWay
    way.push(root)
    for (let body = way.at(-1); body !== undefined; body = way.at(-1)) {
      const callee = calls.of(body)[next[body] as number]
      next[body] = (next[body] as number) + 1
      if (callee === undefined) {
        marks[body] = done
        order[placed++] = body
        way.pop()
      } else if (marks[callee] === fresh) {
        marks[callee] = onWay
        way.push(callee)
      } else if (marks[callee] === onWay) cyclic[callee] = 1
    }
  }
  return order
}

/**
 * Reads the call graph of a module whose sections were read.
 * @param linked other modules may put what it exports into tables, and call it from there
 */
export function readCallGraph(bytes: Uint8Array, shape: ModuleShape, linked: boolean): CallGraph {
  const section: Section = shape.sections.get(SectionId.code) ?? { start: 0, end: 0 }
  const imported = shape.importedFunctions
  const reader = new Reader(bytes, section.start, section.end)
  const bodies = reader.done ? 0 : reader.u32()
  const declared = shape.functions.length - imported
  if (bodies !== declared) throw refuseModule(`it declares ${declared} functions and has ${bodies} bodies`)
  const calls = new Calls(bodies)
  const traits = new Uint8Array(bodies)
  const taken = new Set(shape.references)
  if (linked) for (const { kind, index } of shape.exports) if (kind === ExternKind.function) taken.add(index)
  for (let body = 0; body < bodies; body++) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    traits[body] = readBody(new Reader(bytes, start, reader.at), shape, calls, taken, linked)
    calls.endBody(body)
  }
  const cyclic = new Uint8Array(bodies)
  for (const index of taken) if (index >= imported) cyclic[index - imported] = 1
  return { order: orderBodies(bodies, calls, cyclic), cyclic, traits, callees: (body) => calls.of(body) }
}
