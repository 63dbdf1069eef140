/** What a user holds: one kernel, one gate, one guest. Runs wait their turn; forks are independent; dispose leaves nothing. */
import { closeMounts, type Drivers } from '../gate/drivers.ts'
import type { Gate } from '../gate/gate.ts'
import type { Command, ExecutionEngine, Exit, Instance } from '../engine.ts'
import { TokaError } from '../errors.ts'
import { Kernel, type KernelOptions } from '../kernel/kernel.ts'
import { readFile } from '../kernel/read-file.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { encodeValue, RUN_VALUE_LIMITS } from '../kernel/values.ts'
import { BORDER, type Limits, narrowed } from '../limits.ts'
import type { Image } from '../loader/image.ts'
import { checkRunOptions, type RunOptions, type SandboxOptions } from '../request.ts'
import type { RunResult } from '../result.ts'
import type { PendingCall, Toolbox } from '../tool.ts'
import { compileCollector, makeCollected } from './collect.ts'
import { RunLeash } from './leash.ts'
import { TurnQueue } from './queue.ts'
import { type RunFacts, RunReport } from './report.ts'

/** What a sandbox is made of, from `toka.ts`. */
export type SandboxParts = {
  options: SandboxOptions
  limits: Readonly<Limits>
  engine: ExecutionEngine
  image: Image
  gate: Gate
  /** Of this sandbox alone: closed with it. */
  drivers: Drivers
  /** Opens the sandbox's mounts anew, for a fork with its own toolbox. */
  openDrivers(toolbox: Toolbox): Promise<Drivers>
  toolbox: Toolbox
  /** Forgets a sandbox that is disposed. */
  onDispose(sandbox: Sandbox): void
  /** Knows a fork. */
  onFork(sandbox: Sandbox): void
}

/** Waiting or not, where something else is in progress. */
export type WaitOptions = {
  /** false: fail at once with TOKA_SANDBOX_BUSY instead of waiting. */
  wait?: boolean
}

const ENDINGS = { javascript: 'js', typescript: 'ts' } as const
const text = new TextDecoder('utf-8', { fatal: true })

export class Sandbox {
  readonly #parts: SandboxParts
  readonly #queue = new TurnQueue()
  readonly #kernel: Kernel
  #instance: Instance
  #running: RunLeash | undefined
  /** Calls that the last run left without an answer. */
  #pending: PendingCall[] = []
  #closed = false

  private constructor(parts: SandboxParts, kernel: Kernel, instance: Instance) {
    this.#parts = parts
    this.#kernel = kernel
    this.#instance = instance
  }

  /** Makes a sandbox; what it was given is closed again when that fails. */
  static async create(parts: SandboxParts): Promise<Sandbox> {
    const kernel = new Kernel({ ...kernelOptions(parts), process: { env: { ...parts.options.env } } })
    try {
      for (const [path, content] of Object.entries(parts.options.files ?? {})) kernel.files.put(path, content)
      return await Sandbox.#start(parts, kernel)
    } catch (error) {
      kernel.dispose()
      throw error
    }
  }

