/** The network as a service of the embedding thread: what gates ask in, by messages that workers can send, and what the driver answers out. */
import { openNetwork } from '#network'
import { mapMaybe } from './gate/maybe.ts'
import type { HeaderSecret, NetworkOptions } from './network-options.ts'
import type { MaybePromise } from './kernel/host-port.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import type { NetworkQuestion } from './network-questions.ts'
import type { Service } from './tool.ts'

/** Answers gates. Questions come from gates alone, so they are as they must be. */
export function networkService(options: NetworkOptions, secrets: readonly HeaderSecret[]): Service {
  const driver = openNetwork(options, secrets)
  const answer = (question: NetworkQuestion, signal: AbortSignal): MaybePromise<unknown> => {
    switch (question.ask) {
      case 'lookup':
        return driver.lookup(question.host, signal)
      case 'request':
        return driver.request(question.request, signal)
      case 'read':
        return driver.read(question.body, question.most, signal)
      case 'close':
        return driver.close(question.body)
    }
  }
  return {
    call: (input, signal) =>
      mapMaybe(answer(decodeValue(input) as NetworkQuestion, signal), (value) => encodeValue(value)),
    ended: () => driver.closeAll?.(),
  }
}
