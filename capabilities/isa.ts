/** The CVM's machine: opcodes, argument slots, record shapes and the memory map, from which the wasm's constants are generated. */

/**
 * The instructions. Each is 8 bytes, little-endian: u8 opcode, u8 `a`, u16 `jump` (taken when the test fails; always
 * forward), u32 `immediate`. A test that holds goes on to the next instruction.
 */
export const Opcode = {
  /** Ends: `immediate` 1 allows, 0 denies. Allowing with charges that no COMMIT debited denies. */
  RET: 0,
  /** The action is in the mask `immediate`. Begins an alternative of link `a`: a test that fails drops what came since. */
  ACT: 1,
  /** Slot `a` equals the constant at `immediate`: a blob for bytes slots, an i64 for integer slots. */
  EQ: 2,
  /** Integer slot `a` <= the i64 at `immediate`. */
  LE: 3,
  /** Integer slot `a` >= the i64 at `immediate`. */
  GE: 4,
  /** Slot `a` is in the sorted set at `immediate`. */
  IN: 5,
  /** The automaton at `immediate` accepts bytes slot `a`. */
  DFA: 6,
  /** Bytes slot `a` is 4 bytes inside the network at `immediate` (4 bytes network, 4 bytes mask). */
  CIDR4: 7,
  /** The same with 16 bytes each. */
  CIDR6: 8,
  /** Now is before the i64 at `immediate`, in microseconds since 1970. Tested again while a call is under way. */
  BEFORE: 9,
  /** Now is at or after the i64 at `immediate`. */
  AFTER: 10,
  /** Cell `immediate` holds 1. Tested again while a call is under way. */
  ALIVE: 11,
  /** `a` = 1: one of the sandbox's flags in the mask `immediate` is up; `a` = 0: none is. Tested again like ALIVE. */
  FLAG: 12,
  /** The rate at `immediate` (u32 cell, u32 0, i64 interval, i64 tolerance; microseconds) has room for one call. */
  RATE: 13,
  /** Cell `immediate` holds enough for one call (`a` = 255) or for the amount in integer slot `a`. */
  CHARGE: 14,
  /** Debits every RATE and CHARGE since the start, all or none, in the order of their cells. Too little left denies. */
  COMMIT: 15,
} as const

export type OpcodeName = keyof typeof Opcode

export const INSTRUCTION_BYTES = 8
/** `a` of a CHARGE that takes one call. */
export const ONE_CALL = 255

/** What a guest can ask for, by the number that ACT's mask has a bit for. */
export const Action = {
  'fs.read': 0,
  'fs.write': 1,
  'env.read': 2,
  'clock.precise': 3,
  'tool.call': 4,
  'net.fetch': 5,
  /** Looking up the address of a request's host: decided before, and free of charge. A lookup carries data out, too. */
  'net.resolve': 6,
} as const

export type ActionName = keyof typeof Action

/** Added to an action's number it asks something else: does a grant that raises the flow of secrets cover this? */
export const RAISES = 16

/** Argument slots: 0 to 3 hold bytes, 4 to 7 signed 64-bit integers. */
export const Slot = {
  /** The canonical path or name asked for. */
  NAME: 0,
  /** Of a request: the path of its URL. */
  PATH: 1,
  /** Of a request: its host. */
  HOST: 2,
  /** Of a request: its host's address, 4 or 16 bytes; none where the runtime hides it (browsers). */
  ADDRESS: 3,
  /** Of a tool's call: 16 bytes, one bit for each predicate of the program that its arguments satisfy. */
  PREDICATES: 3,
  /** Bytes that the call may move. */
  AMOUNT: 4,
  /** Of a request. */
  PORT: 5,
  /** Of a request: `methodNumber` of its method, its scheme, and whether its address is of the public internet. */
  METHOD: 6,
  /** 1 when the embedding program approved this call. */
  APPROVED: 7,
  /** First integer slot. */
  INTEGERS: 4,
  COUNT: 8,
} as const

/** Room of each bytes slot. The first holds a path and one more slash (see `RequestFlag.SUBTREE`). */
export const SLOT_BYTES = [4_352, 4_096, 256, 256] as const

/** Why a request was refused. In a program the highest number met is the one that answers. */
export const Reason = {
  NONE: 0,
  NO_GRANT: 1,
  NOT_YET: 2,
  EXPIRED: 3,
  REVOKED: 4,
  FLOW: 5,
  RATE: 6,
  QUOTA: 7,
  READ_ONLY: 8,
  LIMIT: 9,
  PATH: 10,
  HANDLE: 11,
  CLOSED: 12,
  FAULT: 13,
  /** The gate's own: the embedding program did not approve, its answer was none, or it did not come in time. */
  APPROVAL: 14,
  APPROVAL_FAILED: 15,
  APPROVAL_LATE: 16,
  /** The gate's own: a grant covers the tool, and not these arguments. */
  ARGUMENT: 17,
} as const

/** Bits of a request. */
export const RequestFlag = {
  /** Only asks: nothing is counted, charged or reserved. */
  PROBE: 1,
  /** A second check of the same host call: not another call for the limit. */
  CONTINUED: 2,
  /** The mount is read-only: writing is refused whatever the program says. */
  READ_ONLY: 4,
  /** The path in slot 0 ends in a slash and everything beneath it is meant: automata must accept every continuation. */
  SUBTREE: 8,
} as const

