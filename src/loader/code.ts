/** The code section in, the same with its changes out: checks at loop heads of pinned modules, everything metered in others. */
import { BodyScan } from './body-scan.ts'
import { type CallGraph, Trait } from './call-graph.ts'
import { type CodeFacts, FactCollector } from './code-facts.ts'
import { Depth } from './depth.ts'
import type { Edit } from './edits.ts'
import { ExactMetering } from './exact-metering.ts'
import { FastMetering } from './fast-metering.ts'
import { skipImmediates } from './instructions.ts'
import { NativeFrames } from './native-frames.ts'
import { MiscOp, Op, readValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import type { Snippet } from './snippet.ts'
import type { BodyTask, ScanContext } from './scan-context.ts'
import { functionType, type ModuleShape, type Section } from './sections.ts'

/** A body's bytes. */
export type Body = { start: number; end: number }

/** What is done to all bodies: a generator, so that whoever runs it can do something else, or stop, between two steps. */
export interface CodePass {
  readonly facts: CodeFacts
  /** @returns each body's changes in the order of their places */
  run(bytes: Uint8Array, bodies: readonly Body[]): Generator<void, readonly (readonly Edit[])[]>
}

/** Bytes of code between two steps: about 5 ms. */
const STEP_BYTES = 2 ** 18

/** Instructions that take as long as the number on top of the stack says. */
const MOVING: ReadonlySet<number> = new Set([
  MiscOp.memoryInit,
  MiscOp.memoryCopy,
  MiscOp.memoryFill,
  MiscOp.tableInit,
  MiscOp.tableCopy,
  MiscOp.tableGrow,
  MiscOp.tableFill,
])

/**
 * What is put into a pinned module: instructions for loop heads, before instructions that move any length, and before
 * `memory.grow`.
 */
export type LoopHeadMeter = { check: Snippet; charge: Uint8Array; grow?: Uint8Array }

/** What counting frames needs: the stack pointer's index, bodies that close a cycle of direct calls, signatures, types of blocks that give results. */
export type FrameCount = {
  stackPointer: number
  cyclic: Uint8Array
  shape: ModuleShape
  resultBlock: ScanContext['resultBlock']
}

/** Passes over the bodies of a pinned module: a check at each loop head and a charge before bulk instructions, or none. */
export class LoopHeadPass implements CodePass {
  readonly facts = new FactCollector()
  readonly #meter: LoopHeadMeter | undefined
  readonly #frames: FrameCount | undefined

  /**
   * @param meter instructions that leave the operand stack as it was
   * @param frames with it frames are counted (native-frames.ts)
   */
  constructor(meter: LoopHeadMeter | undefined, frames?: FrameCount) {
    this.#meter = meter
    this.#frames = frames
  }

  *run(bytes: Uint8Array, bodies: readonly Body[]): Generator<void, readonly (readonly Edit[])[]> {
    const changes: (readonly Edit[])[] = []
    let passed = 0
    for (const [index, { start, end }] of bodies.entries()) {
      changes.push(this.#body(index, new Reader(bytes, start, end)))
      passed += end - start
      if (passed < STEP_BYTES) continue
      passed = 0
      yield
    }
    return changes
  }

  #body(index: number, reader: Reader): readonly Edit[] {
    const edits: Edit[] = []
    let locals = 0
    for (let left = reader.u32(); left > 0; left--) {
      locals += reader.u32()
      readValueType(reader)
    }
    const first = reader.at
    const frames = this.#frames && new NativeFrames(this.#frames.stackPointer, this.#frames.cyclic[index] === 1)
    const peek = new Reader(reader.bytes, first, reader.end)
    while (!reader.done) {
      const at = reader.at
      const opcode = reader.byte()
      peek.at = reader.at
      const second = skipImmediates(reader, opcode)
      this.facts.note(reader, opcode, second, at + 1)
      const exit = frames?.note(opcode, at, () => peek.u32())
      if (exit) edits.push(exit)
      if (!this.#meter) continue
      if (opcode === Op.loop) edits.push({ at: reader.at, until: reader.at, ...this.#meter.check })
      else if (opcode === Op.prefixMisc && MOVING.has(second)) edits.push({ at, until: at, code: this.#meter.charge })
      else if (opcode === Op.memoryGrow && this.#meter.grow) edits.push({ at, until: at, code: this.#meter.grow })
    }
    if (reader.bytes[reader.end - 1] !== Op.end) throw refuseModule('a function body has no end', reader.end - 1)
    return frames ? this.#withFrame(frames, index, edits, { first, end: reader.end - 1, locals }) : edits
  }

  #withFrame(
    frames: NativeFrames,
    index: number,
    edits: readonly Edit[],
    { first, end, locals }: { first: number; end: number; locals: number },
  ): readonly Edit[] {
    const { shape, resultBlock } = this.#frames as FrameCount
    const { params, results } = functionType(shape, shape.importedFunctions + index)
    const place = { first, end, locals: params.length + locals, resultBlock: resultBlock(results) }
    const around = frames.finish(place)
    return around ? [around[0], ...edits, around[1]] : edits
  }
}

/** Longest body without calls and loops that leaves it to its callers to look for the fuel's end, in bytes. */
const LEAF_BYTES = 256

/** Passes over bodies whose every path is paid for: callees first, since callers pay for the small ones. */
export class MeteredPass implements CodePass {
  readonly #context: ScanContext
  readonly #graph: CallGraph
  readonly #exact: boolean

  constructor(context: ScanContext, graph: CallGraph, exact: boolean) {
    this.#context = context
    this.#graph = graph
    this.#exact = exact
  }

  get facts(): CodeFacts {
    return this.#context.facts
  }

  *run(bytes: Uint8Array, bodies: readonly Body[]): Generator<void, readonly (readonly Edit[])[]> {
    const { order } = this.#graph
    const changes = new Array<readonly Edit[]>(bodies.length).fill([])
    const depth = new Depth(this.#graph)
    let passed = 0
    for (const index of order) {
      const { start, end } = bodies[index] as Body
      this.#checkSize(index, end - start)
      const scanned = new BodyScan(this.#context, this.#taskOf(index, end - start), new Reader(bytes, start, end)).run()
      changes[index] = scanned.finish(depth.slotsOf(index, scanned.slots))
      passed += end - start
      if (passed < STEP_BYTES) continue
      passed = 0
      yield
    }
    return changes
  }

  #checkSize(index: number, size: number): void {
    const { caps, shape } = this.#context
    if (caps && size > caps.bodyBytes) {
      const name = `function ${shape.importedFunctions + index}`
      throw refuseModule(`${name} is ${size} bytes long, allowed are ${caps.bodyBytes}`)
    }
  }

  #taskOf(index: number, size: number): BodyTask {
    const traits = this.#graph.traits[index] as number
    const callsNothing = (traits & (Trait.calls | Trait.bulk)) === 0
    const loops = (traits & Trait.loops) !== 0
    const cyclic = this.#graph.cyclic[index] === 1
    return {
      index: this.#context.shape.importedFunctions + index,
      metering: this.#exact ? new ExactMetering(!callsNothing || loops || size > LEAF_BYTES) : new FastMetering(cyclic),
      // A body without a loop passes few charges; giving the fuel back at each call costs more than it saves then.
      keepsFuel: (traits & Trait.exceptions) === 0 && (this.#exact || (loops && callsNothing)),
    }
  }
}

/** Finds the bodies of a code section. */
export function findBodies(bytes: Uint8Array, section: Section | undefined): Body[] {
  if (!section) return []
  const reader = new Reader(bytes, section.start, section.end)
  const bodies: Body[] = []
  for (let left = reader.u32(); left > 0; left--) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    bodies.push({ start, end: reader.at })
  }
  if (!reader.done) throw refuseModule('the code section is longer than its functions', reader.at)
  return bodies
}
