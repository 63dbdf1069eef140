/** One function body in, its checked and metered changes out: the pass over code that may be hostile. */
import type { BulkFunctions } from './bulk.ts'
import type { StrangerCaps } from './caps.ts'
import type { FactCollector } from './code-facts.ts'
import { MISC_PRICES, PRICES, Price, SIMD_PRICES } from './costs.ts'
import { type Edit, mergeEdits } from './edits.ts'
import { skipImmediates } from './instructions.ts'
import type { ChargeSequences, MeteredBlock, Metering } from './metering.ts'
import { EMPTY_BLOCK, isValueTypeCode, MiscOp, Op, readValueType } from './opcodes.ts'
import { OperandCount } from './operands.ts'
import { Reader, refuseModule } from './reader.ts'
import { type FunctionType, functionType, type ModuleShape } from './sections.ts'
import { MISC_EFFECTS, SIMD_EFFECTS, STACK_EFFECTS } from './stack-effects.ts'
import { StackGuard } from './stack-guard.ts'
import { Writer } from './writer.ts'

/** What the passes over all bodies of a module share. */
export type ScanContext = {
  shape: ModuleShape
  facts: FactCollector
  charges: ChargeSequences
  bulk: BulkFunctions
  /** Index of the stack's global; undefined leaves the depth of calls uncounted. */
  stack: number | undefined
  /** The bytes of the type of a block that gives these results. */
  resultBlock: (results: FunctionType['results']) => Uint8Array
  caps: StrangerCaps | undefined
  /** What a function costs that leaves its price to its callers, by index; 0 for all others. */
  leafPrices: Uint8Array
  highestLeafPrice: number
}

type Block = MeteredBlock & {
  opcode: number
  /** Operands below its own. */
  height: number
  type: FunctionType
  /** Whether its beginning can be reached. */
  entered: boolean
  /** Whether a handler leads to its label. */
  caught: boolean
  /** Where the depth of calls is put right then, at a loop's head. */
  landing: Edit | undefined
}

const NO_TYPE: FunctionType = { params: [], results: [] }

/** A pass over one body. */
export class BodyScan {
  readonly #context: ScanContext
  readonly #metering: Metering
  readonly #reader: Reader
  readonly #index: number
  /** Reads immediates that the reader has passed. */
  readonly #peek: Reader
  readonly #edits: Edit[] = []
  readonly #blocks: Block[] = []
  readonly #operands = new OperandCount()
  #guard: StackGuard | undefined
  #live = true
  #calls = false
  #vectors = false

  /** @param index of the function, in the module's index space */
  constructor(context: ScanContext, metering: Metering, reader: Reader, index: number) {
    this.#context = context
    this.#metering = metering
    this.#reader = reader
    this.#index = index
    this.#peek = new Reader(reader.bytes, reader.at, reader.end)
  }

  /** @returns the body's changes in the order of their places */
  run(): readonly Edit[] {
    const reader = this.#reader
    const type = functionType(this.#context.shape, this.#index)
    this.#readLocals(type)
    this.#metering.begin(reader.at)
    this.#open(Op.block, { params: [], results: type.results })
    while (this.#blocks.length > 0) {
      if (reader.done) throw refuseModule('a function body has no end', reader.end - 1)
      this.#instruction()
    }
    if (!reader.done) throw refuseModule('a function body is longer than its instructions', reader.at)
    return this.#finish(type)
  }

  #readLocals({ params }: FunctionType): void {
    const reader = this.#reader
    const at = reader.at
    const groups = reader.u32()
    const items = reader.at
    let locals = params.length
    this.#vectors = params.includes('v128')
    for (let left = groups; left > 0; left--) {
      locals += reader.u32()
      if (readValueType(reader) === 'v128') this.#vectors = true
    }
    this.#operands.locals = locals
    const { caps, stack } = this.#context
    this.#most('locals', locals, caps?.locals, at)
    if (stack !== undefined) this.#guard = new StackGuard(stack, { at, items, end: reader.at, groups })
  }

