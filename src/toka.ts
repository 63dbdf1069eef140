/** Where a program begins: makes sandboxes, on this thread or in workers, from images that are prepared once. */
import { openCache } from '#cache'
import { readAsset } from '#source'
import { composeSandbox } from './compose.ts'
import type { EngineIo, ExecutionEngine } from './engine.ts'
import { loadEngine } from './engines.ts'
import { TokaError } from './errors.ts'
import { createLedger, type Ledger } from './gate/ledger.ts'
import { openPolicy } from './gate/policy.ts'
import { DEFAULT_LIMITS, LANGUAGE_LIMITS, type Limits, MINIMUM_MEMORY } from './limits.ts'
import type { Image } from './loader/image.ts'
import { checkSandboxOptions, type Language, type RunRequest, type SandboxOptions, splitRequest } from './request.ts'
import type { RunResult } from './result.ts'
import type { Sandbox } from './sandbox/surface.ts'
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
    const toolbox = new Toolbox(options.tools ?? [])
    const { engine, image } = await this.#prepare(options.language)
    const policy = openPolicy(options.grants ?? [], this.#ledger)
    try {
      const sandbox = await composeSandbox({
        options,
        limits,
        engine,
        image,
        policy,
        ledger: this.#ledger,
        tools: toolbox,
        onDispose: (gone) => this.#sandboxes.delete(gone),
        onFork: (twin) => this.#sandboxes.add(twin),
      })
      this.#sandboxes.add(sandbox)
      this.#mustBeOpen()
      return sandbox
    } finally {
      // The sandbox's gate holds the account itself.
      this.#ledger.release(policy.account)
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
  const given = Object.fromEntries(Object.entries(limits ?? {}).filter(([, limit]) => limit !== undefined))
  const all: Limits = { ...DEFAULT_LIMITS, ...LANGUAGE_LIMITS[language], ...given }
  const least = MINIMUM_MEMORY[language] ?? 0
  if (all.memoryBytes >= least) return all
  throw new TokaError(
    'TOKA_REQUEST_INVALID',
    `limits.memoryBytes: ${language} needs at least ${least} bytes, not ${all.memoryBytes}`,
  )
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
