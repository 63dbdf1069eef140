/** A sandbox that holds a token: its runs end when the token is revoked, and its denials say which link refused. */
import type { HeldToken } from '../gate/authority.ts'
import type { RunOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { RunEvent } from '../run-events.ts'
import type { Sandbox, WaitOptions } from './surface.ts'

export class HeldSandbox implements Sandbox {
  readonly #inner: Sandbox
  readonly #held: HeldToken

  constructor(inner: Sandbox, held: HeldToken) {
    this.#inner = inner
    this.#held = held
  }

  async run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>> {
    return this.#finish(await this.#inner.run(this.#watched(options)), options)
  }

  stream<T = unknown>(options: RunOptions<T>): AsyncIterableIterator<RunEvent<T>> {
    return new HeldStream(this.#inner.stream(this.#watched(options)), (event) => this.#tell(event, options))
  }

  call<T = unknown>(name: string, ...args: readonly unknown[]): Promise<RunResult<T>> {
    return this.run({ call: name, input: args })
  }

  #watched<T>(options: RunOptions<T>): RunOptions<T> {
    const { revoked } = this.#held
    // What is no signal is refused by the sandbox, which checks the options.
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) return options
    return { ...options, signal: options.signal ? AbortSignal.any([options.signal, revoked]) : revoked }
  }

  #tell<T>(event: RunEvent<T>, options: RunOptions<T>): RunEvent<T> {
    if (event.type === 'denial') return { ...event, denial: this.#held.explain(event.denial) }
    return event.type === 'result' ? { ...event, result: this.#finish(event.result, options) } : event
  }

  #finish<T>(result: RunResult<T>, { signal }: RunOptions<T>): RunResult<T> {
    this.#held.ended(result)
    const denials = result.denials.map((denial) => this.#held.explain(denial))
    if (result.status !== 'cancelled' || !this.#held.revoked.aborted || signal?.aborted) return { ...result, denials }
    return {
      ...result,
      denials,
      error: { code: 'TOKA_TOKEN_REVOKED', message: 'the token of this sandbox was revoked' },
    }
  }

  async fork(options?: WaitOptions): Promise<Sandbox> {
    return new HeldSandbox(await this.#inner.fork(options), this.#held)
  }

  snapshot(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inner.snapshot(options)
  }

  dispose(): Promise<void> {
    return this.#inner.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** Events with something added. */
class HeldStream<T> implements AsyncIterableIterator<RunEvent<T>> {
  readonly #events: AsyncIterableIterator<RunEvent<T>>
  readonly #tell: (event: RunEvent<T>) => RunEvent<T>

  constructor(events: AsyncIterableIterator<RunEvent<T>>, tell: (event: RunEvent<T>) => RunEvent<T>) {
    this.#events = events
    this.#tell = tell
  }

  async next(): Promise<IteratorResult<RunEvent<T>, undefined>> {
    const step = await this.#events.next()
    return step.done ? { done: true, value: undefined } : { done: false, value: this.#tell(step.value) }
  }

  async return(): Promise<IteratorResult<RunEvent<T>, undefined>> {
    await this.#events.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

/** Counts the sandboxes that share a token: the last one that goes gives it back. */
export class TokenUsers {
  readonly #held: HeldToken
  #users = 1

  constructor(held: HeldToken) {
    this.#held = held
  }

  join(): void {
    this.#users++
  }

  /** @returns when what was not spent is given back */
  async leave(): Promise<void> {
    if (--this.#users === 0) await this.#held.release()
  }
}
