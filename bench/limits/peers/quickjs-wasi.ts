/** The package quickjs-wasi used on its own: its interrupt handler, its memory limit and its stack limit. */
import { readFile } from 'node:fs/promises'
import { load, resolve } from '../../peers/load.ts'
import { asExpression, type Attempt, type CreatePeer, type HostFunction, messageOf, until } from '../peer.ts'

type Handle = { dispose(): void }
type Vm = {
  global: Handle
  undefined: Handle
  newFunction(name: string, run: (...args: Handle[]) => Handle): Handle
  newPromise(): { handle: Handle; resolve(value: Handle): void; reject(value: Handle): void }
  newString(text: string): Handle
  newNumber(value: number): Handle
  newError(message: string): Handle
  setProp(object: Handle, key: string, value: Handle): void
  dump(handle: Handle): unknown
  evalCode(source: string): Handle
  executePendingJobs(): number
  resolvePromise(handle: Handle): Promise<{ value: Handle } | { error: Handle }>
  dispose(): void
}
type Options = {
  wasm: WebAssembly.Module
  memoryLimit: number
  maxStackSize: number
  interruptHandler: () => boolean
}
type Library = { QuickJS: { create(options: Options): Promise<Vm> }; MAX_STACK_SIZE: number }

export const create: CreatePeer = async (host) => {
  const { QuickJS, MAX_STACK_SIZE } = (await load('quickjs-wasi')) as Library
  const wasm = await WebAssembly.compile(await readFile(new URL(resolve('quickjs-wasi/quickjs.wasm'))))
  return {
    async run(attempt: Attempt) {
      const deadline = performance.now() + attempt.timeoutMs
      const interruptHandler = () => performance.now() > deadline
      const options = { wasm, memoryLimit: attempt.memoryBytes, maxStackSize: MAX_STACK_SIZE, interruptHandler }
      const vm = await QuickJS.create(options)
      try {
        giveHost(vm, host, deadline)
        const handle = vm.evalCode(asExpression(attempt))
        if (!attempt.waits) return { by: 'value', value: vm.dump(handle) }
        const promise = vm.resolvePromise(handle)
        vm.executePendingJobs()
        const result = await until(deadline, promise)
        if ('error' in result) return { by: 'error', message: messageOf(vm.dump(result.error)) }
        return { by: 'value', value: vm.dump(result.value) }
      } finally {
        vm.dispose()
      }
    },
  }
}

/** `call`, as the manual makes a function that answers by a promise; an answer that comes too late is dropped. */
function giveHost(vm: Vm, host: HostFunction, deadline: number): void {
  const toGuest = (value: unknown) => {
    if (typeof value === 'string') return vm.newString(value)
    return typeof value === 'number' ? vm.newNumber(value) : vm.undefined
  }
  const call = vm.newFunction('call', (handle) => {
    const request = handle === undefined ? undefined : (vm.dump(handle) as object)
    const deferred = vm.newPromise()
    const answer = async () => host(request)
    const settle = (work: () => void) => {
      if (performance.now() > deadline) return
      work()
      vm.executePendingJobs()
    }
    answer()
      .then(
        (value) => settle(() => deferred.resolve(toGuest(value))),
        (error) => settle(() => deferred.reject(vm.newError(messageOf(error)))),
      )
      // The machine may be gone by now, or interrupted, or have no memory left for the answer.
      .catch(() => {})
    return deferred.handle
  })
  vm.setProp(vm.global, 'call', call)
  call.dispose()
}
