/** The system calls of an Emscripten guest, over the kernel's files, descriptors, time and randomness: pointers in, errnos out. */
import { errnoNumber } from './errno-numbers.ts'
import type { AnySyscall, OpenState, SyscallContext } from './emscripten-context.ts'
import { descriptorSyscalls, wasiSyscalls } from './emscripten-descriptors.ts'
import { pathSyscalls } from './emscripten-paths.ts'
import { quietSystemCalls, valueSystemCalls, wasiSystemCalls } from './emscripten-system.ts'
import { errno } from './errno.ts'
import { GuestMemory } from './guest-memory.ts'
import type { Settle } from './guest-calls.ts'
import { KeptListings } from './kept-listings.ts'
import type { OpenFile } from './open-file.ts'
import type { Process } from './process.ts'

/** How the guest is made to wait for a driver. */
export type Waiting = {
  /** What the import answers so that the border waits; undefined where guests cannot be suspended. */
  pending: number | undefined
  /** Waits on the thread for an answer, where it cannot be suspended and the thread can. */
  settle: Settle
  /** A call was made: it took time that burned no fuel. */
  made(): void
}

/** Functions by name, of one import module each. */
type Functions = Record<string, (...args: never[]) => unknown>

/** The imports of one guest, whatever sandbox it is lent to. */
export class EmscriptenSyscalls {
  readonly env: Functions = {}
  readonly wasi: Functions = {}
  readonly #memory: () => WebAssembly.Memory | undefined
  readonly #waiting: Waiting
  #context: SyscallContext | undefined
  #opened = new WeakMap<OpenFile, OpenState>()
  #answer: Promise<number> | undefined
  #interrupt: (() => void) | undefined

  constructor(memory: () => WebAssembly.Memory | undefined, waiting: Waiting) {
    this.#memory = memory
    this.#waiting = waiting
    for (const [name, call] of Object.entries({ ...pathSyscalls, ...descriptorSyscalls }))
      this.env[name] = this.#numbered(call, -1)
    for (const [name, call] of Object.entries({ ...wasiSyscalls, ...wasiSystemCalls }))
      this.wasi[name] = this.#numbered(call, 1)
    for (const [name, call] of Object.entries(quietSystemCalls)) this.env[name] = this.#quiet(call)
    for (const [name, call] of Object.entries(valueSystemCalls))
      this.env[name] = (...args: never[]) => call(this.#mine(), ...args)
  }

  /** The guest is lent to a process. What it had open elsewhere is forgotten. */
  bind(process: Process): void {
    this.close()
    this.#opened = new WeakMap()
    const memory = new GuestMemory(this.#memory)
    this.#context = { process, memory, opened: this.#opened, listings: new KeptListings() }
  }

  /** A run is over: an answer that comes late touches nothing. */
  close(): void {
    this.#context?.memory.revoke()
    this.#answer = undefined
    this.wake()
    if (this.#context) this.#context = { ...this.#context, memory: new GuestMemory(this.#memory) }
  }

  unbind(): void {
    this.close()
    this.#context = undefined
  }

  /** Ends a wait: the run must end. */
  wake(): void {
    this.#interrupt?.()
    this.#interrupt = undefined
  }

  /** The answer that the guest waits for, or nothing by `wake`: then it is dead. */
  async wait(): Promise<number> {
    const answer = this.#answer
    this.#answer = undefined
    if (!answer) return 0
    const interrupted = new Promise<number>((resolve) => {
      this.#interrupt = () => resolve(0)
    })
    return Promise.race([answer, interrupted])
  }

  #mine(): SyscallContext {
    if (!this.#context) throw new TypeError('a guest without a sandbox made a system call')
    return this.#context
  }

  /** @param sign of an errno: `env` answers it negated, WASI as it is */
  #numbered(call: AnySyscall, sign: 1 | -1): (...args: never[]) => number {
    const failed = (error: unknown): number => sign * errnoNumber(error)
    return (...args) => {
      const context = this.#mine()
      const { pending, settle, made } = this.#waiting
      try {
        const asked = context.process.perform(() => call(context, ...args))
        const answer = pending === undefined ? settle(asked) : asked
        if (!(answer instanceof Promise)) return answer
        // Without suspension nobody waits for it.
        answer.catch(() => {})
        if (pending === undefined) throw errno('EAGAIN')
        this.#answer = answer.catch(failed)
        return pending
      } catch (error) {
        return failed(error)
      } finally {
        made()
      }
    }
  }

  #quiet(call: AnySyscall): (...args: never[]) => void {
    const numbered = this.#numbered(call, 1)
    return (...args) => void numbered(...args)
  }
}
