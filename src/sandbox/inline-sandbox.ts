/** A sandbox on the caller's thread, as its user holds it. */
import { TokaError } from '../errors.ts'
import type { RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import { orderOf, resultOf } from './caller.ts'
import { RunStream, type StartRun } from './run-stream.ts'
import type { LocalSandbox } from './sandbox.ts'
import type { SnapshotSeal } from './snapshot-seal.ts'
import type { Sandbox, WaitOptions } from './surface.ts'

export class InlineSandbox implements Sandbox {
  readonly #sandbox: LocalSandbox
  readonly #onFork: (twin: Sandbox) => void
  readonly #onDispose: (sandbox: Sandbox) => void
  readonly #seal: SnapshotSeal
  #closed = false

  /** @param onFork knows a fork; `onDispose` forgets a sandbox that is disposed */
  constructor(
    sandbox: LocalSandbox,
    onFork: (twin: Sandbox) => void,
    onDispose: (sandbox: Sandbox) => void,
    seal: SnapshotSeal,
  ) {
    this.#seal = seal
    this.#sandbox = sandbox
    this.#onFork = onFork
    this.#onDispose = onDispose
  }

  stream<T = unknown>(options: RunOptions<T>): RunStream<T> {
    const start: StartRun<T> = async (hooks) =>
      resultOf(await this.#sandbox.execute(orderOf(options), { ...options, ...hooks }), options)
    return new RunStream(start, options.signal)
  }

  async run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>> {
    return resultOf(await this.#sandbox.execute(orderOf(options), options), options)
  }

  async fork(options?: WaitOptions): Promise<Sandbox> {
    const twin = new InlineSandbox(await this.#sandbox.fork(options), this.#onFork, this.#onDispose, this.#seal)
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
