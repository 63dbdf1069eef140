/** A sandbox on this thread: one kernel, one gate, one guest. Runs wait their turn; forks are independent; dispose leaves nothing. */
import { withRoom } from '../room.ts'
import { closeMounts, type Drivers } from '../gate/drivers.ts'
import type { Gate } from '../gate/gate.ts'
import type { Command, ExecutionEngine, Exit, Instance, ProcessContext } from '../engine.ts'
import { codeOfUncaught, TokaError } from '../errors.ts'
import { Kernel, type KernelOptions } from '../kernel/kernel.ts'
import { readFile } from '../kernel/read-file.ts'
import { GuestFacingError } from '../kernel/host-port.ts'
import { encodeValue } from '../kernel/values.ts'
import { BORDER, type Limits, narrowed } from '../limits.ts'
import type { Image } from '../loader/image.ts'
import type { SandboxOptions } from '../request.ts'
import type { PendingCall, Tools } from '../tool.ts'
import { compileCollector, makeCollected } from './collect.ts'
import { RunLeash } from './leash.ts'
import { listenersOf } from './listeners.ts'
import type { RunHooks, RunOrder, RunOutcome } from './order.ts'
import { TurnQueue } from './queue.ts'
import { neverBegun, type RunFacts, RunReport } from './report.ts'
import { loadSnapshots } from './load-snapshots.ts'
import { Share, scheduler } from './scheduler.ts'
import type { WaitOptions } from './surface.ts'

/** What a sandbox is made of, from `compose.ts`. */
export type SandboxParts = {
  options: SandboxOptions
  limits: Readonly<Limits>
  engine: ExecutionEngine
  /** The start image of the language: what snapshots are told apart from. */
  base: Image
  /** What the guest starts from: the start image, or a state of an earlier guest. */
  image: Image
  gate: Gate
  /** Of this sandbox alone: closed with it. */
  drivers: Drivers
  /** Opens the sandbox's mounts anew, for a fork with its own toolbox. */
  openDrivers(toolbox: Tools, of?: Drivers): Promise<Drivers>
  toolbox: Tools
}

const ENDINGS = { javascript: 'js', typescript: 'ts', python: 'py', wasm: 'wasm' } as const
const text = new TextDecoder('utf-8', { fatal: true })

export class LocalSandbox {
  readonly #parts: SandboxParts
  readonly #queue = new TurnQueue(BORDER.turns)
  readonly #kernel: Kernel
  readonly #share: Share
  #instance: Instance
  #running: RunLeash | undefined
  /** Calls that the last run left without an answer. */
  #pending: PendingCall[] = []
  #closed = false
  #disposed: Promise<void> | undefined

  private constructor(parts: SandboxParts, kernel: Kernel, instance: Instance, share: Share) {
    this.#parts = parts
    this.#share = share
    this.#kernel = kernel
    this.#instance = instance
  }

  /**
   * Makes a sandbox; what it was given is closed again when that fails.
   * @param parts `state`: of the kernel, from a snapshot
   */
  static async create({ state, ...parts }: SandboxParts & { state?: Uint8Array }): Promise<LocalSandbox> {
    const options = { ...kernelOptions(parts), process: { env: { ...parts.options.env } } }
    const kernel = state ? Kernel.restore(state, options) : new Kernel(options)
    try {
      for (const [path, content] of Object.entries(parts.options.files ?? {})) kernel.files.put(path, content)
      return await LocalSandbox.#start(parts, kernel)
    } catch (error) {
      kernel.dispose()
      throw error
    }
  }

