/** Bytes in, their SHA-256 out, by the runtime's own WebCrypto. */
import { TokaError } from '../errors.ts'

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32

/** @throws TokaError TOKA_RUNTIME_UNSUPPORTED in a page that is no secure context */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const subtle = globalThis.crypto?.subtle
  if (!subtle) {
    throw new TokaError('TOKA_RUNTIME_UNSUPPORTED', 'WebCrypto is missing: serve the page from https or localhost')
  }
  return new Uint8Array(await subtle.digest('SHA-256', bytes))
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16))
}
