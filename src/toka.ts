/** Where a program begins: makes sandboxes, on this thread or in workers, from images that are prepared once. */
import { openCache } from '#cache'
import { readAsset } from '#source'
import { startThread } from '#worker'
import type { EngineIo, ExecutionEngine, GuestModule } from './engine.ts'
import { loadEngine } from './engines.ts'
import { TokaError } from './errors.ts'
import type { HeldToken, TokenAuthority } from './gate/authority.ts'
import { createLedger, type Ledger } from './gate/ledger.ts'
import { DEFAULT_LIMITS, LANGUAGE_LIMITS, type Limits, MINIMUM_MEMORY, overlaid } from './limits.ts'
import { tokaDisposed, tokaOpened, withRoom } from './room.ts'
import type { ArgumentSecret } from './network-options.ts'
import { sha256, toHex } from './loader/hash.ts'
import type { Image } from './loader/image.ts'
import { PreparedImages } from './prepared-images.ts'
import { canSuspend } from './loader/suspension.ts'
import { NETWORK_SERVICE } from './network-questions.ts'
import { networkService } from './network-service.ts'
import type { PackageImage } from './packages/package-image.ts'
import { checkSandboxOptions, type Language, type RunRequest, type SandboxOptions, splitRequest } from './request.ts'
import type { RunResult } from './result.ts'
import { chooseIsolation, defaultWorkers, type Isolation } from './sandbox/isolation.ts'
import { APPROVE, approvalService } from './sandbox/approvals.ts'
import { HeldSandbox, TokenUsers } from './sandbox/held-sandbox.ts'
import type { PoolOptions, PoolRequest, WorkerPool } from './sandbox/pool.ts'
import { checkRestore, type RestoreOptions } from './sandbox/restore-options.ts'
import { loadSnapshots } from './sandbox/load-snapshots.ts'
import { SnapshotSeal } from './sandbox/snapshot-seal.ts'
import { checkRuntime } from './runtime.ts'
import type { Sandbox } from './sandbox/surface.ts'
import { unlessAborted } from './sandbox/unless-aborted.ts'
import { type Services, Toolbox } from './tool.ts'

export type TokaOptions = {
  /** Where images are kept: a directory (Node) or the name of a cache (browsers). false keeps them in memory only. */
  cache?: string | false
  /**
   * Where sandboxes run that do not say: on the caller's thread (`inline`), or on one of a pool of worker threads
   * (`worker`). Default: `inline` where guests can be suspended (JSPI), `worker` where they cannot but threads can share
   * memory (Node 22).
   */
  isolation?: Isolation
  /** Worker threads at most, started as they are needed; default one a processor, at most 8. From 1 to 64. */
  workers?: number
  /**
   * 32 to 64 secret bytes that snapshots are sealed with: `restore` takes those that were made with the same key, in any
   * process. Without it, those of this process alone.
   */
  snapshotKey?: Uint8Array
  /** Packages that requests can name (`packages`): each image has some that were locked together (`toka image build`). */
  packageImages?: readonly PackageImage[]
  /** Vouches for tokens (`createSecurityManager` of `toka/security`): needed for sandboxes with a `token`. */
  security?: TokenAuthority
  /** Aborts the preparation of images. */
  signal?: AbortSignal
  /** Told while an image is prepared. */
  onProgress?: (done: number, total: number, what: string) => void
}

/** More threads than any machine that this library was tried on has processors. */
const MOST_WORKERS = 64

/** What a Toka keeps of its options. */
type OwnOptions = Pick<TokaOptions, 'isolation' | 'workers' | 'security' | 'packageImages'>

type Prepared = { engine: ExecutionEngine; image: Image }

/** Images of modules that are kept ready: each holds its compiled code. */
const KEPT_MODULES = 32

