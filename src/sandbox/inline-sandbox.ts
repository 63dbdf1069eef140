/** A sandbox on the caller's thread, as its user holds it. */
import { TokaError } from '../errors.ts'
import type { RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import { orderOf, resultOf } from './caller.ts'
import type { CallerGuard } from './caller-guard.ts'
import { RunStream, type StreamHooks, watchedBy } from './run-stream.ts'
import type { LocalSandbox } from './sandbox.ts'
import type { SnapshotSeal } from './snapshot-seal.ts'
import type { Sandbox, WaitOptions } from './surface.ts'

export class InlineSandbox implements Sandbox {
  readonly #sandbox: LocalSandbox
  readonly #guard: CallerGuard
  readonly #onFork: (twin: Sandbox) => void
  readonly #onDispose: (sandbox: Sandbox) => void
  readonly #seal: SnapshotSeal
  #closed = false

  /** @param onFork knows a fork; `onDispose` forgets a sandbox that is disposed */
  constructor(
    sandbox: LocalSandbox,
    guard: CallerGuard,
    onFork: (twin: Sandbox) => void,
    onDispose: (sandbox: Sandbox) => void,
    seal: SnapshotSeal,
  ) {
    this.#seal = seal
    this.#sandbox = sandbox
    this.#guard = guard
    this.#onFork = onFork
    this.#onDispose = onDispose
  }

  run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>> {
    return this.#execute(options)
  }

  stream<T = unknown>(options: RunOptions<T>): RunStream<T> {
    return new RunStream((live) => this.#execute(options, live))
  }

  async #execute<T>(options: RunOptions<T>, live?: StreamHooks): Promise<RunResult<T>> {
    const order = orderOf(options, this.#sandbox.language)
    const watched = watchedBy(options, live)
    const outcome = await this.#guard.run(watched, (hooks) =>
      this.#sandbox.execute(order, live ? { ...hooks, onEvent: live.onEvent } : hooks),
    )
    return resultOf(outcome, options)
  }

  call<T = unknown>(name: string, ...args: readonly unknown[]): Promise<RunResult<T>> {
    return this.#execute({ call: name, input: args })
  }

  async fork(options?: WaitOptions): Promise<Sandbox> {
    const guard = this.#guard.fork()
    const local = await this.#sandbox.fork(options, { trace: guard.onTrace })
    const twin = new InlineSandbox(local, guard, this.#onFork, this.#onDispose, this.#seal)
    if (this.#closed) {
      await twin.dispose()
      throw new TokaError('TOKA_SANDBOX_CLOSED', 'this sandbox was disposed')
    }
    this.#onFork(twin)
    return twin
  }

  async snapshot(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#seal.close(await this.#sandbox.snapshot(options))
  }

  async dispose(): Promise<void> {
    this.#closed = true
    await this.#sandbox.dispose()
    this.#onDispose(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