/** What a passed test left behind: debited by COMMIT, or tested again later. */
export const EntryKind = { CALLS: 1, BYTES: 2, RATE: 3, ALIVE: 4, FLAG_CLEAR: 5, FLAG_SET: 6 } as const

/** Which calls of a handle it is asked for. */
export const HandleRight = { READ: 0, WRITE: 1, EITHER: 2 } as const

/** What `count` answers: anything but GO kills the guest. */
export const Stop = { GO: 0, CLOSED: 1, CALLS: 2 } as const

/** Indices of `counter`. */
export const Counter = {
  COUNTED: 0,
  LOCAL: 1,
  ALLOWED: 2,
  DENIED: 3,
  REDECIDED: 4,
  HOST_CALLS: 5,
  IN_FLIGHT: 6,
} as const

/** Bounds of programs, so that a decision's cost is known before it is loaded. */
export const Bound = {
  INSTRUCTIONS: 8_192,
  POOL_BYTES: 4 * 2 ** 20,
  CELLS: 1_024,
  /** Steps of a decision in the worst case; a step is about a nanosecond, see `stepsOf` in verify.ts. */
  STEPS: 2 ** 20,
  /** Entries that one decision may leave behind: five for each of eight links, and the caller's own. */
  ENTRIES: 48,
  STATES: 255,
  /** Predicates of a program: bits of 16 bytes. */
  PREDICATES: 128,
  RESERVATIONS: 1_024,
  HANDLES: 1_024,
  /** Largest amount of a charge: what JavaScript counts exactly. */
  AMOUNT: Number.MAX_SAFE_INTEGER,
  /** Mask of the sandbox's flags. */
  FLAGS: 0xffff,
} as const

/** An automaton in the pool. State 0 is dead (it accepts nothing and has no way out), so that a mismatch ends early. */
export const Dfa = {
  /** u16: classes that bytes fall into. */
  CLASSES: 0,
  /** u8: number of states. */
  STATES: 2,
  /** u8: first state. */
  START: 3,
  /** u8: the state that accepts every continuation; 0 when there is none. */
  UNIVERSAL: 4,
  /** 32 bytes: one bit a state. */
  ACCEPT: 8,
  /** 256 bytes: class of each byte. */
  MAP: 40,
  /** states x classes bytes: next state. */
  TABLE: 296,
} as const

/** Pages of 64 KiB of the ledger's memory: 16 are 131,072 cells, some 30,000 accounts with quotas. */
export const LEDGER_PAGES = 16

const ENTRY_BYTES = 24
const RESERVATION_BYTES = 32 + Bound.ENTRIES * ENTRY_BYTES
const HANDLE_SIDE_BYTES = 16 + Bound.ENTRIES * 4
const HANDLE_BYTES = 32 + 2 * HANDLE_SIDE_BYTES
const RESERVATIONS = 16_384
const HANDLES = RESERVATIONS + Bound.RESERVATIONS * RESERVATION_BYTES

/** The CVM's memory, in bytes. Tables are touched from their start, so an idle sandbox costs few pages. */
export const Layout = {
  /** 256 x u32: import calls by operation. */
  OPERATIONS: 1_024,
  /** 4 x u32: lengths of the bytes slots. */
  LENGTHS: 2_048,
  /** 4 x i64: integer slots. */
  INTEGERS: 2_080,
  /** The bytes slots, one after the other. */
  BYTES: 4_096,
  /** Entries of the decision in progress. */
  ENTRIES: 13_312,
  /** Their order for COMMIT, one byte each. */
  ORDER: 14_848,
  ENTRY_BYTES,
  RESERVATIONS,
  RESERVATION_BYTES,
  HANDLES,
  HANDLE_BYTES,
  HANDLE_SIDE_BYTES,
  /** The program: cell table, code, pool. */
  PROGRAM: Math.ceil((HANDLES + Bound.HANDLES * HANDLE_BYTES) / 65_536) * 65_536,
} as const

/** Where each bytes slot lies. */
export const SLOT_ADDRESS: readonly number[] = SLOT_BYTES.map((_, slot) =>
  SLOT_BYTES.slice(0, slot).reduce<number>((address, size) => address + size, Layout.BYTES),
)

/** Every constant as AssemblyScript source: the CVM has no numbers of its own. */
export function isaSource(): string {
  const groups = {
    Opcode,
    Slot,
    Reason,
    RequestFlag,
    EntryKind,
    HandleRight,
    Stop,
    Counter,
    Bound,
    Dfa,
    Layout,
    Action,
  }
  const lines: string[] = [
    '// The constants of capabilities/isa.ts, generated.',
    `export const ONE_CALL: u32 = ${ONE_CALL}`,
  ]
  for (const [group, members] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(members)) {
      const identifier = `${group}_${name}`.replace('.', '_')
      const type = group === 'Layout' || group === 'Dfa' ? 'usize' : value > 0xffff_ffff ? 'i64' : 'u32'
      lines.push(`export const ${identifier}: ${type} = ${value}`)
    }
  }
  SLOT_ADDRESS.forEach((address, slot) => {
    lines.push(`export const SlotAddress_${slot}: usize = ${address}`)
  })
  lines.push(`export const SlotBytes_0: u32 = ${SLOT_BYTES[0]}`)
  return `${lines.join('\n')}\n`
}
