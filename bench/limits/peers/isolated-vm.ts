/** isolated-vm (native code): an isolate with a memory limit for each run, the timeout of its scripts, and disposal at the deadline. */
import { load } from '../../peers/load.ts'
import { asExpression, type Attempt, type CreatePeer, until } from '../peer.ts'

type Context = {
  global: { set(name: string, value: unknown): Promise<void> }
  eval(source: string, options: { timeout: number; promise: boolean; copy: boolean }): Promise<unknown>
}
type Isolate = { createContext(): Promise<Context>; dispose(): void; isDisposed: boolean }
type Library = {
  default: {
    Isolate: new (options: { memoryLimit: number }) => Isolate
    Reference: new (value: unknown) => unknown
  }
}

/** The guest's side of `call`: arguments and results are copied, promises are awaited. */
const PROLOGUE = `const call = ((reference) => (request) => reference.apply(undefined, [request], { arguments: { copy: true }, result: { promise: true, copy: true } }))(hostCall); delete globalThis.hostCall;`

export const create: CreatePeer = async (host) => {
  const { Isolate, Reference } = ((await load('isolated-vm')) as Library).default
  return {
    async run(attempt: Attempt) {
      const isolate = new Isolate({ memoryLimit: attempt.memoryBytes / 2 ** 20 })
      try {
        const context = await isolate.createContext()
        await context.global.set('hostCall', new Reference(host))
        const options = { timeout: attempt.timeoutMs, promise: attempt.waits, copy: true }
        // Its timeout ends with the script; a guest that waits is for the host to end.
        const deadline = performance.now() + attempt.timeoutMs
        const value = await until(deadline, context.eval(`${PROLOGUE} ${asExpression(attempt)}`, options))
        return { by: 'value', value }
      } finally {
        if (!isolate.isDisposed) isolate.dispose()
      }
    },
  }
}
