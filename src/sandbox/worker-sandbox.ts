/** A sandbox in a worker, as its user holds it: the same surface, each call a message. */
import { TokaError } from '../errors.ts'
import { BORDER, type Limits } from '../limits.ts'
import type { Language, RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { Toolbox } from '../tool.ts'
import { orderOf, resultOf } from './caller.ts'
import type { CallerGuard } from './caller-guard.ts'
import type { Family } from './family.ts'
import { TurnQueue } from './queue.ts'
import type { RemoteRun } from './remote-run.ts'
import { neverBegun } from './report.ts'
import { makeCell } from './run-cell.ts'
import { RunStream, type StreamHooks, watchedBy } from './run-stream.ts'
import type { SnapshotSeal } from './snapshot-seal.ts'
import type { Sandbox, WaitOptions } from './surface.ts'
import { type WorkerHost, WorkerLost } from './worker-host.ts'

export type WorkerSandboxParts = {
  host: WorkerHost
  language: Language
  toolbox: Toolbox
  limits: Readonly<Limits>
  engine: RunResult['engine']
  /** The account that forks share. */
  family: Family
  seal: SnapshotSeal
  /** The caller's callbacks. */
  guard: CallerGuard
  /** Forgets a sandbox that is disposed or lost. */
  onDispose(sandbox: Sandbox): void
  /** Knows a fork. */
  onFork(sandbox: Sandbox): void
}

export class WorkerSandbox implements Sandbox {
  readonly #parts: WorkerSandboxParts
  readonly #queue = new TurnQueue(BORDER.turns)
  readonly #cell = makeCell()
  /** Its number in the worker. */
  #number = 0
  #running: RemoteRun | undefined
  #closing: Promise<void> | undefined

  private constructor(parts: WorkerSandboxParts) {
    this.#parts = parts
  }

  /**
   * Makes a sandbox in a worker.
   * @param enter asks the worker for it and answers its number
   */
  static async create(
    parts: WorkerSandboxParts,
    enter: (resident: { onTrace: CallerGuard['onTrace']; onLost(): void }) => Promise<number>,
  ): Promise<WorkerSandbox> {
    const sandbox = new WorkerSandbox(parts)
    parts.family.join()
    try {
      sandbox.#number = await enter({ onTrace: parts.guard.onTrace, onLost: () => sandbox.#lose() })
    } catch (error) {
      parts.family.leave()
      throw error
    }
    return sandbox
  }

  run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>> {
    return this.#execute(options)
  }

  stream<T = unknown>(options: RunOptions<T>): RunStream<T> {
    return new RunStream((live) => this.#execute(options, live))
  }

  async #execute<T>(options: RunOptions<T>, live?: StreamHooks): Promise<RunResult<T>> {
    const order = orderOf(options, this.#parts.language)
    const watched = watchedBy(options, live)
    const { host, toolbox, limits, engine, guard } = this.#parts
    this.#mustBeOpen()
    const turn = async (): Promise<RunResult<T>> => {
      this.#mustBeOpen()
      const parts = { sandbox: this.#number, order, toolbox, limits, engine, cell: this.#cell }
      try {
        const outcome = await guard.run(watched, (given) => {
          given.onTurn?.()
          const hooks = live ? { ...given, onEvent: live.onEvent } : given
          this.#running = host.run({ ...parts, hooks })
          return this.#running.outcome
        })
        return resultOf(outcome, options)
      } finally {
        this.#running = undefined
      }
    }
    return this.#queue.run(turn, { signal: watched.signal, answer: () => resultOf(neverBegun(engine), options) })
  }

  call<T = unknown>(name: string, ...args: readonly unknown[]): Promise<RunResult<T>> {
    return this.#execute({ call: name, input: args })
  }

  async fork(options: WaitOptions = {}): Promise<Sandbox> {
    this.#mustBeOpen()
    return this.#queue.runAs('fork', options, async () => {
      this.#mustBeOpen()
      const { host, toolbox, guard } = this.#parts
      const parts = { ...this.#parts, guard: guard.fork(), toolbox: toolbox.copy() }
      try {
        const twin = await WorkerSandbox.create(parts, (resident) => host.fork(this.#number, resident))
        return await this.#keep(twin)
      } catch (error) {
        throw error instanceof WorkerLost ? closed(host) : error
      }
    })
  }

  async snapshot(options: WaitOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    this.#mustBeOpen()
    return this.#queue.runAs('snapshot', options, async () => {
      this.#mustBeOpen()
      const { host, seal } = this.#parts
      try {
        return await seal.close(await host.snapshot(this.#number))
      } catch (error) {
        throw error instanceof WorkerLost ? closed(host) : error
      }
    })
  }

  /** A fork that was made while this sandbox was disposed is nobody's. */
  async #keep(twin: Sandbox): Promise<Sandbox> {
    if (this.#closing) await twin.dispose()
    this.#mustBeOpen()
    this.#parts.onFork(twin)
    return twin
  }

  dispose(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #close(): Promise<void> {
    this.#running?.cancel()
    await this.#queue.idle()
    const { host, family, onDispose } = this.#parts
    await host.dispose(this.#number)
    // A worker that is over may still be at its end: then `#lose` comes.
    if (!host.over) family.leave()
    onDispose(this)
  }

  /** The worker is gone, and all that it held. */
  #lose(): void {
    const { family, onDispose } = this.#parts
    this.#closing ??= Promise.resolve()
    family.end()
    onDispose(this)
  }

  #mustBeOpen(): void {
    const { host } = this.#parts
    if (this.#closing) throw new TokaError('TOKA_SANDBOX_CLOSED', host.over ? LOST : 'this sandbox was disposed')
    if (host.over) throw closed(host)
  }
}

const LOST = 'the worker of this sandbox was lost, and the sandbox with it'

function closed({ reason }: WorkerHost): TokaError {
  return new TokaError('TOKA_SANDBOX_CLOSED', reason === '' ? LOST : `${LOST}: ${reason}`)
}
