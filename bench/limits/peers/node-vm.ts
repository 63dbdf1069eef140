/** node:vm, which its own manual says is no security mechanism, with the options it has for a time limit. */
import { createContext, runInContext } from 'node:vm'
import { asExpression, type Attempt, type CreatePeer, until } from '../peer.ts'

export const create: CreatePeer = async (host) => ({
  async run(attempt: Attempt) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    // With a queue of its own, promise jobs count for the time limit. Nobody turns that queue after the script's end, so
    // the guest hands over its result itself, and promises of the host never continue it.
    const context = createContext({ call: host, resolve, reject }, { microtaskMode: 'afterEvaluate' })
    const deadline = performance.now() + attempt.timeoutMs
    const expression = attempt.waits ? `${asExpression(attempt)}.then(resolve, reject)` : asExpression(attempt)
    const value = runInContext(expression, context, { timeout: attempt.timeoutMs })
    return { by: 'value', value: attempt.waits ? await until(deadline, promise) : value }
  },
})
