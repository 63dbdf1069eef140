/** What a gate asks of the network, as messages that a worker can send to the thread that has the driver. */
import type { NetworkAnswer, NetworkDriver, NetworkRequest, NetworkUpload } from './gate/drivers.ts'
import { mapMaybe } from './gate/maybe.ts'
import type { MaybePromise } from './kernel/host-port.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import type { Tools } from './tool.ts'

export const NETWORK_SERVICE = 'toka:network'

export type NetworkQuestion =
  | { ask: 'lookup'; host: string }
  | { ask: 'request'; request: NetworkRequest; key: number }
  | { ask: 'open'; request: NetworkUpload; key: number }
  | { ask: 'abort'; key: number }
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
  let lastKey = 0
  // A signal stays in its thread: what has begun there is ended by a question of its own.
  const begin = <T>(question: (key: number) => NetworkQuestion, signal: AbortSignal): MaybePromise<T> => {
    const key = ++lastKey
    const stop = (): void => void quietly({ ask: 'abort', key })
    signal.addEventListener('abort', stop, { once: true })
    const heard = (): void => signal.removeEventListener('abort', stop)
    const answer = ask<T>(question(key), signal)
    if (answer instanceof Promise) answer.then(heard, heard)
    else heard()
    return answer
  }
  /** A run that is over cannot ask any more: its calls are aborted, and their bodies with them. */
  const quietly = async (question: NetworkQuestion): Promise<void> => {
    await Promise.resolve(ask(question, new AbortController().signal)).catch(() => {})
  }
  return {
    lookup: (host, signal) => ask<readonly string[] | undefined>({ ask: 'lookup', host }, signal),
    request: (request, signal) => begin<NetworkAnswer>((key) => ({ ask: 'request', request, key }), signal),
    open: (request, signal) => begin<number>((key) => ({ ask: 'open', request, key }), signal),
    send: (upload, piece, signal) => ask<boolean>({ ask: 'send', upload, piece }, signal),
    answer: (upload, signal) => ask<NetworkAnswer>({ ask: 'answer', upload }, signal),
    read: (body, most, signal) => ask<Uint8Array>({ ask: 'read', body, most }, signal),
    close: (body) => quietly({ ask: 'close', body }),
  }
}
