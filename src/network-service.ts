/** The network as a service of the embedding thread: what gates ask in, by messages that workers can send, and what the driver answers out. */
import type { NetworkDriver } from './gate/drivers.ts'
import { GuestFacingError } from './kernel/host-port.ts'
import type { HeaderSecret, NetworkOptions } from './network-options.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import { type NetworkQuestion, QUESTION_LIMITS } from './network-questions.ts'
import type { Service } from './tool.ts'

/** Answers gates, with a driver that is loaded for the first question. Questions come from gates alone, so they are as they must be. */
export function networkService(options: NetworkOptions, secrets: readonly HeaderSecret[]): Service {
  let driver: Promise<NetworkDriver> | undefined
  const answer = async (question: NetworkQuestion, signal: AbortSignal): Promise<unknown> => {
    driver ??= import('#network').then(({ openNetwork }) => openNetwork(options, secrets))
    const network = await driver
    if (question.ask === 'close') return network.close(question.body)
    if (signal.aborted) throw new GuestFacingError('ECANCELED', 'the run is over')
    switch (question.ask) {
      case 'lookup':
        return network.lookup(question.host, signal)
      case 'request':
        return network.request(question.request, signal)
      case 'open':
        return network.open(question.request, signal)
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
