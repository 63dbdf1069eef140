/** What guests reach by names that no tool can have: requests to the network. Encoded values in and out. */
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import type { GatedNetwork } from './network.ts'

/** Begins the names; `defineTool` takes no name with a colon. */
const PREFIX = 'toka:'

export function isGuestService(name: string): boolean {
  return name.startsWith(PREFIX)
}

function read(input: Uint8Array): unknown {
  try {
    return decodeValue(input)
  } catch {
    throw new GuestFacingError('EINVAL', 'the request is malformed')
  }
}

/**
 * Answers a guest.
 * @throws GuestFacingError as `GatedNetwork`, also as rejection
 */
export function callGuestService(
  network: GatedNetwork,
  name: string,
  input: Uint8Array,
  signal: AbortSignal,
): MaybePromise<Uint8Array> {
  switch (name.slice(PREFIX.length)) {
    case 'fetch':
      return network.fetch(read(input), signal).then((answer) => encodeValue(answer))
    case 'read':
      return network.read(read(input), signal).then((bytes) => encodeValue(bytes))
    case 'cancel':
      network.cancel(read(input))
      return encodeValue(undefined)
    default:
      throw new GuestFacingError('TOKA_TOOL_UNKNOWN', 'no such service')
  }
}
