/** One function body in, its checked and metered changes out: the pass over code that may be hostile. */
import { BodyFrame } from './body-frame.ts'
import { type Block, makeBlock, NO_TYPE, readBlockType } from './blocks.ts'
import { FREE_COMPILE, MISC_PRICES, PRICES, Price, SIMD_PRICES } from './costs.ts'
import { type Edit, mergeEdits } from './edits.ts'
import { skipImmediates } from './instructions.ts'
import type { Charge, Metering } from './metering.ts'
import { MiscOp, Op, readValueType } from './opcodes.ts'
import { OperandCount } from './operands.ts'
import { Reader, refuseModule } from './reader.ts'
import type { BodyTask, ScanContext, ScannedBody } from './scan-context.ts'
import { type FunctionType, functionType } from './sections.ts'
import { NOTHING, type Snippet } from './snippet.ts'
import { MISC_EFFECTS, SIMD_EFFECTS, STACK_EFFECTS } from './stack-effects.ts'
import { Writer } from './writer.ts'

/** A pass over one body. */
export class BodyScan {
  readonly #context: ScanContext
  readonly #metering: Metering
  readonly #task: BodyTask
  readonly #reader: Reader
  readonly #start: number
  /** Reads immediates that the reader has passed. */
  readonly #peek: Reader
  readonly #edits: Edit[] = []
  readonly #blocks: Block[] = []
  readonly #operands = new OperandCount()
  #frame = new BodyFrame({ at: 0, items: 0, end: 0, groups: 0 })
  #live = true
  #vectors = false

  constructor(context: ScanContext, task: BodyTask, reader: Reader) {
    this.#context = context
    this.#metering = task.metering
    this.#task = task
    this.#reader = reader
    this.#start = reader.at
    this.#peek = new Reader(reader.bytes, reader.at, reader.end)
  }

  run(): ScannedBody {
    const reader = this.#reader
    const type = functionType(this.#context.shape, this.#task.index)
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
    this.#most('locals', locals, this.#context.caps?.locals, at)
    this.#frame = new BodyFrame({ at, items, end: reader.at, groups })
  }

  #most(what: string, found: number, allowed = Number.POSITIVE_INFINITY, at = this.#reader.at): void {
    if (found > allowed) {
      throw refuseModule(`function ${this.#task.index} has ${found} ${what}, allowed are ${allowed}`, at)
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
    if (this.#live && this.#metering.spend(price, at)) this.#operands.merge()
  }

  #settle(): void {
    if (this.#live) this.#metering.settle()
  }

  #replace(at: number, callee: number | undefined): void {
    if (callee === undefined) return
    this.#settle()
    this.#beforeCall(at)
    this.#edits.push({ at, until: this.#reader.at, code: new Writer(8).byte(Op.call).u32(callee).finish() })
    this.#afterCall()
  }

  #beforeCall(at: number): void {
    if (this.#task.keepsFuel) this.#edits.push(this.#frame.beforeCall(at))
  }

  #afterCall(): void {
    if (this.#task.keepsFuel) this.#edits.push(this.#frame.afterCall(this.#reader.at))
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
        this.#open(opcode, readBlockType(this.#peek, this.#context.shape))
        return
      case Op.tryTable: {
        const type = readBlockType(this.#peek, this.#context.shape)
        this.#readHandlers()
        this.#open(opcode, type)
        return
      }
      case Op.loop: {
        const block = this.#open(opcode, readBlockType(this.#peek, this.#context.shape))
        this.#metering.enterLoop(block, at, after)
        block.landing = this.#frame.handler(after)
        this.#edits.push(block.landing)
        return
      }
      case Op.if:
        this.#metering.enterIf(this.#open(opcode, readBlockType(this.#peek, this.#context.shape)), after)
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
        return this.#call(this.#callee(), at)
      case Op.callIndirect:
        return this.#call(this.#context.shape.types[this.#peek.u32()] ?? NO_TYPE, at)
      case Op.returnCall:
        this.#callee()
        return this.#leave(at)
      case Op.returnCallIndirect:
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
    const { shape, callersPay } = this.#context
    const index = this.#peek.u32()
    const price = index < shape.importedFunctions ? Price.callImport : callersPay[index]
    this.#spend(price ?? 0, this.#reader.at)
    return functionType(shape, index)
  }

  #call(type: FunctionType, at: number): void {
    this.#settle()
    this.#beforeCall(at)
    this.#afterCall()
    this.#operands.call(type)
  }

  #leave(at: number): void {
    this.#settle()
    this.#edits.push(this.#frame.exit(at))
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

  #open(opcode: number, type: FunctionType): Block {
    const block = makeBlock(opcode, type, this.#operands.open(type), this.#live)
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
    const place = this.#frame.handler(at)
    this.#edits.push(place)
    this.#frame.useHandler(place)
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
    else if (block.landing) this.#frame.useHandler(block.landing)
  }

  #checkHeight({ height, type }: Block): void {
    if (this.#live && this.#operands.height !== height + type.results.length) {
      throw refuseModule('a block leaves another number of operands than its type says', this.#reader.at)
    }
  }

  #finish({ results }: FunctionType): ScannedBody {
    const { caps, callersPay } = this.#context
    const { locals, highest, handed, merged } = this.#operands
    const slots = (locals + highest + handed) * (this.#vectors ? 2 : 1)
    this.#most('slots in its frame', slots, caps?.frameSlots)
    this.#most('slots merged between its branches', merged, caps?.mergedSlots)
    const metered = this.#metering.end()
    callersPay[this.#task.index] = metered.callersPay
    return { slots, finish: (counted) => this.#changes(metered.charges, results, counted) }
  }

  /** A function is compiled when it is first called: then that is paid for too. */
  #compileCharge(): Snippet {
    const units = this.#reader.end - this.#start + this.#operands.merged
    return units > FREE_COMPILE ? this.#context.firstCall(units) : NOTHING
  }

  #changes(charges: readonly Charge[], results: FunctionType['results'], slots: number | undefined): readonly Edit[] {
    const { stack, charges: inGlobal, resultBlock } = this.#context
    const edits = mergeEdits(charges, this.#edits)
    const { locals } = this.#operands
    const prelude = this.#compileCharge()
    const depth = stack !== undefined && slots !== undefined ? { global: stack, slots } : undefined
    const fuel = this.#task.keepsFuel ? { indices: inGlobal.indices, charges } : undefined
    if (!fuel) inGlobal.write(charges)
    if (!fuel && !depth) return [...this.#frame.begin(prelude), ...edits]
    const kept = { depth, fuel, prelude }
    const { first, last } = this.#frame.finish(kept, locals, resultBlock(results), this.#reader.end)
    return [...first, ...edits, ...last]
  }
}
