/** What the bridge gives the prelude: host calls, text conversion, evaluation and the clock, as native functions. */
import { SafeUint8Array, setBytes, bytesLength, create, freeze } from './primordials.ts'

/** Parameter of the function that the bundle is wrapped in (see build.ts); gone once the prelude has booted. */
declare const natives: readonly unknown[]

type Bytes = Uint8Array

/** Blocking host call. Throws a `Uint8Array`: an encoded `{ code, message }`. A string crosses as UTF-8. */
export const call = natives[0] as (operation: number, argument?: Bytes | string) => Bytes
/** As `call`, with the result decoded from UTF-8. */
export const callText = natives[1] as (operation: number, argument?: Bytes | string) => string
/** Starts a host call; the hook `settle` gets its end under the id that is answered here. */
export const begin = natives[2] as (operation: number, argument?: Bytes | string) => number
/** UTF-8 of a well-formed string. */
export const encodeUtf8 = natives[3] as (text: string) => Bytes
/** Text of valid UTF-8; anything else in the bytes comes out as U+FFFD in the engine's own way. */
export const decodeUtf8 = natives[4] as (bytes: Bytes) => string
/** A script in the global scope, with top-level await. Throws what does not parse. */
export const evaluateScript = natives[5] as (source: string, filename: string) => Promise<{ value: unknown }>
/** A module: the promise of its evaluation and its namespace. Throws what does not parse or link. */
export const evaluateModule = natives[6] as (
  source: string,
  filename: string,
) => [promise: Promise<unknown>, namespace: Record<string, unknown>]
/** Why the source does not parse as a script; undefined when it does. */
export const refuseScript = natives[7] as (source: string, filename: string) => unknown
/** Milliseconds of a clock: 0 wall, 1 monotonic. */
export const now = natives[8] as (clock: number) => number
/** The engine's Math.random, seeded anew for every fork. */
export const random = natives[9] as () => number
/** A part of the prelude, evaluated: what its code answers when it is called with `shared`. */
export const loadPart = natives[11] as (index: number, shared: readonly unknown[]) => unknown
/** Keeps the hooks, in the order of main.ts. */
export const install = natives[10] as (hooks: readonly unknown[]) => void

/** What stands for "not plain" in the natives below. */
export const NONE: object = freeze(create(null))
/** The encoded value after the bytes of `prefix`, where it is plain: numbers, texts, bytes, arrays and records, not many. */
export const encodePlain = natives[12] as (value: unknown, prefix: Bytes | undefined) => Bytes | undefined
/** The value of such bytes, or `none`. */
export const decodePlain = natives[13] as (bytes: Bytes, none: object) => unknown
/** A blocking call with a value, to the decoded answer; `none`, without a call, when the value is not plain. Throws as `call`. */
export const callPlain = natives[14] as (operation: number, prefix: Bytes, value: unknown, none: object) => unknown
/** Begins such a call: its id, or `none`. Throws as `call`. */
export const beginPlain = natives[15] as (operation: number, prefix: Bytes, value: unknown, none: object) => unknown

const words = new Uint32Array(1)
const wordBytes = new SafeUint8Array(words.buffer)
const doubles = new Float64Array(1)
const doubleBytes = new SafeUint8Array(doubles.buffer)

/** Little-endian u32 into a fresh array with room for more (WebAssembly is little-endian, so are its typed arrays). */
export function withWord(word: number, room: number): Bytes {
  const bytes = new SafeUint8Array(4 + room)
  writeWord(bytes, 0, word)
  return bytes
}

export function writeWord(bytes: Bytes, at: number, word: number): void {
  words[0] = word
  setBytes(bytes, wordBytes, at)
}

export function writeDouble(bytes: Bytes, at: number, value: number): void {
  doubles[0] = value
  setBytes(bytes, doubleBytes, at)
}

/** A u32 followed by text. */
export function wordAndText(word: number, text: string): Bytes {
  const encoded = encodeUtf8(text)
  const bytes = withWord(word, bytesLength(encoded))
  setBytes(bytes, encoded, 4)
  return bytes
}

export function doubleOf(value: number): Bytes {
  const bytes = new SafeUint8Array(8)
  writeDouble(bytes, 0, value)
  return bytes
}

export function readWord(bytes: Bytes): number {
  for (let index = 0; index < 4; index++) wordBytes[index] = bytes[index] as number
  return words[0] as number
}