/** Makes sandboxes. One per program is enough: images are prepared once and shared. */
export class Toka {
  readonly #io: EngineIo
  readonly #options: OwnOptions
  readonly #ledger: Ledger
  readonly #seal: SnapshotSeal
  readonly #images = new PreparedImages<Prepared>()
  readonly #modules = new PreparedImages<Prepared>(KEPT_MODULES)
  readonly #sandboxes = new Set<Sandbox>()
  #pool: Promise<WorkerPool> | undefined
  /** Quotas on their way back to where they came from. */
  #leaving: Promise<unknown> = Promise.resolve()
  #closed = false
  #disposed: Promise<void> | undefined

  /** @internal */
  constructor(io: EngineIo, seal: SnapshotSeal, options: OwnOptions) {
    // Tokens are counted in one ledger, whichever Toka their sandboxes are of.
    this.#ledger = options.security?.ledger ?? createLedger()
    this.#io = io
    this.#seal = seal
    this.#options = options
    tokaOpened()
  }

  /**
   * Runs source in a sandbox of its own, which is gone afterwards. `signal` cancels it at any moment, also while the
   * image is prepared or the sandbox opened.
   * @returns the result; a guest's failure is no exception
   * @throws TokaError when the request is wrong or cannot be served here
   * @example (await toka.run({ language: 'javascript', source: 'input.a + 1', input: { a: 1 } })).value // 2
   */
  async run<T = unknown>(request: RunRequest<T>): Promise<RunResult<T>> {
    const { sandbox: options, run } = splitRequest(request)
    const sandbox = await this.#openUnlessAborted(options)
    if (!sandbox) return (await import('./open-inline.ts')).neverOpened()
    try {
      return await sandbox.run(run)
    } finally {
      await sandbox.dispose()
    }
  }

