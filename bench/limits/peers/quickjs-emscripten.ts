/** quickjs-emscripten, as its manual has it: interrupt handler, memory limit and stack limit of a runtime. */
import { load } from '../../peers/load.ts'
import { asExpression, type Attempt, type CreatePeer, type HostFunction, messageOf, until } from '../peer.ts'

type Handle = { dispose(): void; alive: boolean }
type Result = { value: Handle; error?: undefined } | { error: Handle; value?: undefined }
type Deferred = {
  handle: Handle
  alive: boolean
  resolve: (value: Handle) => void
  reject: (value: Handle) => void
  dispose(): void
}
type Context = {
  global: Handle
  newFunction(name: string, run: (...args: Handle[]) => Handle): Handle
  newPromise(): Deferred
  newString(text: string): Handle
  newNumber(value: number): Handle
  newError(message: string): Handle
  undefined: Handle
  setProp(object: Handle, key: string, value: Handle): void
  dump(handle: Handle): unknown
  alive: boolean
  evalCode(source: string): Result
  resolvePromise(promise: Handle): Promise<Result>
  unwrapResult(result: Result): Handle
  dispose(): void
}
type Runtime = {
  setMemoryLimit(bytes: number): void
  setMaxStackSize(bytes: number): void
  setInterruptHandler(handler: () => boolean): void
  executePendingJobs(): { error?: Handle }
  newContext(): Context
  dispose(): void
}
type Library = {
  getQuickJS(): Promise<{ newRuntime(): Runtime }>
  shouldInterruptAfterDeadline(deadline: number): () => boolean
}

type Machine = { runtime: Runtime; context: Context; host: HostFunction; lent: Lent; deadline: number }

/** Every handle must be given back before its runtime is, or the library aborts: they are kept to that end. */
type Lent = { dispose(): void; alive: boolean }[]

export const create: CreatePeer = async (host) => {
  const { getQuickJS, shouldInterruptAfterDeadline } = (await load('quickjs-emscripten')) as Library
  const quickjs = await getQuickJS()
  return {
    async run(attempt: Attempt) {
      const runtime = quickjs.newRuntime()
      runtime.setMemoryLimit(attempt.memoryBytes)
      runtime.setMaxStackSize(320 * 1024)
      runtime.setInterruptHandler(shouldInterruptAfterDeadline(Date.now() + attempt.timeoutMs))
      const deadline = performance.now() + attempt.timeoutMs
      const context = runtime.newContext()
      const lent: Lent = []
      try {
        giveHost({ runtime, context, host, lent, deadline })
        const handle = keep(lent, context.unwrapResult(context.evalCode(asExpression(attempt))))
        if (!attempt.waits) return { by: 'value', value: context.dump(handle) }
        const promise = context.resolvePromise(handle)
        runtime.executePendingJobs().error?.dispose()
        const value = keep(lent, context.unwrapResult(await until(deadline, promise)))
        return { by: 'value', value: context.dump(value) }
      } finally {
        for (const handle of lent) if (handle.alive) handle.dispose()
        context.dispose()
        runtime.dispose()
      }
    },
  }
}

function keep(lent: Lent, handle: Handle): Handle {
  lent.push(handle)
  return handle
}

/** `call`, as the manual makes a function that answers by a promise; an answer that comes too late is dropped. */
function giveHost({ runtime, context, host, lent, deadline }: Machine): void {
  const call = context.newFunction('call', (handle) => {
    const request = handle === undefined ? undefined : (context.dump(handle) as object)
    const deferred = context.newPromise()
    lent.push(deferred)
    const settle = (work: () => void) => {
      if (!deferred.alive || !context.alive || performance.now() > deadline) return
      work()
      runtime.executePendingJobs().error?.dispose()
    }
    const answer = async () => host(request)
    answer()
      .then(
        (value) => settle(() => withHandle(toGuest(context, value), deferred.resolve)),
        (error) => settle(() => withHandle(context.newError(messageOf(error)), deferred.reject)),
      )
      // The guest has no memory left for its answer, or the machine has aborted: a next run will tell.
      .catch(() => {})
    return deferred.handle
  })
  context.setProp(context.global, 'call', call)
  call.dispose()
}

function toGuest(context: Context, value: unknown): Handle {
  if (typeof value === 'string') return context.newString(value)
  return typeof value === 'number' ? context.newNumber(value) : context.undefined
}

function withHandle(handle: Handle, use: (handle: Handle) => void): void {
  use(handle)
  handle.dispose()
}
