/** The composition root: makes sandboxes, and is the only place that constructs host drivers. */
import { openCache } from '#cache'
import { openMount } from '#mounts'
import { readAsset } from '#source'
import type { EngineIo, ExecutionEngine } from './engine.ts'
import { loadEngine } from './engines.ts'
import { TokaError } from './errors.ts'
import type { Drivers, Mount } from './gate/drivers.ts'
import { createGate } from './gate/gate.ts'
import { createLedger, type Ledger } from './gate/ledger.ts'
import { hostEnvironment } from './host/environment.ts'
import { DEFAULT_LIMITS, LANGUAGE_LIMITS, type Limits, MINIMUM_MEMORY } from './limits.ts'
import type { Image } from './loader/image.ts'
import { checkSandboxOptions, type Language, type RunRequest, type SandboxOptions, splitRequest } from './request.ts'
import type { RunResult } from './result.ts'
import { Sandbox } from './sandbox/sandbox.ts'
import { Toolbox } from './tool.ts'

export type TokaOptions = {
  /** Where images are kept: a directory (Node) or the name of a cache (browsers). false keeps them in memory only. */
  cache?: string | false
  /** Aborts the preparation of images. */
  signal?: AbortSignal
  /** Told while an image is prepared. */
  onProgress?: (done: number, total: number, what: string) => void
}

type Prepared = { engine: ExecutionEngine; image: Image }

/** Makes sandboxes. One per program is enough: images are prepared once and shared. */
export class Toka {
  readonly #io: EngineIo
  readonly #ledger: Ledger
  readonly #images = new Map<Language, Promise<Prepared>>()
  readonly #sandboxes = new Set<Sandbox>()
  #closed = false

  constructor(io: EngineIo, ledger: Ledger) {
    this.#io = io
    this.#ledger = ledger
  }

  /**
   * Runs source in a sandbox of its own, which is gone afterwards.
   * @returns the result; a guest's failure is no exception
   * @throws TokaError when the request is wrong or cannot be served here
   * @example (await toka.run({ language: 'javascript', source: 'input.a + 1', input: { a: 1 } })).value // 2
   */
  async run<T = unknown>(request: RunRequest<T>): Promise<RunResult<T>> {
    const { sandbox: options, run } = splitRequest(request)
    const sandbox = await this.#open(options)
    try {
      return await sandbox.run(run)
    } finally {
      await sandbox.dispose()
    }
  }

  /**
   * Opens a sandbox that keeps its state between runs.
   * @throws TokaError when the options are wrong or cannot be served here
   */
  async open(options: SandboxOptions): Promise<Sandbox> {
    checkSandboxOptions(options)
    return this.#open(options)
  }

  /** Disposes every sandbox. Safe to call twice. */
  async dispose(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.dispose()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #open(options: SandboxOptions): Promise<Sandbox> {
    this.#mustBeOpen()
    const limits = limitsOf(options)
    const toolbox = new Toolbox(options.tools ?? [], limits)
    const { engine, image } = await this.#prepare(options.language)
    const openDrivers = (tools: Toolbox) => openAll(options, tools)
    const drivers = await openDrivers(toolbox)
    let gate: ReturnType<typeof createGate>
    try {
      gate = createGate({
        grants: options.grants ?? [],
        drivers,
        ledger: this.#ledger,
        limits,
        now: () => Date.now(),
        ...(options.onTrace ? { trace: options.onTrace } : {}),
      })
    } catch (error) {
      await closeMounts(drivers.mounts)
      throw error
    }
    try {
      const sandbox = await Sandbox.create({
        options,
        limits,
        engine,
        image,
        gate,
        openDrivers,
        toolbox,
        onDispose: (gone) => this.#sandboxes.delete(gone),
        onFork: (twin) => this.#sandboxes.add(twin),
      })
      this.#sandboxes.add(sandbox)
      this.#mustBeOpen()
      return sandbox
    } catch (error) {
      gate.dispose()
      throw error
    }
  }

  /** The start image of a language; one that failed is tried anew the next time. */
  #prepare(language: Language): Promise<Prepared> {
    const known = this.#images.get(language)
    if (known) return known
    const prepared = loadEngine(language).then(async (engine) => ({ engine, image: await engine.prepare(this.#io) }))
    this.#images.set(language, prepared)
    prepared.catch(() => this.#images.delete(language))
    return prepared
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this Toka was disposed')
  }
}

/** @throws TokaError TOKA_REQUEST_INVALID for a memory that the image alone would fill */
function limitsOf({ language, limits }: SandboxOptions): Limits {
  const all: Limits = { ...DEFAULT_LIMITS, ...LANGUAGE_LIMITS[language], ...limits }
  const least = MINIMUM_MEMORY[language] ?? 0
  if (all.memoryBytes >= least) return all
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    `limits.memoryBytes: ${language} needs at least ${least} bytes, not ${all.memoryBytes}`,
  )
}

async function openAll(options: SandboxOptions, toolbox: Toolbox): Promise<Drivers> {
  const mounts: Mount[] = []
  try {
    for (const { at, from, mode } of options.mounts ?? []) {
      mounts.push({ at: at.length > 1 ? at.replace(/\/+$/, '') : at, mode, driver: await openMount(from, at, mode) })
    }
  } catch (error) {
    await closeMounts(mounts)
    throw error
  }
  return { mounts, environment: hostEnvironment, callTool: (name, input, signal) => toolbox.call(name, input, signal) }
}

async function closeMounts(mounts: readonly Mount[]): Promise<void> {
  await Promise.all(mounts.map(({ driver }) => driver.close()))
}

/** Images live in memory alone. */
const NO_CACHE: EngineIo['cache'] = { get: async () => undefined, put: async () => {} }

/**
 * Makes a Toka. Nothing is loaded until the first sandbox.
 * @example
 * const toka = await createToka()
 * try { console.log((await toka.run({ language: 'javascript', source: '1 + 1' })).value) } finally { await toka.dispose() }
 */
export async function createToka(options: TokaOptions = {}): Promise<Toka> {
  const cache = options.cache === false ? NO_CACHE : openCache(options.cache)
  return new Toka(
    {
      asset: readAsset,
      cache,
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onProgress ? { progress: options.onProgress } : {}),
    },
    createLedger(),
  )
}
