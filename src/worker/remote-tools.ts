/** The tools of one sandbox in a worker: told by the embedding thread, which is asked for every call. */
import { errno } from '../kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import type { WaitingThread } from '../kernel/waiting-thread.ts'
import { type PendingCall, SERVICE_PREFIX, type ToolDescription, type Tools } from '../tool.ts'
import type { ServedRun } from './served-run.ts'

export class RemoteTools implements Tools {
  /** The run whose guest calls. */
  run: ServedRun | undefined
  readonly thread: WaitingThread | undefined
  /** The embedding thread makes the calls, and tells of them. */
  watch: undefined
  readonly #descriptions: readonly ToolDescription[]
  readonly #names: ReadonlySet<string>

  /** @param suspends whether guests can be suspended here */
  constructor(descriptions: readonly ToolDescription[], suspends: boolean) {
    this.thread = suspends ? undefined : { wait: (milliseconds) => this.run?.wait(milliseconds) }
    this.#descriptions = descriptions
    this.#names = new Set(descriptions.map(({ name }) => name))
  }

  copy(): RemoteTools {
    return new RemoteTools(this.#descriptions, this.thread === undefined)
  }

  /** The embedding thread knows them. */
  takePending(): PendingCall[] {
    return []
  }

  describe(): ToolDescription[] {
    return [...this.#descriptions]
  }

  /** The signal is the embedding thread's to fire: a call ends with its run. */
  call(name: string, input: Uint8Array): MaybePromise<Uint8Array> {
    if (!name.startsWith(SERVICE_PREFIX) && !this.#names.has(name))
      throw new GuestFacingError('TOKA_TOOL_UNKNOWN', `no tool is named ${name}`)
    if (!this.run) throw errno('ECANCELED')
    return this.run.call(name, input)
  }
}