  static async #start(parts: SandboxParts, kernel: Kernel): Promise<Sandbox> {
    const context = { process: kernel.process, limits: parts.limits, count: parts.gate.count }
    return new Sandbox(parts, kernel, await parts.engine.fork(parts.image, context))
  }

  /**
   * Runs source in this sandbox. What it leaves in the global scope and in files stays for the next run, except after
   * a stop, an exit or a trap: then the next run starts from the sandbox's first image, with the files as they are.
   * @returns the result; a guest's failure is no exception
   * @throws TokaError TOKA_REQUEST_INVALID, TOKA_SANDBOX_CLOSED
   */
  async run<T = unknown>(options: RunOptions<T>): Promise<RunResult<T>> {
    checkRunOptions(options)
    const collect = compileCollector(options.collect)
    const input = 'input' in options ? encodeValue(options.input, RUN_VALUE_LIMITS) : undefined
    this.#mustBeOpen()
    return this.#queue.run(async () => {
      this.#mustBeOpen()
      const leash = new RunLeash(narrowed(this.#parts.limits, options.limits), options.signal)
      this.#running = leash
      const report = new RunReport(this.#parts.gate, leash)
      try {
        const exit = await this.#execute(options, input, leash)
        try {
          return report.finish(exit, options, this.#facts(), () => collect(this.#kernel.files)) as RunResult<T>
        } finally {
          // Also when the caller's own schema throws.
          if (exit.lost && !this.#closed) await this.#renew()
        }
      } finally {
        leash.done()
        this.#running = undefined
      }
    })
  }

  /**
   * A sandbox that starts from this one's state and is independent from here on. Both share grants, quotas and
   * revocations. Waits for the run in progress.
   * @throws TokaError TOKA_SANDBOX_BUSY when asked not to wait, TOKA_SANDBOX_CLOSED
   */
  async fork({ wait = true }: WaitOptions = {}): Promise<Sandbox> {
    this.#mustBeOpen()
    if (!wait && this.#queue.busy)
      throw new TokaError('TOKA_SANDBOX_BUSY', 'a run is in progress, and fork was asked not to wait')
    return this.#queue.run(async () => {
      this.#mustBeOpen()
      const toolbox = this.#parts.toolbox.copy()
      const drivers = await this.#parts.openDrivers(toolbox)
      let gate: Gate | undefined
      try {
        gate = this.#parts.gate.fork(drivers)
        const parts = { ...this.#parts, gate, drivers, toolbox, image: this.#instance.snapshot() }
        const twin = await Sandbox.#start(parts, this.#kernel.fork(kernelOptions(parts)))
        this.#parts.onFork(twin)
        if (this.#closed) await twin.dispose()
        this.#mustBeOpen()
        return twin
      } catch (error) {
        gate?.dispose()
        await closeMounts(drivers.mounts)
        throw error
      }
    })
  }

  /** Kills what runs, and frees everything. Safe to call twice. */
  async dispose(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#running?.stop('cancelled')
    await this.#queue.idle()
    this.#instance.dispose()
    this.#kernel.dispose()
    this.#parts.gate.dispose()
    await closeMounts(this.#parts.drivers.mounts)
    this.#parts.onDispose(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #execute(options: RunOptions, input: Uint8Array | undefined, leash: RunLeash): Promise<Exit> {
    const { process, files } = this.#kernel
    const { gate, toolbox } = this.#parts
    const onOutput = options.onOutput
    process.begin({
      args: options.args ?? [],
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      ...(options.limits?.outputBytes === undefined ? {} : { outputBytes: options.limits.outputBytes }),
      ...(onOutput ? { onOutput } : {}),
    })
    makeCollected(files, options.collect)
    files.markUnchanged()
    gate.begin()
    toolbox.begin()
    try {
      const command = await this.#command(options, input)
      return 'source' in command ? await this.#instance.run(command, leash) : command
    } finally {
      this.#pending = toolbox.pending
      gate.end()
      process.end()
    }
  }

  #facts(): RunFacts {
    const { engine, image } = this.#parts
    return {
      process: this.#kernel.process,
      pending: this.#pending,
      memoryBytes: this.#instance.memoryBytes(),
      engine: { name: engine.name, version: engine.version, image: image.name },
    }
  }

  /** The command, or the exit of a run whose file cannot be read. */
  async #command(options: RunOptions, input: Uint8Array | undefined): Promise<Command | Exit> {
    const { language } = this.#parts.options
    const filename = filenameOf(options, this.#parts.options)
    let source = options.source
    try {
      source ??= text.decode(await readFile(this.#kernel.process, filename, BORDER.sourceBytes))
    } catch (error) {
      const message = error instanceof GuestFacingError ? error.message : `${filename} is not UTF-8 text`
      return { exitCode: 1, error: { code: 'TOKA_GUEST_ERROR', message }, lost: false }
    }
    return { language, source, filename, ...(input ? { input } : {}) }
  }

  /** After a kill: the guest is wiped, or replaced where it cannot be. */
  async #renew(): Promise<void> {
    if (this.#instance.reset()) return
    const { engine, image, gate, limits } = this.#parts
    this.#instance.dispose()
    this.#instance = await engine.fork(image, { process: this.#kernel.process, limits, count: gate.count })
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this sandbox was disposed')
  }
}

/** Where the source is said to lie: the name in stacks, and what relative imports start from. */
function filenameOf({ file }: RunOptions, { language }: SandboxOptions): string {
  return file ?? `/tool/main.${ENDINGS[language]}`
}

function kernelOptions({
  options,
  limits,
  gate,
  toolbox,
}: SandboxParts): Omit<KernelOptions, 'files' | 'process' | 'resume'> {
  return {
    port: gate.port,
    limits,
    tools: toolbox.describe(),
    mounts: (options.mounts ?? []).map((mount) => mount.at),
    ...(options.deterministic ? { deterministic: options.deterministic } : {}),
  }
}
