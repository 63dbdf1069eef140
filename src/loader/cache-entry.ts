/** A cached value to bytes and back, with a checksum: what is torn or foreign reads as nothing. */
import { HASH_BYTES, sha256, toHex } from './hash.ts'

/** Keeps rewritten modules and images between processes. Never fails: without a place it keeps nothing. */
export type LoaderCache = {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  put(key: string, bytes: Uint8Array): Promise<void>
}

/** "TOKACH", the version of this framing, and a zero. */
const MAGIC = [0x54, 0x4f, 0x4b, 0x41, 0x43, 0x48, 0x02, 0x00] as const
const KEY_AT = MAGIC.length + HASH_BYTES
const HEADER = KEY_AT + HASH_BYTES

const utf8 = new TextEncoder()

const hashOf = (key: string): Promise<Uint8Array> => sha256(utf8.encode(key))

const begins = (bytes: Uint8Array, at: number, expected: ArrayLike<number>): boolean =>
  Array.from(expected).every((byte, index) => byte === bytes[at + index])

/** The bytes to keep for a value: magic, the sum of all that follows it, the key's hash, the value. A renamed entry is a foreign one. */
export async function sealEntry(key: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = new Uint8Array(HEADER + bytes.length)
  sealed.set(MAGIC)
  sealed.set(await hashOf(key), KEY_AT)
  sealed.set(bytes, HEADER)
  sealed.set(await sha256(sealed.subarray(KEY_AT)), MAGIC.length)
  return sealed
}

/** The value that was kept, a view of the sealed bytes; undefined when these are not exactly its own. */
export async function openEntry(
  key: string,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (sealed.length < HEADER || !begins(sealed, 0, MAGIC)) return undefined
  const [name, sum] = await Promise.all([hashOf(key), sha256(sealed.subarray(KEY_AT))])
  return begins(sealed, KEY_AT, name) && begins(sealed, MAGIC.length, sum) ? sealed.subarray(HEADER) : undefined
}

/** A name that is safe everywhere, for any key. */
export async function entryName(key: string): Promise<string> {
  return toHex(await hashOf(key))
}