  static async #start(parts: SandboxParts, kernel: Kernel): Promise<LocalSandbox> {
    const share = new Share(parts.options.priority)
    const instance = await withRoom(() =>
      scheduler.work(share, () => parts.engine.fork(parts.image, contextOf(parts, kernel))),
    )
    return new LocalSandbox(parts, kernel, instance, share)
  }

  get language(): SandboxOptions['language'] {
    return this.#parts.options.language
  }

  /**
   * Runs an order in its turn.
   * @throws TokaError TOKA_REQUEST_INVALID for `collect`, TOKA_SANDBOX_CLOSED
   */
  async execute(order: RunOrder, hooks: RunHooks): Promise<RunOutcome> {
    const limits = narrowed(this.#parts.limits, order.limits)
    const collect = compileCollector(order.collect)
    this.#mustBeOpen()
    const turn = async (): Promise<RunOutcome> => {
      this.#mustBeOpen()
      hooks.onTurn?.()
      const leash = new RunLeash(limits, hooks, this.#share, this.#parts.engine.slice)
      this.#running = leash
      const report = new RunReport(this.#parts.gate, leash)
      try {
        await leash.turn()
        const exit = await this.#perform(order, hooks, leash)
        const outcome = report.finish(exit, this.#facts(), () => collect(this.#kernel.files))
        if (exit.lost && !this.#closed) await this.#renew()
        return outcome
      } finally {
        leash.done()
        this.#running = undefined
      }
    }
    return this.#queue.run(turn, { signal: hooks.signal, answer: () => neverBegun(this.#facts().engine) })
  }

  /**
   * @param own the fork's own tools, and its own eyes on the gate
   * @throws TokaError TOKA_SANDBOX_BUSY when asked not to wait, TOKA_CANCELLED, TOKA_SANDBOX_CLOSED
   */
  async fork(
    options: WaitOptions = {},
    { toolbox = this.#parts.toolbox.copy(), trace }: { toolbox?: Tools; trace?: SandboxOptions['onTrace'] } = {},
  ): Promise<LocalSandbox> {
    this.#mustBeOpen()
    return this.#queue.runAs('fork', options, async () => {
      this.#mustBeOpen()
      const drivers = await this.#parts.openDrivers(toolbox, this.#parts.drivers)
      let gate: Gate | undefined
      try {
        gate = await withRoom(() => this.#parts.gate.fork(drivers, trace && { trace }))
        const parts = { ...this.#parts, gate, drivers, toolbox, image: this.#instance.snapshot() }
        const twin = await LocalSandbox.#start(parts, this.#kernel.fork(kernelOptions(parts)))
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

  /**
   * The content of a snapshot, once the run in progress is over.
   * @throws TokaError TOKA_SANDBOX_BUSY when asked not to wait, TOKA_CANCELLED, TOKA_SANDBOX_CLOSED
   */
  async snapshot(options: WaitOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    this.#mustBeOpen()
    return this.#queue.runAs('snapshot', options, async () => {
      this.#mustBeOpen()
      const { base, options } = this.#parts
      const { writeSnapshot } = await loadSnapshots()
      const facts = { ...options, tainted: this.#parts.gate.tainted }
      return writeSnapshot(base, this.#instance.snapshot(), facts, this.#kernel.serialize())
    })
  }

  /** Kills what runs, and frees everything. Safe to call twice. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    this.#closed = true
    this.#running?.stop('cancelled')
    await this.#queue.idle()
    await scheduler.work(this.#share, () => this.#instance.dispose())
    this.#kernel.dispose()
    this.#parts.gate.dispose()
    await closeMounts(this.#parts.drivers.mounts)
  }

  async #perform(order: RunOrder, hooks: RunHooks, leash: RunLeash): Promise<Exit> {
    const { process, files } = this.#kernel
    const { gate, toolbox } = this.#parts
    process.begin({
      args: order.args ?? [],
      ...(order.stdin === undefined ? {} : { stdin: order.stdin }),
      ...(order.limits?.outputBytes === undefined ? {} : { outputBytes: order.limits.outputBytes }),
      ...listenersOf(hooks),
    })
    makeCollected(files, order.collect)
    files.markUnchanged()
    const { onEvent } = hooks
    toolbox.watch = onEvent
    gate.begin({}, onEvent && ((denial) => onEvent({ type: 'denial', denial })))
    try {
      const command = await this.#command(order, leash)
      return 'source' in command ? await this.#instance.run(command, leash) : command
    } finally {
      this.#pending = toolbox.takePending()
      toolbox.watch = undefined
      gate.end()
      process.end()
    }
  }

  #facts(): RunFacts {
    const { engine, image, options } = this.#parts
    return {
      metering: options.metering ?? 'fast',
      process: this.#kernel.process,
      pending: this.#pending,
      memoryBytes: this.#instance.memoryBytes(),
      engine: { name: engine.name, version: engine.version, image: image.name },
    }
  }

  /** The command, or the exit of a run whose file cannot be read. */
  async #command({ source: given, file, call, input }: RunOrder, leash: RunLeash): Promise<Command | Exit> {
    const { language } = this.#parts.options
    const filename = filenameOf(file, this.#parts.options)
    // The program is the sandbox's module: a file only names it.
    let source = given ?? (language === 'wasm' ? '' : undefined)
    try {
      if (source === undefined) {
        const reading = readFile(this.#kernel.process, filename, BORDER.sourceBytes)
        const bytes = reading instanceof Promise ? await leash.until(reading) : reading
        if (!bytes) return { exitCode: 1, ...(leash.stopped ? { stopped: leash.stopped } : {}), lost: false }
        source = text.decode(bytes)
      }
    } catch (error) {
      const known = error instanceof GuestFacingError ? error : undefined
      const message = known?.message ?? `${filename} is not UTF-8 text`
      return { exitCode: 1, error: { code: codeOfUncaught(known?.code), message }, lost: false }
    }
    if (call !== undefined)
      return { language, source, filename, program: false, call: { name: call, args: input ?? encodeValue([]) } }
    return { language, source, filename, program: file !== undefined, ...(input ? { input } : {}) }
  }

  /** After a kill: the guest is wiped, or replaced where it cannot be. */
  async #renew(): Promise<void> {
    if (this.#instance.reset()) return
    const { engine, image } = this.#parts
    this.#instance.dispose()
    this.#instance = await withRoom(() => engine.fork(image, contextOf(this.#parts, this.#kernel)))
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this sandbox was disposed')
  }
}

function contextOf({ limits, base, gate, toolbox }: SandboxParts, { process }: Kernel): ProcessContext {
  const { thread } = toolbox
  return { process, limits, base, count: gate.count, ...(thread ? { thread } : {}) }
}

/** Where the source is said to lie: the name in stacks, and what relative imports start from. */
function filenameOf(file: string | undefined, { language }: SandboxOptions): string {
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
