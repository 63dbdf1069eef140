/** One run, as its worker sees it: what it asks of the embedding thread, and the answers. */
import { errno } from '../kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../kernel/host-port.ts'
import type { InputPort } from '../kernel/input.ts'
import { decodeValue } from '../kernel/values.ts'
import type { Limits } from '../limits.ts'
import type { LiveEvent } from '../run-events.ts'
import type { Mail } from '../sandbox/mailbox.ts'
import type { RunHooks } from '../sandbox/order.ts'
import type { FromWorker, MessageOf, ToWorker } from '../sandbox/protocol.ts'
import { heard, isCancelled, makeCell, type RunCell } from '../sandbox/run-cell.ts'
import { EventBatch } from './event-batch.ts'
import { OpenQuestions } from './open-questions.ts'
import { OutputBatch } from './output-batch.ts'

type Bytes = Uint8Array<ArrayBuffer>
type Waiting<T> = { resolve(value: T): void; reject(error: Error): void }

/** Bytes that an answer may have beside the largest value: the encoding's, or those of an error. */
const MORE_BYTES = 8_192

/** Milliseconds of a wait before which nothing that is printed need be sent: as long as it may lie there anyway. */
const SHORT_MS = 10

/** What runs of a worker share. */
export type Post = (message: FromWorker) => void
export type CallNumbers = { last: number }
/** `suspends`: guests can be suspended, so the thread always comes back to its messages. */
export type RunWorker = { post: Post; numbers: CallNumbers; suspends: boolean }

/** The error that the embedding thread encoded. */
function errorOf(payload: Uint8Array): GuestFacingError {
  const { code, message } = decodeValue(payload) as { code?: unknown; message?: unknown }
  return new GuestFacingError(String(code), String(message))
}

export class ServedRun {
  readonly number: number
  readonly #cell: RunCell
  readonly #post: Post
  readonly #numbers: CallNumbers
  readonly #deadline: number
  readonly #output: OutputBatch
  readonly #events: EventBatch
  readonly #stop = new AbortController()
  readonly #calls = new Map<number, Waiting<Bytes>>()
  #pulling: Waiting<Bytes | undefined> | undefined
  readonly #questions: OpenQuestions | undefined

  constructor({ run, cell, order }: MessageOf<ToWorker, 'run'>, limits: Readonly<Limits>, worker: RunWorker) {
    this.number = run
    this.#cell = makeCell(cell)
    this.#post = worker.post
    this.#numbers = worker.numbers
    this.#deadline = performance.now() + (order.limits?.timeoutMs ?? limits.timeoutMs)
    const most = Math.max(limits.flatBytes, limits.structuredBytes) + MORE_BYTES
    this.#questions = worker.suspends ? undefined : new OpenQuestions(this.#cell, most)
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
        return isCancelled(this.#cell)
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
    if (this.#questions) return this.#ask(this.#questions, question).then(answerOf)
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

  /** Mail has come while the thread did something else than wait for it. */
  mailed(): void {
    heard(this.#cell)
    this.#questions?.tell()
  }

  /** The guest keeps the thread, and waits on it: see `WaitingThread`. */
  wait(milliseconds: number): void {
    if (milliseconds > SHORT_MS) this.#flush()
    // A little beyond the deadline: then the leash, asked next, says so.
    const left = Math.max(this.#deadline - performance.now(), 0) + 1
    if (milliseconds > 0) this.#questions?.wait(Math.min(milliseconds, left))
    else this.#questions?.tell()
  }

  /** Nothing is asked or told after this. */
  end(): void {
    this.#flush()
    this.#calls.clear()
    this.#questions?.end()
    this.#pulling = undefined
  }

  #flush(): void {
    this.#events.flush()
    this.#output.flush()
  }

  #pull(): MaybePromise<Bytes | undefined> {
    this.#flush()
    const question = { kind: 'pull' as const, run: this.number }
    if (this.#questions) return this.#ask(this.#questions, question).then(pieceOf)
    this.#post(question)
    return new Promise((resolve, reject) => (this.#pulling = { resolve, reject }))
  }

  #ask(questions: OpenQuestions, question: MessageOf<FromWorker, 'call' | 'pull'>): Promise<Mail> {
    return questions.ask((mailbox) => this.#post({ ...question, mailbox }))
  }
}

function pieceOf(mail: Mail): Bytes | undefined {
  if (mail.state === 'failed') throw errno('EIO')
  return mail.state === 'done' ? mail.payload : undefined
}

function answerOf(mail: Mail): Bytes {
  if (mail.state === 'done') return mail.payload
  throw mail.state === 'failed' ? errorOf(mail.payload) : errno('ECANCELED')
}
