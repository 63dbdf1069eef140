/** What guests reach by names that no tool can have: requests to the network, loaded when the first is made. Encoded values in and out. */
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import type { GatedNetwork, NetworkParts } from './network.ts'

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

export class GuestServices {
  readonly #parts: NetworkParts
  #network: GatedNetwork | undefined
  /** Counts the runs: what was asked for in an earlier one is not begun any more. */
  #epoch = 0

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  /**
   * Answers a guest.
   * @throws GuestFacingError as `GatedNetwork`, also as rejection
   */
  call(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array> {
    switch (name.slice(PREFIX.length)) {
      case 'fetch':
        return this.#fetch(read(input), signal)
      case 'read':
        return this.#opened().read(read(input), signal).then(encodeValue)
      case 'cancel':
        this.#network?.cancel(read(input))
        return encodeValue(undefined)
      default:
        throw new GuestFacingError('TOKA_TOOL_UNKNOWN', 'no such service')
    }
  }

  /** A run is over: no body stays open. */
  closeAll(): void {
    this.#epoch++
    this.#network?.closeAll()
  }

  async #fetch(input: unknown, signal: AbortSignal): Promise<Uint8Array> {
    const epoch = this.#epoch
    const { GatedNetwork: Network } = await import('./network.ts')
    if (epoch !== this.#epoch) throw new GuestFacingError('ECANCELED', 'the run is over')
    this.#network ??= new Network(this.#parts)
    return encodeValue(await this.#network.fetch(input, signal))
  }

  /** Whose bodies are read: before the first request there are none. */
  #opened(): GatedNetwork {
    if (!this.#network) throw new GuestFacingError('EBADF', 'the body is not open')
    return this.#network
  }
}
