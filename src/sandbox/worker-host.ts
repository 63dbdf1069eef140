/** One worker, seen from the embedding thread: its sandboxes and runs, every message checked, and its end. */
import { TokaError, type TokaErrorCode } from '../errors.ts'
import type { TraceEvent } from '../request.ts'
import { type MessageOf, type FromWorker, readFromWorker, type ToWorker } from './protocol.ts'
import { TurnQueue } from './queue.ts'
import { RemoteRun, type RemoteRunParts } from './remote-run.ts'
import type { StartThread, WorkerThread } from './thread.ts'

/** Why what was asked of a worker has no answer: it is gone. Whoever asked says what that means. */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost'
}

type Answer = { resolve(): void; reject(error: Error): void }
type Bytes = Uint8Array<ArrayBuffer>
type Opening = Omit<MessageOf<ToWorker, 'open'>, 'kind' | 'sandbox' | 'trace'>
type Resident = { onTrace: ((event: TraceEvent) => void) | undefined; onLost(): void }
export type HostInit = Omit<MessageOf<ToWorker, 'init'>, 'kind'>

/** Milliseconds that a worker has to answer what is no run, while no run of its keeps it busy. */
const PATIENCE_MS = 10_000

export class WorkerHost {
  /** Runs no more, or never has. */
  over = false
  /** Whether it has ever answered. */
  ready = false
  /** Why it ended. */
  reason = ''
  /** Resolves when nothing of the thread runs any more. */
  readonly gone: Promise<void>
  readonly #thread: WorkerThread
  readonly #onOver: (host: WorkerHost) => void
  /** Without suspension one guest runs at a time: another one would wait for the thread with its clock running. */
  readonly #turns: TurnQueue | undefined
  readonly #images = new Set<number>()
  readonly #residents = new Map<number, Resident>()
  readonly #openings = new Map<number, Answer>()
  readonly #snapshots = new Map<number, { resolve(content: Bytes): void; reject(error: Error): void }>()
  readonly #disposals = new Map<number, () => void>()
  readonly #runs = new Map<number, RemoteRun>()
  #counter = 0
  #lastCall = 0
  #patience: ReturnType<typeof setTimeout> | undefined

