/** The code section in, the same with its changes out: checks at loop heads of pinned modules, everything metered in others. */
import { BodyScan, type ScanContext } from './body-scan.ts'
import { type CodeFacts, FactCollector } from './code-facts.ts'
import { LEAF_BYTES } from './costs.ts'
import { type Edit, writeEdited } from './edits.ts'
import { ExactMetering } from './exact-metering.ts'
import { FastMetering } from './fast-metering.ts'
import { skipImmediates } from './instructions.ts'
import { Op, readValueType } from './opcodes.ts'
import { Reader, refuseModule } from './reader.ts'
import type { Section } from './sections.ts'
import { Writer } from './writer.ts'

/** What is done to one body. */
export interface BodyPass {
  readonly facts: CodeFacts
  /**
   * @param index of the body in the code section
   * @returns the changes in the order of their places
   */
  body(reader: Reader, index: number): readonly Edit[]
}

/** Passes over the bodies of a pinned module: a check at each loop head, or none. */
export class LoopHeadPass implements BodyPass {
  readonly facts = new FactCollector()
  readonly #check: Uint8Array | undefined

  /** @param check instructions that leave the operand stack as it was */
  constructor(check: Uint8Array | undefined) {
    this.#check = check
  }

  body(reader: Reader): readonly Edit[] {
    const edits: Edit[] = []
    for (let left = reader.u32(); left > 0; left--) {
      reader.u32()
      readValueType(reader)
    }
    while (!reader.done) {
      const opcode = reader.byte()
      const start = reader.at
      const second = skipImmediates(reader, opcode)
      this.facts.note(reader, opcode, second, start)
      if (opcode === Op.loop && this.#check) edits.push({ at: reader.at, until: reader.at, code: this.#check })
    }
    if (reader.bytes[reader.end - 1] !== Op.end) throw refuseModule('a function body has no end', reader.end - 1)
    return edits
  }
}

/** Passes over bodies whose every path is paid for. */
export class MeteredPass implements BodyPass {
  readonly #context: ScanContext
  readonly #exact: boolean

  constructor(context: ScanContext, exact: boolean) {
    this.#context = context
    this.#exact = exact
  }

  get facts(): CodeFacts {
    return this.#context.facts
  }

  body(reader: Reader, index: number): readonly Edit[] {
    const { caps, shape, leafPrices } = this.#context
    const size = reader.end - reader.at
    const place = shape.importedFunctions + index
    if (caps && size > caps.bodyBytes) {
      throw refuseModule(`function ${place} is ${size} bytes long, allowed are ${caps.bodyBytes}`, reader.at)
    }
    const paysItself = leafPrices[place] === 0 || size > LEAF_BYTES
    const metering = this.#exact ? new ExactMetering(paysItself) : new FastMetering(paysItself)
    return new BodyScan(this.#context, metering, reader, place).run()
  }
}

/** Bytes of code between two steps: about 5 ms. */
const STEP_BYTES = 2 ** 18

/**
 * Passes once over the code section, within the allowlist of instructions. A generator, so that whoever runs it can do
 * something else, or stop, between two steps.
 * @returns the bodies with their changes, without the vector's count
 */
export function* rewriteBodies(bytes: Uint8Array, section: Section, pass: BodyPass): Generator<void, Writer> {
  const reader = new Reader(bytes, section.start, section.end)
  const bodies = new Writer((section.end - section.start) * 1.25 + 64)
  const count = reader.u32()
  let next = reader.at + STEP_BYTES
  for (let index = 0; index < count; index++) {
    const size = reader.u32()
    const start = reader.at
    reader.skip(size)
    const edits = pass.body(new Reader(bytes, start, reader.at), index)
    writeEdited(bodies, bytes, start, reader.at, edits)
    if (reader.at < next) continue
    next = reader.at + STEP_BYTES
    yield
  }
  if (!reader.done) throw refuseModule('the code section is longer than its functions', reader.at)
  return bodies
}

/** Number of bodies in the code section. */
export function countBodies(bytes: Uint8Array, section: Section): number {
  return new Reader(bytes, section.start, section.end).u32()
}
