/** A reader at an opcode in, the same reader after the immediates out: one allowlist for code bodies and constant expressions. */
import {
  EMPTY_BLOCK,
  Immediate,
  MISC_SHAPES,
  Op,
  SHAPES,
  SIMD_SHAPES,
  isValueTypeCode,
  readReferenceType,
  readValueType,
  refuseOpcode,
} from './opcodes.ts'
import { type Reader, refuseModule } from './reader.ts'

/** Bit of an alignment that announces a memory index (several memories). */
const MEMORY_INDEX_BIT = 0x40

function skipBlockType(reader: Reader): void {
  const first = reader.bytes[reader.at] ?? EMPTY_BLOCK
  if (first === EMPTY_BLOCK) reader.skip(1)
  // A negative s33 of one byte is a value type, every other one is the index of a type.
  else if (isValueTypeCode(first)) readValueType(reader)
  else reader.skipSigned(33)
}

function skipMemoryArgument(reader: Reader): void {
  const alignment = reader.u32()
  if (alignment >= MEMORY_INDEX_BIT) throw refuseModule('several memories are not allowed', reader.at - 1)
  reader.u32()
}

function skipCatchClauses(reader: Reader): void {
  for (let left = reader.u32(); left > 0; left--) {
    const clause = reader.byte()
    if (clause > 3) throw refuseModule(`catch clause ${clause} is unknown`, reader.at - 1)
    if (clause < 2) reader.u32()
    reader.u32()
  }
}

function skipShape(reader: Reader, shape: number): void {
  switch (shape) {
    case Immediate.none:
      return
    case Immediate.index:
      reader.u32()
      return
    case Immediate.indexPair:
      reader.u32()
      reader.u32()
      return
    case Immediate.block:
      skipBlockType(reader)
      return
    case Immediate.branchTable:
      for (let left = reader.u32(); left > 0; left--) reader.u32()
      reader.u32()
      return
    case Immediate.memory:
      skipMemoryArgument(reader)
      return
    case Immediate.memoryLane:
      skipMemoryArgument(reader)
      reader.skip(1)
      return
    case Immediate.s32:
      reader.skipSigned(32)
      return
    case Immediate.s64:
      reader.skipSigned(64)
      return
    case Immediate.bytes4:
      reader.skip(4)
      return
    case Immediate.bytes8:
      reader.skip(8)
      return
    case Immediate.bytes16:
      reader.skip(16)
      return
    case Immediate.lane:
      reader.skip(1)
      return
    case Immediate.valueTypes:
      for (let left = reader.u32(); left > 0; left--) readValueType(reader)
      return
    case Immediate.referenceType:
      readReferenceType(reader)
      return
    case Immediate.tryTable:
      skipBlockType(reader)
      skipCatchClauses(reader)
      return
  }
}

/**
 * Passes over the immediates of `opcode`, which was read last.
 * @returns the second opcode of a prefixed instruction, -1 of any other
 * @throws TokaError TOKA_ENGINE_LOAD with the opcode and its offset when it is not in the allowlist
 */
export function skipImmediates(reader: Reader, opcode: number): number {
  const shape = SHAPES[opcode] as number
  if (shape === Immediate.unknown) {
    const offset = reader.at - 1
    throw refuseOpcode(opcode, opcode >= 0xfb && !reader.done ? reader.u32() : undefined, offset)
  }
  if (shape !== Immediate.prefix) {
    skipShape(reader, shape)
    return -1
  }
  const offset = reader.at - 1
  const second = reader.u32()
  const inner = (opcode === Op.prefixMisc ? MISC_SHAPES : SIMD_SHAPES)[second] ?? Immediate.unknown
  if (inner === Immediate.unknown) throw refuseOpcode(opcode, second, offset)
  skipShape(reader, inner)
  return second
}

/** What a constant expression may hold: constants, global.get, ref.null, ref.func and the extended arithmetic. */
const CONSTANT_OPS: ReadonlySet<number> = new Set([
  0x23, 0x41, 0x42, 0x43, 0x44, 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e, 0xd0, 0xd2,
])
const V128_CONST = 12

/**
 * Passes over a constant expression and its `end`.
 * @param onFunction hears the index of a function that it takes a reference of
 */
export function skipConstant(reader: Reader, onFunction?: (index: number) => void): void {
  for (;;) {
    const opcode = reader.byte()
    if (opcode === Op.end) return
    const offset = reader.at - 1
    if (opcode === Op.refFunc && onFunction) {
      onFunction(reader.u32())
      continue
    }
    const second = skipImmediates(reader, opcode)
    if (!CONSTANT_OPS.has(opcode) && !(opcode === Op.prefixSimd && second === V128_CONST)) {
      throw refuseModule(`opcode 0x${opcode.toString(16)} in a constant expression`, offset)
    }
  }
}
