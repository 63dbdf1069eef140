/** The blocks of a body while it is passed over, and the types that their beginnings name. */
import type { Edit } from './edits.ts'
import type { MeteredBlock } from './metering.ts'
import { EMPTY_BLOCK, isValueTypeCode, readValueType } from './opcodes.ts'
import { type Reader, refuseModule } from './reader.ts'
import type { FunctionType, ModuleShape } from './sections.ts'

export type Block = MeteredBlock & {
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

export const NO_TYPE: FunctionType = { params: [], results: [] }

/** @param height operands below its own */
export function makeBlock(opcode: number, type: FunctionType, height: number, entered: boolean): Block {
  const metered = { reached: false, pending: -1, before: 0, entry: undefined, head: undefined }
  return { opcode, type, height, entered, caught: false, landing: undefined, ...metered }
}

/** Reads the type at the beginning of a block. */
export function readBlockType(reader: Reader, { types }: ModuleShape): FunctionType {
  const first = reader.bytes[reader.at] as number
  if (first === EMPTY_BLOCK) {
    reader.skip(1)
    return NO_TYPE
  }
  if (isValueTypeCode(first)) return { params: [], results: [readValueType(reader)] }
  const index = reader.u32()
  const type = types[index]
  if (!type) throw refuseModule(`block type ${index} is of no type`, reader.at)
  return type
}
