// Numbers of the bridge: replies, value tags, evaluation flags, operations, and the block of guest memory at `base`.

export const FAILED: u32 = 1
export const LARGE: u32 = 2
export const PENDING: u32 = 4
export const NONE: u32 = 8

export const UNDEFINED: i64 = 0x300000000
export const EXCEPTION: i64 = 0x600000000
export const NULL: i64 = 0x200000000
export const TAG_EXCEPTION: i64 = 6
export const TAG_UNDEFINED: i64 = 3
export const TAG_INT: i64 = 0
export const TAG_BOOLEAN: i64 = 1
export const TAG_STRING: i64 = -7
export const TAG_ROPE: i64 = -6
export const TAG_SYMBOL: i64 = -8
export const TAG_OBJECT: i64 = -1
export const TAG_NULL: i64 = 2
export const TAG_FIRST: i64 = -9
export const TAG_FLOAT: i64 = 8

// JS_CLASS_OBJECT, JS_CLASS_ARRAY, JS_TYPED_ARRAY_UINT8; flags of properties.
export const CLASS_OBJECT: u32 = 1
export const CLASS_ARRAY: u32 = 2
export const CLASS_UINT8_ARRAY: i32 = 2
export const NAMES_ALL: i32 = 35 // strings, symbols, and whether each is enumerable
export const OWN_GETTER: i32 = 16
export const PROPERTY_OPEN: i32 = 7 // configurable, writable, enumerable

export const EVAL_MODULE: i32 = 1
export const EVAL_COMPILE_ONLY: i32 = 32
export const EVAL_ASYNC: i32 = 128
export const WRITE_BYTECODE: i32 = 1
export const WRITE_STRIP: i32 = 48 // source and debug information
export const READ_BYTECODE: i32 = 1

// Operations of the engine itself (src/kernel/operations.ts: EngineFirst and up; engines/quickjs/operations.ts).
export const OPERATION_BOOT: i32 = 100
export const OPERATION_FAULT: i32 = 105
export const OPERATION_COMPILED: i32 = 108
export const OPERATION_PART: i32 = 109

// How `enter` and `turn` end.
export const DONE: i32 = 0
export const IDLE: i32 = 1
export const MORE: i32 = 2

// Jobs and completions handled in one turn: the bridge carries no fuel, so its own loop is bounded.
export const TURN: i32 = 256

// The block at `base`.
export const CTX: usize = 0
export const RUNTIME: usize = 4
export const RANDOM: usize = 16 // two u64 of generator state
export const HOOKS: usize = 32 // eight JSValues
export const SCRATCH: usize = 96 // 64 bytes: lengths, ids, argument vectors
export const EMPTY: usize = 160 // a zero byte: the empty C string
export const IO: usize = 168
export const IO_CAPACITY: u32 = 65536
export const BLOCK: u32 = 168 + 65536

export const HOOK_RUN: usize = 0
export const HOOK_SETTLE: usize = 1
export const HOOK_PENDING: usize = 2
export const HOOK_RESOLVE: usize = 3
export const HOOK_LOAD: usize = 4
export const HOOK_META: usize = 5
export const HOOK_REJECTED: usize = 6
export const HOOK_DECODE: usize = 7
export const HOOK_COUNT: u32 = 8

export const NATIVES: u32 = 16

// How a plain value's encoding ends: it is one, it is something else, or an exception is pending.
export const PLAIN: i32 = 0
export const OTHER: i32 = 1
export const THROWN: i32 = 2
// Values in one encoding, keys not counted: some tens of microseconds.
export const MOST_VALUES: i32 = 512
// Containers within each other: each stands on the native stack.
export const MOST_DEPTH: i32 = 8
