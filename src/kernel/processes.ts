/** The process table: process 1 from the start, others by an injected launcher. */
import { errno } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import { type Dispatch, Process, type ProcessRun } from './process.ts'
import type { Services } from './services.ts'

/** A program to start: `args[0]` is its name. */
export type LaunchCommand = ProcessRun & { args: readonly string[] }

/** Starts a program in a process that the table has made. Rejects or throws when there is no such program. */
export type Launcher = (process: Process, command: LaunchCommand, parent: Process) => MaybePromise<void>

export class ProcessTable {
  readonly #processes = new Map<number, Process>()
  readonly #services: Services
  readonly #dispatch: Dispatch
  readonly #launcher: Launcher | undefined
  #next = 1

  constructor(services: Services, dispatch: Dispatch, launcher?: Launcher) {
    this.#services = services
    this.#dispatch = dispatch
    this.#launcher = launcher
  }

  /** Live processes. */
  get size(): number {
    return this.#processes.size
  }

  get(pid: number): Process | undefined {
    return this.#processes.get(pid)
  }

  /** Makes a process with the next number. EAGAIN beyond `limits.processes`. */
  create(run: ProcessRun): Process {
    if (this.#processes.size >= this.#services.limits.processes) throw errno('EAGAIN')
    const process = new Process(this.#next++, this.#services, this.#dispatch, run)
    this.#processes.set(process.pid, process)
    return process
  }

  /** Starts a program as a child. ENOSYS where the sandbox has no launcher. */
  async launch(parent: Process, command: LaunchCommand): Promise<Process> {
    if (this.#launcher === undefined) throw errno('ENOSYS')
    const process = this.create({ cwd: parent.cwd, env: parent.env, ...command })
    try {
      await this.#launcher(process, command, parent)
    } catch (error) {
      this.remove(process)
      throw error
    }
    return process
  }

  /** A process is over: its descriptors are closed, its number is never given again. */
  remove(process: Process): void {
    process.dispose()
    this.#processes.delete(process.pid)
  }

  /** Ends all. */
  dispose(): void {
    for (const process of [...this.#processes.values()]) this.remove(process)
  }
}