  #most(what: string, found: number, allowed = Number.POSITIVE_INFINITY, at = this.#reader.at): void {
    if (found > allowed) {
      throw refuseModule(`function ${this.#index} has ${found} ${what}, allowed are ${allowed}`, at)
    }
  }

  #instruction(): void {
    const reader = this.#reader
    const at = reader.at
    const opcode = reader.byte()
    this.#peek.at = reader.at
    const second = skipImmediates(reader, opcode)
    this.#context.facts.note(reader, opcode, second, at + 1)
    if (opcode === Op.prefixMisc) {
      this.#spend(MISC_PRICES[second] as number, at)
      this.#operands.move(MISC_EFFECTS[second] as number)
      if (second >= MiscOp.memoryInit) this.#bulk(second, at)
    } else if (opcode === Op.prefixSimd) {
      this.#vectors = true
      this.#spend(SIMD_PRICES[second] as number, at)
      this.#operands.move(SIMD_EFFECTS[second] as number)
    } else {
      this.#spend(PRICES[opcode] as number, at)
      this.#operands.move(STACK_EFFECTS[opcode] as number)
      if (opcode < Op.drop || opcode === Op.tryTable) this.#control(opcode, at)
      else if (opcode === Op.memoryGrow) this.#replace(at, this.#context.bulk.memoryGrow())
    }
  }

  #spend(price: number, at: number): void {
    if (this.#live) this.#metering.spend(price, at)
  }

  #settle(): void {
    if (this.#live) this.#metering.settle()
  }

  #replace(at: number, callee: number | undefined): void {
    if (callee === undefined) return
    this.#settle()
    this.#edits.push({ at, until: this.#reader.at, code: new Writer(8).byte(Op.call).u32(callee).finish() })
  }

  #bulk(second: number, at: number): void {
    this.#peek.u32()
    const first = this.#peek.u32()
    const other = this.#peek.at < this.#reader.at ? this.#peek.u32() : 0
    this.#replace(at, this.#context.bulk.of(second, [first, other]))
  }

  #control(opcode: number, at: number): void {
    const after = this.#reader.at
    switch (opcode) {
      case Op.block:
      case Op.try:
        this.#open(opcode, this.#blockType())
        return
      case Op.tryTable: {
        const type = this.#blockType()
        this.#readHandlers()
        this.#open(opcode, type)
        return
      }
      case Op.loop: {
        const block = this.#open(opcode, this.#blockType())
        this.#metering.enterLoop(block, at, after)
        block.landing = this.#guard?.handler(after)
        if (block.landing) this.#edits.push(block.landing)
        return
      }
      case Op.if:
        this.#metering.enterIf(this.#open(opcode, this.#blockType()), after)
        return
      case Op.else:
      case Op.catch:
      case Op.catchAll:
        return this.#next(opcode, after)
      case Op.delegate:
      case Op.end:
        return this.#close(after)
      default:
        return this.#jump(opcode, at)
    }
  }

  #jump(opcode: number, at: number): void {
    switch (opcode) {
      case Op.brIf:
        this.#branch(this.#peek.u32())
        return this.#metering.fallThrough(this.#reader.at)
      case Op.br:
        this.#branch(this.#peek.u32())
        return this.#die()
      case Op.brTable:
        for (let left = this.#peek.u32() + 1; left > 0; left--) this.#branch(this.#peek.u32())
        return this.#die()
      case Op.call:
        return this.#call(this.#callee())
      case Op.callIndirect:
        return this.#call(this.#indirectCallee())
      case Op.returnCall:
        this.#callee()
        return this.#leave(at)
      case Op.returnCallIndirect:
        this.#indirectCallee()
        return this.#leave(at)
      case Op.return:
        return this.#leave(at)
      case Op.throw:
      case Op.rethrow:
      case Op.throwRef:
        this.#settle()
        return this.#die()
      case Op.unreachable:
        return this.#die()
    }
  }

  /** Charges for a callee that does not charge for itself. */
  #callee(): FunctionType {
    const { shape, leafPrices } = this.#context
    const index = this.#peek.u32()
    const price = index < shape.importedFunctions ? Price.callImport : leafPrices[index]
    this.#spend(price ?? 0, this.#reader.at)
    return functionType(shape, index)
  }

  #indirectCallee(): FunctionType {
    const { shape, highestLeafPrice } = this.#context
    const index = this.#peek.u32()
    this.#spend(highestLeafPrice, this.#reader.at)
    return shape.types[index] ?? NO_TYPE
  }

  #call(type: FunctionType): void {
    this.#calls = true
    this.#settle()
    this.#operands.call(type)
  }

  #leave(at: number): void {
    this.#settle()
    const exit = this.#guard?.exit(at)
    if (exit) this.#edits.push(exit)
    this.#die()
  }

  #die(): void {
    this.#live = false
  }

  #target(label: number): Block {
    const block = this.#blocks[this.#blocks.length - 1 - label]
    if (!block) throw refuseModule(`label ${label} is of no block`, this.#reader.at)
    return block
  }

  #branch(label: number): void {
    const block = this.#target(label)
    if (!this.#live) return
    this.#operands.merge()
    block.reached = true
    this.#metering.branch(block)
    if (block === this.#blocks[0]) this.#metering.settle()
  }

  #readHandlers(): void {
    for (let left = this.#peek.u32(); left > 0; left--) {
      if (this.#peek.byte() < 2) this.#peek.u32()
      const block = this.#target(this.#peek.u32())
      if (!this.#live) continue
      this.#operands.merge()
      block.reached = true
      block.caught = true
      this.#metering.branchFromHandler(block)
    }
  }

  #blockType(): FunctionType {
    const first = this.#peek.bytes[this.#peek.at] as number
    if (first === EMPTY_BLOCK) {
      this.#peek.skip(1)
      return NO_TYPE
    }
    if (isValueTypeCode(first)) return { params: [], results: [readValueType(this.#peek)] }
    const index = this.#peek.u32()
    const type = this.#context.shape.types[index]
    if (!type) throw refuseModule(`block type ${index} is of no type`, this.#peek.at)
    return type
  }

  #open(opcode: number, type: FunctionType): Block {
    const block: Block = {
      opcode,
      type,
      height: this.#operands.open(type),
      entered: this.#live,
      reached: false,
      caught: false,
      landing: undefined,
      pending: -1,
      before: 0,
      entry: undefined,
      head: undefined,
    }
    this.#blocks.push(block)
    return block
  }

  /** The end of one part of a block, and the beginning of its next. */
  #next(opcode: number, after: number): void {
    const block = this.#target(0)
    this.#checkHeight(block)
    if (this.#live) block.reached = true
    if (opcode === Op.else) {
      this.#metering.enterElse(block, this.#live, after)
      this.#operands.restart(block, block.type.params.length)
    } else {
      if (this.#live) this.#metering.branch(block)
      const tag = opcode === Op.catch ? this.#context.shape.tags[this.#peek.u32()] : undefined
      this.#operands.restart(block, this.#context.shape.types[tag ?? -1]?.params.length ?? 0)
      this.#metering.enterHandler(after)
      this.#land(after)
    }
    block.opcode = opcode
    this.#live = block.entered
  }

  /** Frames below may have been left without their exits. */
  #land(at: number): void {
    const place = this.#guard?.handler(at)
    if (!place) return
    this.#edits.push(place)
    this.#guard?.useHandler(place)
  }

  #close(after: number): void {
    const block = this.#target(0)
    this.#checkHeight(block)
    this.#blocks.pop()
    if (this.#blocks.length === 0) return this.#settle()
    const fromBefore = block.opcode === Op.if && block.entered
    const isLoop = block.opcode === Op.loop
    this.#metering.leave(block, this.#live, isLoop, fromBefore, after)
    this.#live ||= fromBefore || (block.reached && !isLoop)
    this.#operands.restart(block, block.type.results.length)
    if (!block.caught) return
    if (!isLoop) this.#land(after)
    else if (block.landing) this.#guard?.useHandler(block.landing)
  }

  #checkHeight({ height, type }: Block): void {
    if (this.#live && this.#operands.height !== height + type.results.length) {
      throw refuseModule('a block leaves another number of operands than its type says', this.#reader.at)
    }
  }

  #finish(type: FunctionType): readonly Edit[] {
    const { caps, charges, resultBlock } = this.#context
    const { locals, highest, merged } = this.#operands
    const slots = (locals + highest) * (this.#vectors ? 2 : 1)
    this.#most('slots in its frame', slots, caps?.frameSlots)
    this.#most('slots merged between its branches', merged, caps?.mergedSlots)
    const taken = this.#metering.end()
    for (const charge of taken) charge.write(charges)
    const edits = mergeEdits(taken, this.#edits)
    if (!this.#guard || !this.#calls) return edits
    const closing = this.#guard.finish(locals, slots, resultBlock(type.results), this.#reader.end)
    return [...this.#guard.opening, ...edits, closing]
  }
}
