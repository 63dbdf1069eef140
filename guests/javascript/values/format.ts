/** The numbers of the value format (docs/values.md), for this side of the border. */

export const MAJOR_UNSIGNED = 0x00
export const MAJOR_NEGATIVE = 0x20
export const MAJOR_BYTES = 0x40
export const MAJOR_TEXT = 0x60
export const MAJOR_ARRAY = 0x80
export const MAJOR_MAP = 0xa0
export const MAJOR_TAG = 0xc0

export const FALSE = 0xf4
export const TRUE = 0xf5
export const NULL = 0xf6
export const UNDEFINED = 0xf7
export const HALF = 0xf9
export const SINGLE = 0xfa
export const DOUBLE = 0xfb

export const TAG_DATE = 1
export const TAG_POSITIVE = 2
export const TAG_NEGATIVE = 3
export const TAG_SET = 258
export const TAG_MAP = 259
export const TAG_ERROR = 0x544f4b41

/** Containers within each other: the host refuses more. */
export const DEPTH_LIMIT = 128

type HalfArrayConstructor = new (length: number) => { buffer: ArrayBuffer; [index: number]: number }
const HalfArray = (globalThis as unknown as { Float16Array: HalfArrayConstructor }).Float16Array

/** One number in its three widths; the bytes beside it show it little-endian. */
export const half = new HalfArray(1)
export const halfBytes = new Uint8Array(half.buffer)
export const single = new Float32Array(1)
export const singleBytes = new Uint8Array(single.buffer)
export const double = new Float64Array(1)
export const doubleBytes = new Uint8Array(double.buffer)
