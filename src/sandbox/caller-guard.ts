/** The caller's own callbacks, guarded: one that throws ends the run, which then rejects with what was thrown. */
import type { RunOptions, SandboxOptions } from '../request.ts'
import type { RunHooks } from './order.ts'

type OnTrace = SandboxOptions['onTrace']

/** One run with its callbacks. */
class GuardedRun {
  readonly #stop = new AbortController()
  #fault: { error: unknown } | undefined

  /** Calls what is the caller's, unless it has thrown before. */
  guard(callback: () => void): void {
    if (this.#fault) return
    try {
      callback()
    } catch (error) {
      this.#fault = { error }
      this.#stop.abort()
    }
  }

  /** @throws what a callback threw, once the run is over */
  async watch<T>(
    { onOutput, signal }: RunOptions,
    onTurn: () => void,
    execute: (hooks: RunHooks) => Promise<T>,
  ): Promise<T> {
    const stop = () => this.#stop.abort()
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    const hooks: RunHooks = {
      signal: this.#stop.signal,
      onTurn,
      ...(onOutput ? { onOutput: (stream, bytes) => this.guard(() => onOutput(stream, bytes)) } : {}),
    }
    // What a callback threw comes first: whatever else went wrong came of it, or matters less.
    const settled = await execute(hooks).then(
      (result) => () => result,
      (error: unknown) => () => {
        throw error
      },
    )
    signal?.removeEventListener('abort', stop)
    if (this.#fault) throw this.#fault.error
    return settled()
  }
}

/** The callbacks of one sandbox. */
export class CallerGuard {
  /** What the sandbox tells of its gate. */
  readonly onTrace: OnTrace
  readonly #given: OnTrace
  /** The run whose turn it is, or was. */
  #current: GuardedRun | undefined

  constructor(onTrace: OnTrace) {
    this.#given = onTrace
    this.onTrace = onTrace && ((event) => this.#current?.guard(() => onTrace(event)))
  }

  /** The same callbacks for a fork, whose runs are its own. */
  fork(): CallerGuard {
    return new CallerGuard(this.#given)
  }

  /**
   * Runs with the caller's callbacks.
   * @throws what a callback threw, and what `execute` throws
   */
  async run<T>(options: RunOptions, execute: (hooks: RunHooks) => Promise<T>): Promise<T> {
    if (!options.onOutput && !this.#given) return execute(options)
    const run = new GuardedRun()
    const onTurn = () => {
      this.#current = run
    }
    return run.watch(options, onTurn, execute)
  }
}
