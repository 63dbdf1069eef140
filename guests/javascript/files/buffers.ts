/** Bytes that are handed to a program as the Buffer that Node would answer. */
import { part } from '../parts.ts'

/** @param bytes that nobody else holds */
export function bufferOf(bytes: Uint8Array): Uint8Array {
  return part<typeof import('../parts/buffer.ts')>('buffer').bufferOf(bytes)
}
