/** vm2, as its manual has it for hostile code: a time limit, and no async code, for which that limit does not hold. */
import { load } from '../../peers/load.ts'
import { asExpression, type Attempt, type CreatePeer, messageOf } from '../peer.ts'

type Vm2 = {
  VM: new (options: { timeout: number; allowAsync: boolean; sandbox: object }) => { run(source: string): unknown }
}

export const create: CreatePeer = async (host) => {
  const { VM } = (await load('vm2')) as Vm2
  return {
    async run(attempt: Attempt) {
      const vm = new VM({ timeout: attempt.timeoutMs, allowAsync: false, sandbox: { call: host } })
      try {
        return { by: 'value', value: vm.run(asExpression(attempt)) }
      } catch (error) {
        const message = messageOf(error)
        if (message !== 'VMError: Async not available') throw error
        return { by: 'refused', message }
      }
    },
  }
}
