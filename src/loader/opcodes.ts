/** Every instruction that the loader knows, with the shape of its immediates: an allowlist, what is not in it is refused by name. */
import { type Reader, refuseModule } from './reader.ts'

/** Shapes of immediates. `none` is 1 so that 0, the default of a table, means "unknown". */
export const Immediate = {
  unknown: 0,
  none: 1,
  /** One index. */
  index: 2,
  /** Two indices. */
  indexPair: 3,
  /** A block type: empty, a value type or a type index. */
  block: 4,
  /** A vector of labels and a default label. */
  branchTable: 5,
  /** A memory argument: alignment and offset. */
  memory: 6,
  /** A memory argument and a lane. */
  memoryLane: 7,
  s32: 8,
  s64: 9,
  bytes4: 10,
  bytes8: 11,
  bytes16: 12,
  lane: 13,
  /** A vector of value types. */
  valueTypes: 14,
  /** A reference type. */
  referenceType: 15,
  /** A block type and a vector of catch clauses. */
  tryTable: 16,
  /** A second opcode follows, as a u32. */
  prefix: 17,
} as const

/** The opcodes that the loader's own code names. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32LtSigned: 0x48,
  i32LtUnsigned: 0x49,
  i32GtUnsigned: 0x4b,
  i32LeUnsigned: 0x4d,
  i64LtSigned: 0x53,
  i64GtUnsigned: 0x56,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64Shl: 0x86,
  i64ShrUnsigned: 0x88,
  i64ExtendI32Unsigned: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  prefixMisc: 0xfc,
  prefixSimd: 0xfd,
} as const

/** The block type of a block without parameters and results. */
export const EMPTY_BLOCK = 0x40

/** Second opcodes after 0xfc. */
export const MiscOp = {
  memoryInit: 8,
  dataDrop: 9,
  memoryCopy: 10,
  memoryFill: 11,
  tableInit: 12,
  elementDrop: 13,
  tableCopy: 14,
  tableGrow: 15,
  tableSize: 16,
  tableFill: 17,
} as const

type Shape = (typeof Immediate)[keyof typeof Immediate]

function fill(table: Uint8Array, first: number, last: number, shape: Shape): void {
  table.fill(shape, first, last + 1)
}

/** One-byte opcodes (core specification 3.0, appendix "Index of Instructions"; 06-09, 18, 19 are the older exceptions). */
export const SHAPES: Uint8Array = (() => {
  const table = new Uint8Array(256)
  fill(table, 0x00, 0x01, Immediate.none) // unreachable, nop
  fill(table, 0x02, 0x04, Immediate.block) // block, loop, if
  fill(table, 0x05, 0x05, Immediate.none) // else
  fill(table, 0x06, 0x06, Immediate.block) // try
  fill(table, 0x07, 0x09, Immediate.index) // catch, throw, rethrow
  fill(table, 0x0a, 0x0b, Immediate.none) // throw_ref, end
  fill(table, 0x0c, 0x0d, Immediate.index) // br, br_if
  fill(table, 0x0e, 0x0e, Immediate.branchTable) // br_table
  fill(table, 0x0f, 0x0f, Immediate.none) // return
  fill(table, 0x10, 0x10, Immediate.index) // call
  fill(table, 0x11, 0x11, Immediate.indexPair) // call_indirect
  fill(table, 0x12, 0x12, Immediate.index) // return_call
  fill(table, 0x13, 0x13, Immediate.indexPair) // return_call_indirect
  fill(table, 0x18, 0x18, Immediate.index) // delegate
  fill(table, 0x19, 0x1b, Immediate.none) // catch_all, drop, select
  fill(table, 0x1c, 0x1c, Immediate.valueTypes) // select with types
  fill(table, 0x1f, 0x1f, Immediate.tryTable) // try_table
  fill(table, 0x20, 0x26, Immediate.index) // local.*, global.*, table.get, table.set
  fill(table, 0x28, 0x3e, Immediate.memory) // loads and stores
  fill(table, 0x3f, 0x40, Immediate.index) // memory.size, memory.grow
  fill(table, 0x41, 0x41, Immediate.s32)
  fill(table, 0x42, 0x42, Immediate.s64)
  fill(table, 0x43, 0x43, Immediate.bytes4)
  fill(table, 0x44, 0x44, Immediate.bytes8)
  fill(table, 0x45, 0xc4, Immediate.none) // comparisons, arithmetic, conversions, sign extension
  fill(table, 0xd0, 0xd0, Immediate.referenceType) // ref.null
  fill(table, 0xd1, 0xd1, Immediate.none) // ref.is_null
  fill(table, 0xd2, 0xd2, Immediate.index) // ref.func
  fill(table, 0xfc, 0xfd, Immediate.prefix)
  return table
})()

