// Numbers of the bridge: replies, constants of CPython, operations, and the block of guest memory at `base`.

export const FAILED: u32 = 1
export const LARGE: u32 = 2
export const PENDING: u32 = 4
export const NONE: u32 = 8

// Py_CONSTANT_NONE (Include/object.h).
export const CONSTANT_NONE: u32 = 0
// METH_FASTCALL (Include/methodobject.h): (self, arguments, count) -> object.
export const METH_FASTCALL: u32 = 0x80

// Operations of the engine itself (engines/pyodide/operations.ts).
export const OPERATION_FAULT: i32 = 104
export const OPERATION_MEMORY_FULL: i32 = 105
export const OPERATION_STACK_FULL: i32 = 106

// How `enter` ends.
export const DONE: i32 = 0
export const FAULT: i32 = 1

// The block at `base`.
export const FAILURE: usize = 0 // what the prelude installed: a class, two functions, two classes
export const RUN: usize = 4
export const RESEED: usize = 8
export const MEMORY_ERROR: usize = 12
export const RECURSION_ERROR: usize = 16
export const INSTALLED: u32 = 5
export const SEED: usize = 32 // 32 bytes of randomness
export const SEED_BYTES: u32 = 32
export const DEFINITIONS: usize = 64 // PyMethodDef, 16 bytes each: name, function, flags, documentation
export const DEFINITION: usize = 16
export const SCRATCH: usize = 160 // 16 bytes: lengths and ids
export const NAMES: usize = 192 // zero-terminated, 16 bytes each; the module's name first
export const NAME: usize = 16
export const IO: usize = 320
export const IO_CAPACITY: u32 = 65536
export const BLOCK: u32 = 320 + 65536

export const NATIVES: u32 = 6
