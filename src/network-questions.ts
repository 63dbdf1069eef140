/** What a gate asks of the network, as messages that a worker can send to the thread that has the driver. */
import type { NetworkAnswer, NetworkDriver, NetworkRequest, NetworkUpload } from './gate/drivers.ts'
import { mapMaybe } from './gate/maybe.ts'
import type { MaybePromise } from './kernel/host-port.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import type { Tools } from './tool.ts'

export const NETWORK_SERVICE = 'toka:network'

export type NetworkQuestion =
  | { ask: 'lookup'; host: string }
  | { ask: 'request'; request: NetworkRequest }
  | { ask: 'open'; request: NetworkUpload }
  | { ask: 'send'; upload: number; piece: Uint8Array }
  | { ask: 'answer'; upload: number }
  | { ask: 'read'; body: number; most: number }
  | { ask: 'close'; body: number }

/** Of what a guest may send, bounded when it asked; a worker's messages are bounded where they come. */
export const QUESTION_LIMITS = { structuredBytes: 2 ** 31, flatBytes: 2 ** 31 }

/** The network as a gate sees it, wherever the service is. */
export function networkOf(tools: Tools): NetworkDriver {
  const ask = <T>(question: NetworkQuestion, signal: AbortSignal): MaybePromise<T> =>
    mapMaybe(
      tools.call(NETWORK_SERVICE, encodeValue(question, QUESTION_LIMITS), signal),
      (bytes) => decodeValue(bytes) as T,
    )
  return {
    lookup: (host, signal) => ask<readonly string[] | undefined>({ ask: 'lookup', host }, signal),
    request: (request, signal) => ask<NetworkAnswer>({ ask: 'request', request }, signal),
    open: (request, signal) => ask<number>({ ask: 'open', request }, signal),
    send: (upload, piece, signal) => ask<boolean>({ ask: 'send', upload, piece }, signal),
    answer: (upload, signal) => ask<NetworkAnswer>({ ask: 'answer', upload }, signal),
    read: (body, most, signal) => ask<Uint8Array>({ ask: 'read', body, most }, signal),
    close: async (body) => {
      // A run that is over cannot ask any more: its calls are aborted, and their bodies with them.
      await Promise.resolve(ask({ ask: 'close', body }, new AbortController().signal)).catch(() => {})
    },
  }
}