  /** @param onOver told once, when the worker can serve no more */
  constructor(start: StartThread, init: HostInit, onOver: (host: WorkerHost) => void) {
    this.#onOver = onOver
    this.#turns = init.suspension ? undefined : new TurnQueue()
    let go = (): void => {}
    this.gone = new Promise((resolve) => (go = resolve))
    this.#thread = start({
      message: (data) => this.#receive(data),
      ended: (reason) => {
        this.#ended(reason)
        go()
      },
    })
    this.#thread.hold(false)
    this.#post({ kind: 'init', ...init })
  }

  /** Sandboxes that live here, or are about to. */
  get load(): number {
    return this.#residents.size
  }

  hasImage(image: number): boolean {
    return this.#images.has(image)
  }

  sendImage(message: Omit<MessageOf<ToWorker, 'image'>, 'kind'>): void {
    this.#images.add(message.image)
    this.#post({ kind: 'image', ...message })
  }

  /**
   * Opens a sandbox.
   * @returns its number
   * @throws TokaError of the worker, WorkerLost, DataCloneError
   */
  async open(opening: Opening, resident: Resident): Promise<number> {
    const sandbox = ++this.#counter
    const trace = resident.onTrace !== undefined
    await this.#settle(sandbox, resident, { kind: 'open', sandbox, trace, ...opening })
    return sandbox
  }

  /** @throws TokaError of the worker, WorkerLost */
  async fork(sandbox: number, resident: Resident): Promise<number> {
    const twin = ++this.#counter
    await this.#settle(twin, resident, { kind: 'fork', sandbox, twin })
    return twin
  }

  async #settle(sandbox: number, resident: Resident, message: ToWorker): Promise<void> {
    if (this.over) throw new WorkerLost(this.reason)
    this.#residents.set(sandbox, resident)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#openings.set(sandbox, { resolve, reject })
        this.#post(message)
        this.#hold()
      })
    } catch (error) {
      this.#residents.delete(sandbox)
      throw error
    } finally {
      this.#openings.delete(sandbox)
      this.#hold()
    }
  }

  /**
   * The content of a snapshot of a sandbox that does nothing else.
   * @throws TokaError of the worker, WorkerLost
   */
  async snapshot(sandbox: number): Promise<Bytes> {
    if (this.over) throw new WorkerLost(this.reason)
    try {
      return await new Promise<Bytes>((resolve, reject) => {
        this.#snapshots.set(sandbox, { resolve, reject })
        this.#post({ kind: 'snapshot', sandbox })
        this.#hold()
      })
    } finally {
      this.#snapshots.delete(sandbox)
      this.#hold()
    }
  }

  /** Frees a sandbox whose runs have ended. Resolves when it is gone, with its worker if need be. */
  async dispose(sandbox: number): Promise<void> {
    if (this.over) return
    await new Promise<void>((resolve) => {
      this.#disposals.set(sandbox, resolve)
      this.#post({ kind: 'dispose', sandbox })
      this.#hold()
    })
  }

  /** A run that is cancelled, or begins when its turn comes. */
  run(parts: Omit<RemoteRunParts, 'run' | 'post' | 'overdue'>): RemoteRun {
    const number = ++this.#counter
    const post = (message: ToWorker): void => this.#post(message)
    const run = new RemoteRun({ ...parts, run: number, post, overdue: () => this.end('it did not answer') })
    if (run.over || this.over) {
      run.lost()
      return run
    }
    this.#runs.set(number, run)
    const done = (): void => {
      this.#runs.delete(number)
      this.#hold()
    }
    run.outcome.then(done, done)
    this.#hold()
    if (this.#turns) void this.#turns.run(() => this.#take(run))
    else run.begin()
    return run
  }

  async #take(run: RemoteRun): Promise<void> {
    run.begin()
    await run.outcome.catch(() => {})
  }

  /** The program waits for a worker that has something to do, and the worker must answer in time. */
  #hold(): void {
    const asked = this.#openings.size + this.#snapshots.size + this.#disposals.size
    this.#thread.hold(asked + this.#runs.size > 0 && !this.over)
    if (asked === 0 || this.over) {
      clearTimeout(this.#patience)
      this.#patience = undefined
    } else this.#patience ??= setTimeout(() => this.#impatient(), PATIENCE_MS)
  }

  /** As with runs, twice: the answer may be here already. */
  #impatient(): void {
    const maps = [this.#openings, this.#snapshots, this.#disposals]
    const waiting = maps.flatMap((map) => [...map].map(([sandbox, answer]) => ({ map, sandbox, answer })))
    this.#patience = setTimeout(() => {
      this.#patience = undefined
      const stuck = waiting.some(({ map, sandbox, answer }) => map.get(sandbox) === answer)
      if (stuck && this.#runs.size === 0) this.end('it did not answer')
      else this.#hold()
    }, PATIENCE_MS / 10)
  }

  makeRoom(): void {
    if (this.ready) this.#post({ kind: 'room' })
  }

  /** Ends the worker wherever it is. Its runs are interrupted, its sandboxes closed. */
  end(reason: string): void {
    if (this.over) return
    this.#settleAll(reason)
    this.#thread.terminate()
  }

  #settleAll(reason: string): void {
    this.over = true
    this.reason = reason
    this.#onOver(this)
    for (const run of [...this.#runs.values()]) run.lost()
    for (const [sandbox, { reject }] of [...this.#openings]) {
      // It never was: whoever asked may ask elsewhere.
      this.#residents.delete(sandbox)
      reject(new WorkerLost(reason))
    }
    for (const { reject } of [...this.#snapshots.values()]) reject(new WorkerLost(reason))
    for (const resolve of [...this.#disposals.values()]) resolve()
    this.#disposals.clear()
    this.#hold()
  }

  /** The thread is gone: now nothing of it touches shared memory any more. */
  #ended(reason: string): void {
    if (!this.over) this.#settleAll(reason)
    for (const { onLost } of this.#residents.values()) onLost()
    this.#residents.clear()
  }

  #post(message: ToWorker): void {
    if (!this.over) this.#thread.post(message)
  }

  #receive(data: unknown): void {
    if (this.over) return
    const message = readFromWorker(data)
    if (!message || !this.#accept(message)) this.end('it broke the protocol')
  }

  /** @returns false when no worker of ours sends that now */
  #accept(message: FromWorker): boolean {
    if (!this.ready) {
      this.ready = message.kind === 'ready'
      return this.ready
    }
    if ('run' in message) return this.#acceptOfRun(message)
    switch (message.kind) {
      case 'ready':
        return false
      case 'opened':
      case 'refused':
        return this.#acceptOpening(message)
      case 'snapshotted':
        return this.#acceptSnapshot(message)
      case 'disposed':
        return this.#acceptDisposal(message.sandbox)
      case 'trace':
        return this.#acceptTrace(message)
    }
  }

  #acceptOpening(message: MessageOf<FromWorker, 'opened' | 'refused'>): boolean {
    const opening = this.#openings.get(message.sandbox)
    if (!opening) return this.#acceptSnapshot(message)
    this.#openings.delete(message.sandbox)
    if (message.kind === 'opened') opening.resolve()
    else opening.reject(new TokaError(message.code as TokaErrorCode, message.message))
    return true
  }

  #acceptSnapshot(message: MessageOf<FromWorker, 'opened' | 'refused' | 'snapshotted'>): boolean {
    const snapshot = this.#snapshots.get(message.sandbox)
    if (!snapshot || message.kind === 'opened') return false
    this.#snapshots.delete(message.sandbox)
    if (message.kind === 'snapshotted') snapshot.resolve(message.content)
    else snapshot.reject(new TokaError(message.code as TokaErrorCode, message.message))
    return true
  }

  #acceptDisposal(sandbox: number): boolean {
    const resolve = this.#disposals.get(sandbox)
    this.#disposals.delete(sandbox)
    this.#residents.delete(sandbox)
    this.#hold()
    resolve?.()
    return resolve !== undefined
  }

  #acceptTrace({ sandbox, event }: MessageOf<FromWorker, 'trace'>): boolean {
    const onTrace = this.#residents.get(sandbox)?.onTrace
    onTrace?.(event as TraceEvent)
    return onTrace !== undefined
  }

  #acceptOfRun(message: Extract<FromWorker, { run: number }>): boolean {
    const run = this.#runs.get(message.run)
    if (!run || run.over) return false
    if (message.kind === 'call') {
      // Numbers of calls rise: none is used twice.
      if (message.call <= this.#lastCall) return false
      this.#lastCall = message.call
    }
    return run.receive(message)
  }
}
