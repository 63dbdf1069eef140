/** Threads of a component's tasks: one runs at a time, and goes on until it waits or ends (CanonicalABI.md, "Thread State"). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import type { CoreValue } from '../lift.ts'
import type { Task } from './task.ts'

/** What a thread waits for where nothing of the guest lies on its stack. */
export type Block = { readonly until: () => boolean; readonly cancellable: boolean }

/** What a thread does, outside of the guest's own code: it yields what it waits for. */
export type ThreadBody = Generator<Promise<unknown> | Block, void, unknown>

/** The stretch of time in which a thread runs, for who let it run. */
class Turn {
  #outcome: { error?: unknown } | undefined
  #tell: (() => void) | undefined

  end(outcome: { error?: unknown }): void {
    this.#outcome ??= outcome
    this.#tell?.()
  }

  /** @throws what the thread ended with */
  over(): MaybePromise<void> {
    if (this.#outcome) return this.#settle()
    return new Promise<void>((resolve) => {
      this.#tell = resolve
    }).then(() => this.#settle())
  }

  #settle(): void {
    if (this.#outcome && 'error' in this.#outcome) throw this.#outcome.error
  }
}

export class Thread {
  readonly task: Task
  readonly mayWait: boolean
  /** What the guest keeps here instead of in its memory: each thread has its own. */
  readonly storage: [CoreValue, CoreValue] = [0, 0]
  /** What it waits for; undefined while it runs or waits for nothing. */
  block: Block | undefined
  #go: ((cancelled: boolean) => void) | undefined
  #turn = new Turn()

  /** @param mayWait not where nothing could let it go on: a start function, an allocator */
  constructor(task: Task, body: ThreadBody, mayWait = true) {
    this.task = task
    this.mayWait = mayWait
    this.#go = () => this.#step(() => body.next(), body)
  }

  get isReady(): boolean {
    return this.block?.until() === true
  }

  get isCancellable(): boolean {
    return this.block?.cancellable === true
  }

  /** Lets it run until it waits or ends. @throws what it ended with */
  resume(cancelled: boolean): MaybePromise<void> {
    const go = this.#go
    if (!go) throw new TypeError('a thread that runs was resumed')
    this.#go = undefined
    this.block = undefined
    this.#turn = new Turn()
    go(cancelled)
    return this.#turn.over()
  }

  /** It waits with the guest's code on its stack, which is suspended until then. @returns whether it was cancelled */
  park(block: Block): Promise<boolean> {
    return new Promise((resolve) => {
      this.#wait(block, resolve)
    })
  }

  #wait(block: Block, go: (cancelled: boolean) => void): void {
    this.block = block
    this.#go = go
    this.#turn.end({})
  }

  #step(advance: () => IteratorResult<Promise<unknown> | Block, void>, body: ThreadBody): void {
    let result: IteratorResult<Promise<unknown> | Block, void>
    try {
      result = advance()
    } catch (error) {
      return this.#turn.end({ error })
    }
    if (result.done) return this.#turn.end({})
    const waited = result.value
    if (waited instanceof Promise)
      waited.then(
        (value) => this.#step(() => body.next(value), body),
        (error: unknown) => this.#step(() => body.throw(error), body),
      )
    else this.#wait(waited, (cancelled) => this.#step(() => body.next(cancelled), body))
  }
}