  /**
   * Opens a sandbox that keeps its state between runs.
   * @throws TokaError when the options are wrong or cannot be served here; TOKA_CANCELLED when `signal` is aborted first
   */
  async open(options: SandboxOptions): Promise<Sandbox> {
    checkSandboxOptions(options)
    return (await this.#openUnlessAborted(options)) ?? openingCancelled()
  }

  /**
   * Opens a sandbox that goes on from a snapshot. It has the powers that it is given here, and no other.
   * @param snapshot bytes of `sandbox.snapshot()`, of a Toka with the same `snapshotKey`
   * @throws TokaError when the options are wrong or cannot be served here; TOKA_SNAPSHOT_KEY, TOKA_SNAPSHOT_INVALID,
   *   TOKA_SNAPSHOT_TRUNCATED, TOKA_SNAPSHOT_VERSION, TOKA_SNAPSHOT_ENGINE or TOKA_SNAPSHOT_MACHINE; TOKA_LIMIT_FILES;
   *   TOKA_CANCELLED when `signal` is aborted first
   * @example const twin = await toka.restore(await sandbox.snapshot(), { grants })
   */
  async restore(snapshot: Uint8Array, options: RestoreOptions = {}): Promise<Sandbox> {
    checkRestore(snapshot, options)
    this.#mustBeOpen()
    const content = await this.#seal.open(snapshot)
    const { readFacts } = await loadSnapshots()
    const whole = { ...options, ...readFacts(content) }
    checkSandboxOptions(whole)
    return (await this.#openUnlessAborted(whole, content)) ?? openingCancelled()
  }

  /** Disposes every sandbox and ends the workers. Safe to call twice. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.dispose()))
    await (await this.#pool)?.dispose()
    await this.#leaving
    await tokaDisposed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** Undefined as soon as the signal is aborted: what was begun is given back when it is there. */
  async #openUnlessAborted(options: SandboxOptions, snapshot?: Uint8Array<ArrayBuffer>): Promise<Sandbox | undefined> {
    this.#mustBeOpen()
    return unlessAborted(
      options.signal,
      () => this.#open(options, snapshot),
      (late) => late.dispose(),
    )
  }

  async #open(options: SandboxOptions, snapshot?: Uint8Array<ArrayBuffer>): Promise<Sandbox> {
    this.#mustBeOpen()
    const limits = limitsOf(options)
    const toolbox = new Toolbox(options.tools ?? [], limits, servicesOf(options), argumentsOf(options))
    const pool = await this.#poolFor(options)
    pool?.wake()
    const { engine, image } = await this.#prepare(options, limits)
    const held = await this.#hold(options, pool !== undefined)
    const users = held && new TokenUsers(held)
    const parts: Parts = {
      options,
      limits,
      image,
      toolbox,
      seal: this.#seal,
      ...(snapshot ? { snapshot } : {}),
      ...(held ? { policy: held.policy } : {}),
      onDispose: (gone) => {
        if (this.#sandboxes.delete(gone) && users) this.#leaving = Promise.allSettled([this.#leaving, users.leave()])
      },
      onFork: (twin) => {
        this.#sandboxes.add(twin)
        users?.join()
      },
    }
    const facts = { name: engine.name, version: engine.version, image: image.name }
    let sandbox: Sandbox
    try {
      sandbox = await (pool ? pool.open({ ...parts, engine: facts }) : this.#openHere(parts, engine))
    } catch (error) {
      await users?.leave()
      throw error
    }
    this.#sandboxes.add(sandbox)
    if (this.#closed) await sandbox.dispose()
    this.#mustBeOpen()
    return held ? new HeldSandbox(sandbox, held) : sandbox
  }

  /** @throws TokaError TOKA_REQUEST_INVALID without a security manager, TOKA_TOKEN_INVALID */
  async #hold({ token, grants }: SandboxOptions, whole: boolean): Promise<HeldToken | undefined> {
    if (token === undefined) return undefined
    const { security } = this.#options
    if (!security)
      throw new TokaError('TOKA_REQUEST_INVALID', 'token: createToka must be given `security`, which vouches for it')
    return security.hold(token, { ...(grants ? { grants } : {}), whole })
  }

  async #openHere(parts: Parts, engine: ExecutionEngine): Promise<Sandbox> {
    inline ??= await import('./open-inline.ts')
    return inline.openInline(parts, engine, this.#ledger)
  }

  /** The pool, when a sandbox goes there. */
  async #poolFor({ isolation = this.#options.isolation }: SandboxOptions): Promise<WorkerPool | undefined> {
    const suspension = await canSuspend()
    const share = this.#ledger.shared
    if (chooseIsolation(isolation, { suspend: suspension, share }) === 'inline') return undefined
    const size = this.#options.workers ?? defaultWorkers()
    this.#pool ??= openPool({ start: startThread, ledger: this.#ledger, size, suspension })
    return this.#pool
  }

  /** The start image of a language, or of a module; one that failed is tried anew the next time. */
  async #prepare(options: SandboxOptions, limits: Limits): Promise<Prepared> {
    const { language, module, metering = 'fast', packages = [] } = options
    if (packages.length > 0) return this.#prepareWith(language, packages)
    if (!(module instanceof Uint8Array)) return this.#images.take(language, () => this.#build(language))
    // A copy: the caller's bytes may change while they are read.
    const bytes = new Uint8Array(module)
    const guest = { bytes, sha256: toHex(await sha256(bytes)), metering, memoryBytes: limits.memoryBytes }
    const key = `${guest.sha256} ${metering} ${limits.memoryBytes}`
    return this.#modules.take(key, () => this.#build(language, guest))
  }

