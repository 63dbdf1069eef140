/**
 * The queue of sources for the thread that transforms TypeScript. A hostile source is never done, and the transformer
 * cannot be interrupted: so each gets a little time first, and more only while nobody waits for a first try
 * (multi-level feedback; Corbató, Merwin-Daggett, Daley 1962).
 */
import { GuestFacingError } from '../kernel/host-port.ts'
import { isReply, type Reply, type Task } from './protocol.ts'
import type { StartTransformer, TransformerThread } from './transformer-thread.ts'

/** Milliseconds of the thread that a source gets, try by try: an honest one of the largest size takes one second. */
const BUDGETS_MS = [50, 300, 2_500]
/** A thread without work ends after so many milliseconds: the next source waits for a new one. */
const IDLE_MS = 10_000

type Job = Pick<Task, 'job' | 'source'> & {
  readonly isOver: () => boolean
  readonly resolve: (code: string) => void
  readonly reject: (error: Error) => void
  tries: number
}

export class Transformer {
  readonly #start: StartTransformer
  /** For each number of tries, in the order of arrival. */
  readonly #queues: Job[][] = BUDGETS_MS.map(() => [])
  #thread: TransformerThread | undefined
  #running: Job | undefined
  #jobs = 0
  #idle: ReturnType<typeof setTimeout> | undefined

  constructor(start: StartTransformer) {
    this.#start = start
  }

  /**
   * @param isOver whether nobody waits for it any more: asked before each try
   * @returns JavaScript, each statement on its line
   * @throws GuestFacingError `SyntaxError` when the source does not parse, is never done or ends the thread
   */
  transform(source: string, isOver: () => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#queues[0]?.push({ job: ++this.#jobs, source, isOver, resolve, reject, tries: 0 })
      this.#next()
    })
  }

  /** Ends the thread; a source that comes later has a new one. */
  async end(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    if (this.#running) this.#lost('nobody waits for it')
    else this.#thread = undefined
    await thread?.end()
  }

  #next(): void {
    if (this.#running) return
    const job = this.#queues.find((queue) => queue.length > 0)?.shift()
    if (!job) this.#rest()
    else if (job.isOver()) this.#give(job, tooLong())
    else this.#try(job)
  }

  #try(job: Job): void {
    clearTimeout(this.#idle)
    this.#running = job
    this.#thread ??= this.#begin()
    this.#thread.hold(true)
    this.#thread.post({ job: job.job, source: job.source, budgetMs: BUDGETS_MS[job.tries++] as number })
  }

  #begin(): TransformerThread {
    const thread = this.#start({
      message: (data) => {
        if (this.#thread !== thread) return
        const isMine = isReply(data) && data.job === this.#running?.job
        if (isMine) this.#answered(data)
        else this.#lost('it sent what it never sends')
      },
      ended: (reason) => {
        if (this.#thread === thread) this.#lost(reason)
      },
    })
    return thread
  }

  #answered(reply: Reply): void {
    const job = this.#running as Job
    this.#running = undefined
    if (reply.kind === 'done') this.#give(job, reply.code)
    else if (reply.kind === 'refused') this.#give(job, new GuestFacingError('SyntaxError', reply.message))
    else if (job.tries === BUDGETS_MS.length) this.#give(job, tooLong())
    else {
      this.#queues[job.tries]?.push(job)
      this.#next()
    }
  }

  /** The thread is gone or not to be trusted: its source is refused, the others get a new one. */
  #lost(reason: string): void {
    const job = this.#running
    this.#running = undefined
    void this.#thread?.end()
    this.#thread = undefined
    if (job) this.#give(job, new GuestFacingError('SyntaxError', `it cannot be transformed: ${reason}`))
  }

  #give(job: Job, outcome: string | Error): void {
    if (typeof outcome === 'string') job.resolve(outcome)
    else job.reject(outcome)
    this.#next()
  }

  #rest(): void {
    this.#thread?.hold(false)
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      void this.#thread?.end()
      this.#thread = undefined
    }, IDLE_MS)
    // In Node a program does not wait for it.
    if (typeof this.#idle === 'object') this.#idle.unref()
  }
}

function tooLong(): GuestFacingError {
  return new GuestFacingError('SyntaxError', 'it takes too long to transform')
}
