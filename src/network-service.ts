/** The network as a service of the embedding thread: what gates ask in, by messages that workers can send, and what the driver answers out. */
import type { NetworkDriver } from './gate/drivers.ts'
import { GuestFacingError, type MaybePromise } from './kernel/host-port.ts'
import type { HeaderSecret, NetworkOptions } from './network-options.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import { type NetworkQuestion, QUESTION_LIMITS } from './network-questions.ts'
import type { Service } from './tool.ts'

/** Answers gates, with a driver that is loaded for the first question. Questions come from gates alone, so they are as they must be. */
export function networkService(options: NetworkOptions, secrets: readonly HeaderSecret[]): Service {
  let driver: Promise<NetworkDriver> | undefined
  /** Requests that have no answer, by the keys of their questions. */
  const underWay = new Map<number, AbortController>()
  const begin = async <T>(
    key: number,
    signal: AbortSignal,
    work: (until: AbortSignal) => MaybePromise<T>,
  ): Promise<T> => {
    const stop = new AbortController()
    underWay.set(key, stop)
    try {
      return await work(AbortSignal.any([signal, stop.signal]))
    } finally {
      underWay.delete(key)
    }
  }
  const answer = async (question: NetworkQuestion, signal: AbortSignal): Promise<unknown> => {
    driver ??= import('#network').then(({ openNetwork }) => openNetwork(options, secrets))
    const network = await driver
    if (question.ask === 'close') return network.close(question.body)
    if (question.ask === 'abort') return underWay.get(question.key)?.abort()
    if (signal.aborted) throw new GuestFacingError('ECANCELED', 'the run is over')
    switch (question.ask) {
      case 'lookup':
        return network.lookup(question.host, signal)
      case 'request':
        return begin(question.key, signal, (until) => network.request(question.request, until))
      case 'open':
        return begin(question.key, signal, (until) => network.open(question.request, until))
      case 'send':
        return network.send(question.upload, question.piece, signal)
      case 'answer':
        return network.answer(question.upload, signal)
      case 'read':
        return network.read(question.body, question.most, signal)
    }
  }
  return {
    call: async (input, signal) =>
      encodeValue(await answer(decodeValue(input, QUESTION_LIMITS) as NetworkQuestion, signal)),
    ended: () => void driver?.then((network) => network.closeAll?.()),
  }
}
