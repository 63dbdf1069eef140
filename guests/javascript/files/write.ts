/** Bytes to a descriptor, to the last one: a single host call moves only so many. */
import { callHost } from '../failures.ts'
import { readWord, withWord } from '../natives.ts'
import { FdWrite, TRANSFER_BYTES } from '../operations.generated.ts'
import { bytesLength, setBytes, viewOf } from '../primordials.ts'

/** Argument of one FdWrite or ConsoleWrite: as many bytes as one call may move. */
export function writeArgument(fd: number, bytes: Uint8Array, at: number): Uint8Array {
  const left = bytesLength(bytes) - at
  const part = left < TRANSFER_BYTES ? left : TRANSFER_BYTES
  const argument = withWord(fd, part)
  setBytes(argument, viewOf(bytes, at, part), 4)
  return argument
}

/**
 * Writes all bytes at the descriptor's own position, blocking.
 * @param operation ConsoleWrite, with a level in the descriptor's place
 */
export function writeAll(fd: number, bytes: Uint8Array, operation = FdWrite): void {
  const length = bytesLength(bytes)
  for (let at = 0; at < length; ) {
    const written = readWord(callHost(operation, writeArgument(fd, bytes, at)))
    if (written === 0) return // the stream takes no more: its limit is reached, and the host knows
    at += written
  }
}
