/** A run as an iterable of its events: it begins with the first one asked for, and is cancelled when its taker leaves. */
import type { RunOptions } from '../request.ts'
import type { LiveEvent, RunEvent } from '../run-events.ts'
import type { RunResult } from '../result.ts'
import { EventQueue } from './event-queue.ts'

/** What a stream gives the run that it makes. */
export type StreamHooks = { onEvent: (event: LiveEvent) => void; signal: AbortSignal }

/** Starts a run. */
type StartRun<T> = (hooks: StreamHooks) => Promise<RunResult<T>>

/** A run's checked options, with the stream's signal beside the caller's. */
export function watchedBy<T>(options: RunOptions<T>, live: StreamHooks | undefined): RunOptions<T> {
  if (!live) return options
  return { ...options, signal: options.signal ? AbortSignal.any([options.signal, live.signal]) : live.signal }
}

type Ending<T> = { result: RunResult<T> } | { error: unknown }

export class RunStream<T> implements AsyncIterableIterator<RunEvent<T>> {
  readonly #start: StartRun<T>
  readonly #stop = new AbortController()
  readonly #queue = new EventQueue()
  readonly #decoders = new Map<string, TextDecoder>()
  #run: Promise<void> | undefined
  #ending: Ending<T> | undefined
  #over = false
  #turn: Promise<unknown> = Promise.resolve()
  #wake: (() => void) | undefined

  constructor(start: StartRun<T>) {
    this.#start = start
  }

  /** @throws what `run` throws */
  next(): Promise<IteratorResult<RunEvent<T>, undefined>> {
    const next = this.#turn.then(() => this.#next())
    this.#turn = next.catch(() => {})
    return next
  }

  /** Cancels the run; resolves when it has ended, and the sandbox is free. */
  async return(): Promise<IteratorResult<RunEvent<T>, undefined>> {
    this.#over = true
    this.#stop.abort()
    this.#wake?.()
    await this.#run
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async #next(): Promise<IteratorResult<RunEvent<T>, undefined>> {
    for (;;) {
      if (this.#over) return { done: true, value: undefined }
      this.#run ??= this.#begin()
      const event = this.#queue.take()
      if (event) return { done: false, value: this.#shown(event) }
      if (this.#ending) return this.#end(this.#ending)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #end(ending: Ending<T>): IteratorResult<RunEvent<T>, undefined> {
    this.#over = true
    if ('error' in ending) throw ending.error
    return { done: false, value: { type: 'result', result: ending.result } }
  }

  async #begin(): Promise<void> {
    const onEvent = (event: LiveEvent): void => {
      if (this.#over) return
      this.#queue.add(event)
      this.#wake?.()
    }
    try {
      this.#ending = { result: await this.#start({ onEvent, signal: this.#stop.signal }) }
    } catch (error) {
      this.#ending = { error }
    }
    this.#wake?.()
  }

  /** Console text is decoded here: a character may be cut where a long line was. */
  #shown(event: NonNullable<ReturnType<EventQueue['take']>>): RunEvent<T> {
    if (event.type !== 'console') return event
    const { level, bytes } = event
    const decoder = this.#decoders.get(level) ?? new TextDecoder('utf-8', { ignoreBOM: true })
    this.#decoders.set(level, decoder)
    return { type: 'console', level, text: decoder.decode(bytes, { stream: true }) }
  }
}
