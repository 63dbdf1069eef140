/** One run, as its worker sees it: what it asks of the embedding thread, and the answers. */
import { errno } from '../kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import type { InputPort } from '../kernel/input.ts'
import { decodeValue } from '../kernel/values.ts'
import type { Limits } from '../limits.ts'
import type { LiveEvent } from '../run-events.ts'
import { awaitMail, emptyMailbox, type Mail, makeMailbox } from '../sandbox/mailbox.ts'
import type { RunHooks } from '../sandbox/order.ts'
import type { FromWorker, MessageOf, ToWorker } from '../sandbox/protocol.ts'
import type { Blocking } from './blocking.ts'
import { EventBatch } from './event-batch.ts'
import { OutputBatch } from './output-batch.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Waiting<T> = { resolve(value: T): void; reject(error: Error): void }

/** Bytes that an answer may have beside the largest value: the encoding's, or those of an error. */
const MORE_BYTES = 8_192

/** What runs of a worker share. */
export type Post = (message: FromWorker) => void
export type CallNumbers = { last: number }

/** The error that the embedding thread encoded. */
function errorOf(payload: Uint8Array): GuestFacingError {
  const { code, message } = decodeValue(payload) as { code?: unknown; message?: unknown }
  return new GuestFacingError(String(code), String(message))
}

export class ServedRun {
  readonly number: number
  readonly #cell: Int32Array
  readonly #post: Post
  readonly #blocking: Blocking
  readonly #numbers: CallNumbers
  readonly #deadline: number
  readonly #most: number
  readonly #output: OutputBatch
  readonly #events: EventBatch
  readonly #stop = new AbortController()
  readonly #calls = new Map<number, Waiting<Bytes>>()
  #pulling: Waiting<Bytes | undefined> | undefined
  #mailbox: SharedArrayBuffer | undefined

  constructor(
    { run, cell, order }: MessageOf<ToWorker, 'run'>,
    limits: Readonly<Limits>,
    worker: { post: Post; blocking: Blocking; numbers: CallNumbers },
  ) {
    this.number = run
    this.#cell = new Int32Array(cell, 0, 1)
    this.#post = worker.post
    this.#blocking = worker.blocking
    this.#numbers = worker.numbers
    this.#deadline = performance.now() + (order.limits?.timeoutMs ?? limits.timeoutMs)
    this.#most = Math.max(limits.flatBytes, limits.structuredBytes) + MORE_BYTES
    this.#events = new EventBatch((events) => worker.post({ kind: 'events', run, events }))
    this.#output = new OutputBatch((stream, bytes) => worker.post({ kind: 'output', run, stream, bytes }))
  }

  /** What the sandbox is given beside the order. */
  hooks(output: boolean, events: boolean): RunHooks {
    return {
      signal: this.#stop.signal,
      isCancelled: () => {
        this.#output.tick()
        this.#events.tick()
        return Atomics.load(this.#cell, 0) !== 0
      },
      ...(events ? { onEvent: (event: LiveEvent) => this.#events.add(event) } : {}),
      ...(output ? { onOutput: (stream, bytes) => this.#output.add(stream, bytes) } : {}),
    }
  }

  /** Stdin that lies with the embedding thread. */
  readonly input: InputPort = { pull: () => this.#pull(), cancel: () => {} }

  cancel(): void {
    this.#stop.abort()
  }

  /** Calls a tool of the embedding thread. */
  call(tool: string, input: Uint8Array): MaybePromise<Uint8Array> {
    this.#flush()
    const { number: run } = this
    const call = ++this.#numbers.last
    const question = { kind: 'call' as const, run, call, tool, input: new Uint8Array(input) }
    const mail = this.#ask(question)
    if (mail) return answerOf(mail)
    this.#post(question)
    return new Promise((resolve, reject) => this.#calls.set(call, { resolve, reject }))
  }

  answered({ call, failed, payload }: MessageOf<ToWorker, 'answer'>): void {
    const waiting = this.#calls.get(call)
    this.#calls.delete(call)
    if (failed) waiting?.reject(errorOf(payload))
    else waiting?.resolve(payload)
  }

  arrived({ chunk, failed }: MessageOf<ToWorker, 'input'>): void {
    const waiting = this.#pulling
    this.#pulling = undefined
    if (failed) waiting?.reject(errno('EIO'))
    else waiting?.resolve(chunk)
  }

  /** Nothing is asked or told after this. */
  end(): void {
    this.#flush()
    this.#calls.clear()
    this.#pulling = undefined
  }

  #flush(): void {
    this.#events.flush()
    this.#output.flush()
  }

  #pull(): MaybePromise<Bytes | undefined> {
    this.#flush()
    const question = { kind: 'pull' as const, run: this.number }
    const mail = this.#ask(question)
    if (!mail) {
      this.#post(question)
      return new Promise((resolve, reject) => (this.#pulling = { resolve, reject }))
    }
    if (mail.state === 'done') return mail.payload
    if (mail.state === 'failed') throw errno('EIO')
    return undefined
  }

  /** Asks and waits, where the guest waits and the thread may. */
  #ask(question: MessageOf<FromWorker, 'call' | 'pull'>): Mail | undefined {
    if (!this.#blocking.active) return undefined
    const mailbox = (this.#mailbox ??= makeMailbox(this.#most))
    if (!mailbox) return undefined
    emptyMailbox(mailbox)
    this.#post({ ...question, mailbox })
    // A little beyond the deadline: then the leash, asked next, says so.
    const mail = this.#blocking.wait(() => awaitMail(mailbox, this.#deadline - performance.now() + 1))
    // An answer may still be written there.
    if (mail.state === 'late') this.#mailbox = undefined
    return mail
  }
}

function answerOf(mail: Mail): Bytes {
  if (mail.state === 'done') return mail.payload
  throw mail.state === 'failed' ? errorOf(mail.payload) : errno('ECANCELED')
}