/** Opcodes after 0xfc: saturating conversions, bulk memory and tables. */
export const MISC_SHAPES: Uint8Array = (() => {
  const table = new Uint8Array(18)
  fill(table, 0, 7, Immediate.none) // trunc_sat
  fill(table, 8, 8, Immediate.indexPair) // memory.init
  fill(table, 9, 9, Immediate.index) // data.drop
  fill(table, 10, 10, Immediate.indexPair) // memory.copy
  fill(table, 11, 11, Immediate.index) // memory.fill
  fill(table, 12, 12, Immediate.indexPair) // table.init
  fill(table, 13, 13, Immediate.index) // elem.drop
  fill(table, 14, 14, Immediate.indexPair) // table.copy
  fill(table, 15, 17, Immediate.index) // table.grow, table.size, table.fill
  return table
})()

/** Second opcodes after 0xfd that the specification leaves unassigned below 0x100. */
const SIMD_HOLES = [
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2,
  0xee,
]

/** Opcodes after 0xfd: the 236 of fixed-width SIMD. */
export const SIMD_SHAPES: Uint8Array = (() => {
  const table = new Uint8Array(256)
  fill(table, 0x00, 0x0b, Immediate.memory) // v128 loads and the store
  fill(table, 0x0c, 0x0d, Immediate.bytes16) // v128.const, i8x16.shuffle
  fill(table, 0x0e, 0x14, Immediate.none) // swizzle, splats
  fill(table, 0x15, 0x22, Immediate.lane) // extract_lane, replace_lane
  fill(table, 0x23, 0x53, Immediate.none)
  fill(table, 0x54, 0x5b, Immediate.memoryLane) // load_lane, store_lane
  fill(table, 0x5c, 0x5d, Immediate.memory) // load_zero
  fill(table, 0x5e, 0xff, Immediate.none)
  for (const hole of SIMD_HOLES) table[hole] = Immediate.unknown
  return table
})()

/** The proposal that an unknown opcode belongs to, for the message. */
function proposalOf(opcode: number, second: number | undefined): string | undefined {
  if (opcode === 0xfe) return 'threads'
  if (opcode === 0xfb) return 'garbage collection'
  if (opcode === 0xfd && second !== undefined && second >= 0x100) return 'relaxed SIMD'
  if (opcode === 0xfc && second !== undefined && second >= 19 && second <= 22) return 'wide arithmetic'
  if (opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) return 'typed function references'
  if (opcode >= 0xe0 && opcode <= 0xe6) return 'stack switching'
  return undefined
}

/** The error for an instruction that is not in the allowlist. */
export function refuseOpcode(opcode: number, second: number | undefined, offset: number): Error {
  const name = `0x${opcode.toString(16)}${second === undefined ? '' : ` 0x${second.toString(16)}`}`
  const proposal = proposalOf(opcode, second)
  return refuseModule(`opcode ${name} ${proposal ? `(${proposal}) is not allowed` : 'is unknown'}`, offset)
}

const VALUE_TYPES: Readonly<Record<number, ValueType>> = {
  0x7f: 'i32',
  0x7e: 'i64',
  0x7d: 'f32',
  0x7c: 'f64',
  0x7b: 'v128',
  0x70: 'funcref',
  0x6f: 'externref',
  0x69: 'exnref',
}

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref' | 'exnref'

/** The byte that encodes each value type. */
export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  exnref: 0x69,
}

/** Whether a byte encodes a value type, known or not: a block type of one byte that is no index. */
export function isValueTypeCode(code: number): boolean {
  return code > EMPTY_BLOCK && code < 0x80
}

export function isReference(type: ValueType): boolean {
  return type === 'funcref' || type === 'externref' || type === 'exnref'
}

export function readValueType(reader: Reader): ValueType {
  const code = reader.byte()
  const type = VALUE_TYPES[code]
  if (type) return type
  // 0x63 to 0x6e are the typed references of function references and garbage collection.
  const reason = code >= 0x63 && code <= 0x74 ? 'garbage collection is not allowed: ' : ''
  throw refuseModule(`${reason}value type 0x${code.toString(16)} is unknown`, reader.at - 1)
}

export function readReferenceType(reader: Reader): ValueType {
  const type = readValueType(reader)
  if (!isReference(type)) throw refuseModule(`${type} is no reference type`, reader.at - 1)
  return type
}