  /** The start image of a language with the packages of the image that has all of them. */
  async #prepareWith(language: Language, packages: readonly string[]): Promise<Prepared> {
    const { chooseImage } = await import('./packages/choose-image.ts')
    const { name, files } = chooseImage(this.#options.packageImages ?? [], packages)
    return this.#images.take(`${language} ${name}`, async () => {
      const { engine, image } = await this.#images.take(language, () => this.#build(language))
      if (!engine.addPackages) throw new TokaError('TOKA_REQUEST_INVALID', `packages: ${language} has none`)
      return { engine, image: await engine.addPackages(image, files) }
    })
  }

  async #build(language: Language, guest?: GuestModule): Promise<Prepared> {
    const engine = await loadEngine(language, guest)
    return { engine, image: await withRoom(() => engine.prepare(this.#io, guest)) }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this Toka was disposed')
  }
}

/** A page whose sandboxes are in workers never loads what this thread's take. Kept: asking Node again costs 20 us each time. */
let inline: typeof import('./open-inline.ts') | undefined

/** Milliseconds that a person has to say yes. */
const APPROVAL_MS = 60_000

/** What gates ask of this thread. */
function servicesOf({
  onApproval,
  approvalTimeoutMs = APPROVAL_MS,
  network = {},
  secrets = [],
}: SandboxOptions): () => Services {
  const headers = secrets.filter((secret) => 'origin' in secret)
  return () =>
    new Map([
      [APPROVE, approvalService({ onApproval, timeoutMs: approvalTimeoutMs })],
      [NETWORK_SERVICE, networkService(network, headers)],
    ])
}

/** What is added to tools' arguments. */
function argumentsOf({ secrets = [] }: SandboxOptions): ArgumentSecret[] {
  return secrets.filter((secret) => 'tool' in secret)
}

function openingCancelled(): never {
  throw new TokaError('TOKA_CANCELLED', 'signal: aborted before the sandbox was open')
}

/** A page whose sandboxes are its own thread's loads no pool. */
async function openPool(options: PoolOptions): Promise<WorkerPool> {
  const { WorkerPool } = await import('./sandbox/pool.ts')
  return new WorkerPool(options)
}

/** What a sandbox is made of, wherever it goes. */
type Parts = Omit<PoolRequest, 'engine'>

/** @throws TokaError TOKA_REQUEST_INVALID for a memory that the image alone would fill */
function limitsOf({ language, limits }: SandboxOptions): Limits {
  const all: Limits = overlaid({ ...DEFAULT_LIMITS, ...LANGUAGE_LIMITS[language] }, limits)
  const least = MINIMUM_MEMORY[language] ?? 0
  if (all.memoryBytes >= least) return all
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    `limits.memoryBytes: ${language} needs at least ${least} bytes, not ${all.memoryBytes}`,
  )
}

const OPTIONS: ReadonlySet<string> = new Set<keyof TokaOptions>([
  'cache',
  'isolation',
  'workers',
  'snapshotKey',
  'security',
  'packageImages',
  'signal',
  'onProgress',
])

/** Images live in memory alone. */
const NO_CACHE: EngineIo['cache'] = { get: async () => undefined, put: async () => {} }

/**
 * Makes a Toka. Nothing is loaded until the first sandbox.
 * @throws TokaError TOKA_REQUEST_INVALID naming the option, TOKA_RUNTIME_UNSUPPORTED
 * @example
 * const toka = await createToka()
 * try { console.log((await toka.run({ language: 'javascript', source: '1 + 1' })).value) } finally { await toka.dispose() }
 */
export async function createToka(options: TokaOptions = {}): Promise<Toka> {
  checkRuntime()
  const unknown = Object.keys(options).filter((name) => !OPTIONS.has(name))
  if (unknown.length > 0)
    throw new TokaError(
      'TOKA_REQUEST_INVALID',
      `createToka has no option ${unknown.map((name) => JSON.stringify(name)).join(', ')}`,
    )
  const { isolation, workers } = options
  if (isolation !== undefined && isolation !== 'inline' && isolation !== 'worker')
    throw new TokaError('TOKA_REQUEST_INVALID', `isolation: must be 'inline' or 'worker'`)
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS))
    throw new TokaError('TOKA_REQUEST_INVALID', `workers: must be a whole number from 1 to ${MOST_WORKERS}`)
  const io: EngineIo = {
    asset: readAsset,
    cache: options.cache === false ? NO_CACHE : openCache(options.cache),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.onProgress ? { progress: options.onProgress } : {}),
  }
  return new Toka(io, new SnapshotSeal(options.snapshotKey), {
    ...(isolation ? { isolation } : {}),
    ...(workers ? { workers } : {}),
    ...(options.security ? { security: options.security } : {}),
    ...(options.packageImages ? { packageImages: [...options.packageImages] } : {}),
  })
}
