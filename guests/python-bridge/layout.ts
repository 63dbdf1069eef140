// Numbers of the bridge: replies, constants of CPython, operations, and the block of guest memory at `base`.

export const FAILED: u32 = 1
export const LARGE: u32 = 2
export const PENDING: u32 = 4
export const NONE: u32 = 8

// Py_CONSTANT_NONE (Include/object.h).
export const CONSTANT_NONE: u32 = 0
// METH_FASTCALL (Include/methodobject.h): (self, arguments, count) -> object.
export const METH_FASTCALL: u32 = 0x80

// Operation of the engine itself (engines/pyodide/operations.ts).
export const OPERATION_FAULT: i32 = 104

// How `enter` ends.
export const DONE: i32 = 0
export const FAULT: i32 = 1

// The block at `base`.
export const FAILURE: usize = 0 // the exception class, and the two functions that the prelude installed
export const RUN: usize = 4
export const RESEED: usize = 8
export const SCRATCH: usize = 16 // 16 bytes: lengths and ids
export const SEED: usize = 32 // 32 bytes of randomness
export const SEED_BYTES: u32 = 32
export const DEFINITIONS: usize = 64 // PyMethodDef, 16 bytes each: name, function, flags, documentation
export const DEFINITION: usize = 16
export const NAMES: usize = 192 // zero-terminated, 16 bytes each; the module's name first
export const NAME: usize = 16
export const IO: usize = 320
export const IO_CAPACITY: u32 = 65536
export const BLOCK: u32 = 320 + 65536

export const NATIVES: u32 = 6
