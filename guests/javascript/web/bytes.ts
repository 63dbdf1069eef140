/** Anything that holds bytes in, a plain view of them out. */
import {
  bufferSize,
  bytesBuffer,
  bytesOffset,
  bytesSize,
  bytesTag,
  dataBuffer,
  dataOffset,
  dataSize,
  isView,
  SafeUint8Array,
} from '../primordials.ts'

/** @returns undefined when the value holds no bytes */
export function bytesIn(source: unknown): Uint8Array | undefined {
  if (isView(source)) {
    if (bytesTag(source) === 'Uint8Array') return source as Uint8Array
    if (bytesTag(source) !== undefined)
      return new SafeUint8Array(bytesBuffer(source), bytesOffset(source), bytesSize(source))
    const data = source as DataView
    return new SafeUint8Array(dataBuffer(data), dataOffset(data), dataSize(data))
  }
  try {
    return new SafeUint8Array(source as ArrayBuffer, 0, bufferSize(source as ArrayBuffer))
  } catch {
    return undefined
  }
}
