/** One run in a worker, seen from the embedding thread: what it may ask for, its end, and who watches that it ends. */
import type { StopReason } from '../engine.ts'
import { TokaError, type TokaErrorCode } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { RunResult } from '../result.ts'
import type { Toolbox } from '../tool.ts'
import { InputFeed } from './input-feed.ts'
import { RemoteEvents } from './remote-events.ts'
import type { GuestEvent } from '../run-events.ts'
import type { RunHooks, RunOrder, RunOutcome } from './order.ts'
import type { FromWorker, MessageOf, ToWorker } from './protocol.ts'
import { stoppedOutcome } from './report.ts'
import { announce, beginCell, cancelCell, type RunCell } from './run-cell.ts'
import { ToolCalls } from './tool-calls.ts'

/**
 * Milliseconds that a worker has, after a deadline or a cancellation, to tell how the run ended. It has the same again
 * once this thread, which may have been busy itself, has noticed.
 */
const GRACE_MS = 1_000
const LONGEST_TIMER = 2 ** 31 - 1

export type RemoteRunParts = {
  run: number
  sandbox: number
  order: RunOrder
  hooks: RunHooks
  toolbox: Toolbox
  limits: Readonly<Limits>
  engine: RunResult['engine']
  /** Of the sandbox, whose runs follow one another. */
  cell: RunCell
  post(message: ToWorker): void
  /** The worker does not answer: it must be ended. */
  overdue(): void
}

export class RemoteRun {
  readonly number: number
  /** Rejects only when the run could not be made. */
  readonly outcome: Promise<RunOutcome>
  readonly #parts: RemoteRunParts
  readonly #calls: ToolCalls
  readonly #input: InputFeed
  readonly #events: RemoteEvents
  readonly #cancel = (): void => this.cancel()
  #resolve!: (outcome: RunOutcome) => void
  #reject!: (error: TokaError) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #started: number | undefined
  #over = false
  /** What this thread knows of the run's end. */
  #stop: StopReason | undefined

  constructor(parts: RemoteRunParts) {
    this.#parts = parts
    this.number = parts.run
    const { stdin } = parts.order
    const { run, cell, post } = parts
    const mailed = (): void => announce(cell, () => post({ kind: 'mail', run }))
    this.#calls = new ToolCalls(parts.toolbox, parts.limits, { post, mailed })
    this.#input = new InputFeed(run, stdin instanceof ReadableStream ? stdin : undefined, { post, mailed })
    const { outputBytes = parts.limits.outputBytes } = parts.order.limits ?? {}
    this.#events = new RemoteEvents(parts.hooks.onEvent, outputBytes)
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = parts.hooks
    if (signal?.aborted) this.cancel()
    else signal?.addEventListener('abort', this.#cancel, { once: true })
  }

  get over(): boolean {
    return this.#over
  }

  /** Sends the run on its way, unless it was cancelled before. */
  begin(): void {
    if (this.#over) return
    const { run, sandbox, order, hooks, limits, toolbox, cell, post } = this.#parts
    const { stdin, ...rest } = order
    this.#started = performance.now()
    beginCell(cell)
    toolbox.watch = hooks.onEvent
    post({
      kind: 'run',
      sandbox,
      run,
      cell: cell.buffer,
      order: plainOrder(rest, stdin),
      output: hooks.onOutput !== undefined,
      events: hooks.onEvent !== undefined,
      streams: stdin instanceof ReadableStream,
    })
    this.#watch('time', (order.limits?.timeoutMs ?? limits.timeoutMs) + GRACE_MS)
  }

  /** Ends the run; before it began, without asking the worker. */
  cancel(): void {
    if (this.#over || this.#stop === 'cancelled') return
    if (this.#started === undefined) {
      this.#stop = 'cancelled'
      return this.lost()
    }
    this.#demand()
    this.#watch('cancelled', GRACE_MS)
  }

  /** What the worker sends of this run. @returns false when no worker of ours sends that */
  receive(message: Extract<FromWorker, { run: number }>): boolean {
    switch (message.kind) {
      case 'call':
        return this.#calls.make(message)
      case 'pull':
        return this.#input.pull(message)
      case 'events':
        return this.#events.accept(message.events as GuestEvent[])
      case 'output':
        this.#parts.hooks.onOutput?.(message.stream, message.bytes)
        return true
      case 'result':
        this.#finish(message.outcome)
        return true
      case 'failed':
        this.#close()
        this.#reject(new TokaError(message.code as TokaErrorCode, message.message))
        return true
    }
  }

  /** The worker is gone, or was never asked. */
  lost(): void {
    if (this.#over) return
    const pending = this.#close()
    const wallMs = this.#started === undefined ? 0 : performance.now() - this.#started
    this.#resolve(stoppedOutcome(this.#stop ?? 'interrupted', { wallMs, pending, engine: this.#parts.engine }))
  }

  /** Tells the worker in both ways: the cell is read by a guest that computes and wakes a thread that waits, the message is for all else. */
  #demand(): void {
    cancelCell(this.#parts.cell)
    this.#parts.post({ kind: 'cancel', run: this.number })
    this.#calls.stop()
  }

  /** Twice: a timer that fires late, because this thread was busy, must not end a worker whose answer is already here. */
  #watch(reason: StopReason, milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => {
        this.#demand()
        this.#timer = setTimeout(() => {
          this.#stop ??= reason
          this.#parts.overdue()
        }, GRACE_MS)
      },
      Math.min(milliseconds, LONGEST_TIMER),
    )
  }

  #finish(outcome: MessageOf<FromWorker, 'result'>['outcome']): void {
    const pending = this.#close()
    this.#resolve({ ...outcome, pending, engine: this.#parts.engine } as RunOutcome)
  }

  #close(): RunOutcome['pending'] {
    this.#over = true
    this.#parts.toolbox.watch = undefined
    clearTimeout(this.#timer)
    this.#parts.hooks.signal?.removeEventListener('abort', this.#cancel)
    this.#input.end()
    return this.#calls.end()
  }
}

/** Bytes of their own: a view would bring all of its memory along. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

function plainOrder(
  { input, ...order }: Omit<RunOrder, 'stdin'>,
  stdin: RunOrder['stdin'],
): MessageOf<ToWorker, 'run'>['order'] {
  return {
    ...order,
    ...(input ? { input: own(input) } : {}),
    ...(typeof stdin === 'string' ? { stdin } : stdin instanceof Uint8Array ? { stdin: own(stdin) } : {}),
  }
}
