/** What guests reach by names that no tool can have: requests to the network, loaded when the first is made. Encoded values in and out. */
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import { chain, run, type Steps } from '../kernel/steps.ts'
import { decodeValue, encodeValue } from '../kernel/values.ts'
import type { GateLimits } from './calls.ts'
import type { NetworkParts } from './net-hop.ts'
import type { GatedNetwork } from './network.ts'

/** Begins the names; `defineTool` takes no name with a colon. */
const PREFIX = 'toka:'

export function isGuestService(name: string): boolean {
  return name.startsWith(PREFIX)
}

let Network: typeof GatedNetwork | undefined

/** Loads what requests are made with: before a run, where the guest keeps its thread and nothing is loaded meanwhile. */
export async function loadNetwork(): Promise<void> {
  Network ??= (await import('./network.ts')).GatedNetwork
}

/** A request holds its body: what bounds the values that cross bounds both together. */
function read(input: Uint8Array, { flatBytes, structuredBytes }: GateLimits): unknown {
  const most = Math.max(flatBytes, structuredBytes)
  if (input.length > most)
    throw new GuestFacingError('TOKA_VALUE_SIZE', `the request has ${input.length} bytes; at most ${most} are allowed`)
  try {
    return decodeValue(input, { structuredBytes: most, flatBytes: most })
  } catch {
    throw new GuestFacingError('EINVAL', 'the request is malformed')
  }
}

type ServiceParts = NetworkParts & { limits: Readonly<GateLimits> }

export class GuestServices {
  readonly #parts: ServiceParts
  #network: GatedNetwork | undefined
  /** Counts the runs: what was asked for in an earlier one is not begun any more. */
  #epoch = 0

  constructor(parts: ServiceParts) {
    this.#parts = parts
  }

  /**
   * Answers a guest.
   * @throws GuestFacingError as `GatedNetwork`, also as rejection
   */
  call(name: string, input: Uint8Array, signal: AbortSignal): MaybePromise<Uint8Array> {
    const asked = read(input, this.#parts.limits)
    switch (name.slice(PREFIX.length)) {
      case 'fetch':
        return this.#begin((network) => network.fetch(asked, signal))
      case 'open':
        return this.#begin((network) => network.open(asked, signal))
      case 'send':
        return chain(run(this.#opened().send(asked, signal)), encodeValue)
      case 'answer':
        return chain(run(this.#opened().answer(asked, signal)), encodeValue)
      case 'read':
        return chain(run(this.#opened().read(asked, signal)), encodeValue)
      case 'cancel':
        // After the request that it may be about, where that waits to be loaded.
        return chain(Network ? undefined : loadNetwork(), () => {
          this.#network?.cancel(asked)
          return encodeValue(undefined)
        })
      default:
        throw new GuestFacingError('TOKA_TOOL_UNKNOWN', 'no such service')
    }
  }

  /** A run is over: no body stays open. */
  closeAll(): void {
    this.#epoch++
    this.#network?.closeAll()
  }

  #begin(request: (network: GatedNetwork) => Steps<unknown>): MaybePromise<Uint8Array> {
    const epoch = this.#epoch
    return chain(Network ? undefined : loadNetwork(), () => {
      if (!Network || epoch !== this.#epoch) throw new GuestFacingError('ECANCELED', 'the run is over')
      this.#network ??= new Network(this.#parts)
      return chain(run(request(this.#network)), encodeValue)
    })
  }

  /** Whose bodies are read: before the first request there are none. */
  #opened(): GatedNetwork {
    if (!this.#network) throw new GuestFacingError('EBADF', 'the body is not open')
    return this.#network
  }
}
