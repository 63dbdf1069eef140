/** A cached value to bytes and back, with a checksum: what is torn or foreign reads as nothing. */
import { HASH_BYTES, sha256, toHex } from './hash.ts'

/** Keeps rewritten modules and images between processes. Never fails: without a place it keeps nothing. */
export type LoaderCache = {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>
  put(key: string, bytes: Uint8Array): Promise<void>
}

/** "TOKACH", the version of this framing, and a zero. */
const MAGIC = [0x54, 0x4f, 0x4b, 0x41, 0x43, 0x48, 0x01, 0x00] as const
const HEADER = MAGIC.length + HASH_BYTES

const utf8 = new TextEncoder()

/** The key is part of the sum: a renamed entry is a foreign one. */
async function sumOf(key: string, bytes: Uint8Array): Promise<Uint8Array> {
  const name = utf8.encode(key)
  const both = new Uint8Array(name.length + 1 + bytes.length)
  both.set(name)
  both.set(bytes, name.length + 1)
  return sha256(both)
}

/** The bytes to keep for a value. */
export async function sealEntry(key: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = new Uint8Array(HEADER + bytes.length)
  sealed.set(MAGIC)
  sealed.set(await sumOf(key, bytes), MAGIC.length)
  sealed.set(bytes, HEADER)
  return sealed
}

/** The value that was kept, or undefined when these are not exactly its bytes. */
export async function openEntry(
  key: string,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (sealed.length < HEADER || !MAGIC.every((byte, at) => sealed[at] === byte)) return undefined
  const bytes = sealed.slice(HEADER)
  const sum = await sumOf(key, bytes)
  return sum.every((byte, at) => byte === sealed[MAGIC.length + at]) ? bytes : undefined
}

/** A name that is safe everywhere, for any key. */
export async function entryName(key: string): Promise<string> {
  return toHex(await sha256(utf8.encode(key)))
}
