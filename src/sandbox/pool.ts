/** Workers, started as they are needed: where a sandbox goes, what each worker is sent once, and what replaces a lost one. */
import { TokaError } from '../errors.ts'
import type { Ledger } from '../gate/ledger.ts'
import { openPolicy, type Policy } from '../gate/policy.ts'
import type { Limits } from '../limits.ts'
import type { Image } from '../loader/image.ts'
import { makeRoom } from '../room.ts'
import type { SandboxOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { Toolbox } from '../tool.ts'
import { CallerGuard } from './caller-guard.ts'
import { Family } from './family.ts'
import { shareImage } from './share-image.ts'
import type { SnapshotSeal } from './snapshot-seal.ts'
import type { Sandbox } from './surface.ts'
import type { StartThread } from './thread.ts'
import { WorkerHost, WorkerLost } from './worker-host.ts'
import { plainOptions, plainPolicy } from './plain-options.ts'
import { WorkerSandbox } from './worker-sandbox.ts'

/** How often a sandbox is opened anew when its worker is lost before it was there. */
const ATTEMPTS = 3

export type PoolOptions = {
  start: StartThread
  ledger: Ledger
  /** Workers at most. */
  size: number
  /** Whether guests may be suspended in workers. */
  suspension: boolean
}

export type PoolRequest = {
  options: SandboxOptions
  limits: Readonly<Limits>
  image: Image
  engine: RunResult['engine']
  toolbox: Toolbox
  seal: SnapshotSeal
  /** The content of a snapshot to go on from, made from the image. */
  snapshot?: Uint8Array<ArrayBuffer>
  /** What its gate decides by, held once; default: the options' grants. */
  policy?: Policy
  onDispose(sandbox: Sandbox): void
  onFork(sandbox: Sandbox): void
}

export class WorkerPool {
  readonly #options: PoolOptions
  readonly #hosts = new Set<WorkerHost>()
  /** The ends of all threads that still run something, those of workers that serve no more too. */
  readonly #ends = new Set<Promise<void>>()
  readonly #images = new Map<Image, number>()
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Starts a worker if there is none: it loads while an image is prepared. */
  wake(): void {
    if (this.#hosts.size === 0 && !this.#closed) this.#start()
  }

  /**
   * Opens a sandbox in a worker.
   * @throws TokaError what opening one here would throw; TOKA_RUNTIME_UNSUPPORTED when no worker can be started
   */
  async open(request: PoolRequest): Promise<Sandbox> {
    const { options, toolbox, limits, engine, seal, snapshot, onDispose, onFork } = request
    const { language } = options
    const family = new Family(
      request.policy ?? openPolicy(options.grants ?? [], this.#options.ledger),
      this.#options.ledger,
    )
    const guard = new CallerGuard(options.onTrace)
    try {
      return await this.#somewhere((host) => {
        const parts = { host, language, toolbox, limits, engine, family, seal, guard, onDispose, onFork }
        const image = this.#provide(host, request)
        const opening = {
          image,
          options: plainOptions(options),
          limits,
          tools: toolbox.describe(),
          policy: plainPolicy(family.policy),
          ...(snapshot ? { snapshot } : {}),
        }
        return WorkerSandbox.create(parts, (resident) => host.open(opening, resident))
      })
    } catch (error) {
      throw isUncloneable(error) ? notSent(error) : error
    } finally {
      family.leave()
    }
  }

  /** Ends all workers. Sandboxes should be disposed before: what runs is interrupted. */
  async dispose(): Promise<void> {
    this.#closed = true
    for (const host of [...this.#hosts]) host.end('this Toka was disposed')
    await Promise.all(this.#ends)
  }

  async #somewhere<T>(attempt: (host: WorkerHost) => Promise<T>): Promise<T> {
    for (let left = ATTEMPTS; ; left--) {
      const host = this.#pick()
      try {
        return await attempt(host)
      } catch (error) {
        if (isNoRoom(error) && left > 1) {
          await this.#makeRoom()
          continue
        }
        if (!(error instanceof WorkerLost)) throw error
        // What it held is free only then.
        await host.gone
        if (left > 1) continue
        const what = host.ready ? 'every worker that was asked ended' : 'a worker could not be started'
        throw new TokaError('TOKA_RUNTIME_UNSUPPORTED', `${what}: ${error.message}`)
      }
    }
  }

  /** A worker collects its own garbage alone: what the other threads do not need any more must go too. */
  async #makeRoom(): Promise<void> {
    for (const host of this.#hosts) host.makeRoom()
    makeRoom()
    await new Promise((resolve) => setTimeout(resolve, ROOM_MS))
  }

  /** An empty worker, a new one, or the one with the fewest sandboxes. */
  #pick(): WorkerHost {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this Toka was disposed')
    let best: WorkerHost | undefined
    for (const host of this.#hosts) if (!best || host.load < best.load) best = host
    if (!best || (best.load > 0 && this.#hosts.size < this.#options.size)) return this.#start()
    return best
  }

  #start(): WorkerHost {
    const { start, ledger, suspension } = this.#options
    let host: WorkerHost
    try {
      host = new WorkerHost(start, { ledger: ledger.memory, suspension }, (over) => this.#hosts.delete(over))
    } catch (cause) {
      // A page's policy may forbid workers, a process may have no room for one.
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new TokaError('TOKA_RUNTIME_UNSUPPORTED', `a worker could not be started: ${reason}`, { cause })
    }
    if (!host.over) this.#hosts.add(host)
    this.#ends.add(host.gone)
    void host.gone.then(() => this.#ends.delete(host.gone))
    return host
  }

  /** The number of an image that the worker has. */
  #provide(host: WorkerHost, { image }: PoolRequest): number {
    const number = this.#images.get(image) ?? this.#images.size + 1
    this.#images.set(image, number)
    if (!host.hasImage(number)) host.sendImage({ image: number, content: shareImage(image) })
    return number
  }
}

/** Milliseconds until other threads have let go of what they did not need. */
const ROOM_MS = 100

function isNoRoom(error: unknown): boolean {
  return error instanceof TokaError && error.code === 'TOKA_HOST_MEMORY'
}

function isUncloneable(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'DataCloneError'
}

/** Mounts' sources are the only part of a request that is not looked into before. */
function notSent(cause: unknown): TokaError {
  return new TokaError('TOKA_MOUNT_UNSUPPORTED', 'a mount has a source that cannot be handed to a worker', { cause })
}
