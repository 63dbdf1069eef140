/** One process: its descriptors, directory, arguments and environment, and the one door of its guest to the kernel. */
import { DescriptorTable } from './descriptors.ts'
import { errno, reword } from './errno.ts'
import type { MaybePromise } from './host-port.ts'
import { type InputSource, InputStream } from './input.ts'
import { promiseAfter } from './later.ts'
import { OutputStream } from './output.ts'
import type { Services } from './services.ts'
import { type ConsoleLevel, Shown, type ShownListener } from './shown.ts'

/** Answers an operation for a process (calls.ts). */
export type Dispatch = (process: Process, operation: number, argument: Uint8Array) => MaybePromise<Uint8Array>

/** Calls that wait for an answer at once, timers included. */
const MOST_WAITING = 8_192

/** What a run brings. What is absent stays as it was; streams are always new. */
export type ProcessRun = {
  args?: readonly string[]
  env?: Readonly<Record<string, string>>
  /** Canonical absolute guest path. */
  cwd?: string
  stdin?: InputSource
  /** Bytes kept of each of stdout and stderr; default `limits.outputBytes`. */
  outputBytes?: number
  /** Gets each kept piece of output while the guest runs, with the level if the console wrote it; must not throw. */
  onOutput?: (stream: 'stdout' | 'stderr', bytes: Uint8Array, level: ConsoleLevel | undefined) => void
  /** Gets progress and values to display; must not throw. */
  onShown?: ShownListener
}

export class Process {
  readonly pid: number
  readonly services: Services
  readonly descriptors: DescriptorTable
  args: readonly string[] = []
  env: Readonly<Record<string, string>> = {}
  cwd = '/'
  stdout = new OutputStream(0)
  stderr = new OutputStream(0)
  shown = new Shown(0)
  readonly #dispatch: Dispatch
  /** Made when something asks for it: most runs end without. */
  #run: AbortController | undefined
  #over = true
  #stdin = new InputStream()
  /** Calls that wait for an answer; each is told when the run ends. */
  readonly #waiting = new Set<(reason: Error) => void>()
  #outside = 0
  #level: ConsoleLevel | undefined

  constructor(pid: number, services: Services, dispatch: Dispatch, run: ProcessRun = {}) {
    this.pid = pid
    this.services = services
    this.#dispatch = dispatch
    this.descriptors = new DescriptorTable(services.limits.descriptors)
    this.begin(run)
  }

  /** Aborted when the run ends. Each run has its own. */
  get signal(): AbortSignal {
    if (!this.#run) {
      this.#run = new AbortController()
      if (this.#over) this.#run.abort()
    }
    return this.#run.signal
  }

  /** Calls of this run that wait for an answer. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Starts a run: new streams at 0, 1 and 2; other descriptors stay. A run that is under way ends. */
  begin(run: ProcessRun = {}): void {
    this.end()
    this.#run = undefined
    this.#over = false
    const limit = run.outputBytes ?? this.services.limits.outputBytes
    const tell = run.onOutput
    this.args = run.args ?? this.args
    this.env = run.env ?? this.env
    this.cwd = run.cwd ?? this.cwd
    this.#stdin = new InputStream(run.stdin)
    this.stdout = new OutputStream(limit, tell && ((bytes) => tell('stdout', bytes, this.#level)))
    this.stderr = new OutputStream(limit, tell && ((bytes) => tell('stderr', bytes, this.#level)))
    this.shown = new Shown(limit, run.onShown)
    this.descriptors.set(0, this.#stdin)
    this.descriptors.set(1, this.stdout)
    this.descriptors.set(2, this.stderr)
  }

  /**
   * Ends the run: its signal is aborted, timers are cleared, calls that wait fail with ECANCELED, what arrives for
   * them later is dropped, stdin is let go. Output stays readable. Safe to call twice.
   */
  end(): void {
    this.#over = true
    this.#run?.abort()
    this.#stdin.close()
    if (this.#waiting.size === 0) return
    const reason = reword(errno('ECANCELED'), 'run') as Error
    for (const cancel of [...this.#waiting]) cancel(reason)
  }

  /** Ends the run and closes every descriptor. */
  dispose(): void {
    this.end()
    this.descriptors.closeFrom(0)
  }

  /**
   * One call of the guest: see operations.ts for arguments and answers. The argument may be a view of guest memory:
   * what is needed after this call returns is copied. The answer is the caller's own.
   * @throws GuestFacingError (or rejects with it): what the guest may see. Any other error is a fault of ours.
   */
  call(operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
    return this.perform(() => this.#dispatch(this, operation, argument))
  }

  /**
   * Does work of a call that is no operation, such as a system call of a libc. What waits fails with ECANCELED when the
   * run ends.
   */
  perform<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#over) throw errno('ECANCELED')
    if (this.#waiting.size >= MOST_WAITING) throw errno('EAGAIN')
    const answer = act()
    return answer instanceof Promise ? this.#await(answer) : answer
  }

  /**
   * Makes a call that leaves the sandbox, of which no more than `limits.concurrentCalls` are under way.
   * EAGAIN beyond them.
   */
  leave(act: () => MaybePromise<Uint8Array>): MaybePromise<Uint8Array> {
    if (this.#outside >= this.services.limits.concurrentCalls) throw errno('EAGAIN')
    const answer = act()
    if (!(answer instanceof Promise)) return answer
    this.#outside++
    return answer.finally(() => {
      this.#outside--
    })
  }

  /** Writes as the console: who listens to the output is told the level. */
  atLevel<T>(level: ConsoleLevel, write: () => T): T {
    this.#level = level
    try {
      return write()
    } finally {
      this.#level = undefined
    }
  }

  #await<T>(answer: Promise<T>): Promise<T> {
    return promiseAfter(answer, (resolve, reject) => {
      this.#waiting.add(cancel)
      const waiting = this.#waiting
      function cancel(reason: Error): void {
        waiting.delete(cancel)
        reject(reason)
      }
      answer.then(
        (bytes) => {
          if (waiting.delete(cancel)) resolve(bytes)
        },
        (error: unknown) => {
          if (waiting.delete(cancel)) reject(error as Error)
        },
      )
    })
  }
}
