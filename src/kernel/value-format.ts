/** The numbers and the limits of the value format, shared by encoder and decoder. The table is docs/values.md. */

/** How large one value may be. Checked before anything is allocated for it. */
export type ValueLimits = {
  /** Bytes of an encoded value that has structure (everything but a string or bytes alone). */
  structuredBytes: number
  /** Bytes of an encoded string, or of encoded bytes, that is the whole value. */
  flatBytes: number
  /** Values of every kind, keys included, in one value. */
  nodes: number
  /** Containers (arrays, objects, maps, sets, errors) within each other. */
  depth: number
}

/** Major types of CBOR (RFC 8949, section 3.1), as the high three bits of an initial byte. */
export const Major = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
  simple: 0xe0,
} as const

/** Initial bytes of major type 7. */
export const Simple = {
  false: 0xf4,
  true: 0xf5,
  null: 0xf6,
  undefined: 0xf7,
  half: 0xf9,
  single: 0xfa,
  double: 0xfb,
} as const

/** Tags: 1, 2 and 3 are of RFC 8949; 258 and 259 are registered with IANA (sets, maps with keys of any kind). */
export const Tag = {
  date: 1,
  positive: 2,
  negative: 3,
  set: 258,
  map: 259,
  /** Ours, from the first-come range: the letters TOKA. Content: a map of `name`, `message` and maybe `cause`. */
  error: 0x544f4b41,
} as const

/** Largest time value of a Date in milliseconds (ECMA-262, "Time Values and Time Range"). */
export const DATE_LIMIT_MS = 8.64e15
