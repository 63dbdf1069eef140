/** A QuickJS guest in the hands of one sandbox: one command at a time in, an exit out; reset and snapshotted between commands. */
import {
  type Command,
  type Exit,
  type Instance,
  type Leash,
  type ProcessContext,
  type StopReason,
  Verdict,
} from '../../src/engine.ts'
import { callMade, type OnThread, paused, settledOnThread, sliceSpent } from '../../src/leashed.ts'
import { TokaError } from '../../src/errors.ts'
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { nappingThread } from '../../src/kernel/waiting-thread.ts'
import { Operation } from '../../src/kernel/operations.ts'
import { chain } from '../../src/kernel/steps.ts'
import type { Image } from '../../src/loader/image.ts'
import type { Guest } from './guest.ts'
import type { Wiring, WiringHost } from './wiring.ts'
import { loadModule, readSpecifier, resolveModule } from './modules.ts'
import { EngineOperation } from './operations.ts'
import { Outcome } from './outcome.ts'
import { toJavaScript } from './typescript.ts'

/** A command holds a source and an input whole. */
const COMMAND_LIMITS = { structuredBytes: 2 ** 26, nodes: 16, depth: 2 }

/** How `enter` and `turn` of the bridge end. */
const Turn = { done: 0, idle: 1, more: 2 } as const

const EMPTY = new Uint8Array(0)
const utf8 = new TextEncoder()
const text = new TextDecoder()

/**
 * A source that may be a module, wherever the words are: only then is it worth parsing twice. The guest's own parser
 * decides. `import(` is in scripts too.
 */
const MODULE_SYNTAX = /\b(?:export|import)\b(?!\s*\()/
const MODULE_ENDING = /\.m[jt]s$/

function kindOf(filename: string, source: string): 'script' | 'module' | 'auto' {
  if (MODULE_ENDING.test(filename)) return 'module'
  return MODULE_SYNTAX.test(source) ? 'auto' : 'script'
}

export class QuickJsInstance implements Instance {
  readonly #guest: Guest
  readonly #wiring: Wiring
  readonly #image: Image
  readonly #parts: readonly Uint8Array[]
  readonly #context: ProcessContext
  readonly #retire: (guest: Guest) => void
  #command: Uint8Array = EMPTY
  #outcome = new Outcome()
  #leash: Leash | undefined
  /** The state now, once it was asked for and until the next run. */
  #snapshot: Image | undefined
  #disposed = false

  /**
   * Takes a guest that is loaded with the image.
   * @param parts bytecode of the prelude's parts
   * @param retire takes the guest back, when nothing of it is under way
   */
  constructor(
    guest: Guest,
    image: Image,
    parts: readonly Uint8Array[],
    context: ProcessContext,
    retire: (guest: Guest) => void,
  ) {
    this.#guest = guest
    this.#wiring = guest.wiring
    this.#image = image
    this.#snapshot = image
    this.#parts = parts
    this.#context = context
    this.#retire = retire
    this.#wiring.bind(this.#hostOf(context), context.count)
    this.#start()
  }

  async run(command: Command, leash: Leash): Promise<Exit> {
    this.#mustBeMine()
    const outcome = new Outcome()
    this.#outcome = outcome
    // Held from here on: who is disposed meanwhile is not given back.
    this.#leash = leash
    try {
      const prepared = prepareCommand(command, this.#translation(leash))
      this.#command = (prepared instanceof Promise ? await leash.until(prepared) : prepared) ?? EMPTY
    } catch (error) {
      this.#leash = undefined
      return leash.stopped
        ? { exitCode: 1, stopped: leash.stopped, lost: false }
        : refusedSource(error, command.filename)
    }
    this.#snapshot = undefined
    this.#wiring.fuel.arm(leash.slice)
    let trap: unknown
    try {
      await this.#drive(leash)
    } catch (error) {
      trap = error ?? new Error('unknown')
    }
    leash.leave()
    leash.spent(this.#wiring.fuel.burned())
    const stopped = this.#reasonOf(leash, outcome, trap)
    this.#wiring.calls.close()
    this.#leash = undefined
    this.#wiring.fuel.armForHost()
    return outcome.toExit(stopped, trap)
  }

  snapshot(): Image {
    this.#mustBeMine()
    this.#snapshot ??= { ...this.#image, state: this.#guest.capture() }
    return this.#snapshot
  }

  reset(): boolean {
    this.#mustBeMine()
    if (!this.#guest.load(this.#image)) return false
    this.#snapshot = this.#image
    this.#start()
    return true
  }

  memoryBytes(): number {
    return this.#guest.memoryBytes
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#wiring.unbind()
    if (!this.#leash) this.#retire(this.#guest)
  }

  /** The guest is another's after `dispose`. */
  #mustBeMine(): void {
    if (this.#disposed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this guest was given back')
  }

  #start(): void {
    this.#guest.start(this.#context.process.services.random.fill(16), this.#context.limits.memoryBytes)
  }

  #hostOf({ process, limits }: ProcessContext): WiringHost {
    const { clock, random } = process.services
    return {
      dispatch: (operation, argument) => this.#dispatch(operation, argument),
      callout: () => this.#callout(),
      pause: () => paused(this.#leash, this.#wiring),
      stopped: () => this.#leash?.stopped !== undefined,
      waits: () => this.#waits(),
      resumes: () => this.#leash?.enter(),
      fault: (error) => this.#fault(error),
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      random: (length) => random.fill(length),
      settle: (answer) => settledOnThread(this.#onThread, answer),
      mostHeld: () => limits.memoryBytes,
    }
  }

  /** Enters the guest and goes on until nothing is under way. */
  async #drive(leash: Leash): Promise<void> {
    await leash.enter()
    if (leash.stopped) return
    let turn = await this.#wiring.enter()
    while (turn !== Turn.done && !leash.stopped) {
      if (turn === Turn.idle) {
        this.#waits()
        await this.#wiring.calls.arrival()
        await leash.enter()
      } else if (leash.spent(0) === Verdict.suspend) await leash.pause()
      if (!leash.stopped) turn = await this.#wiring.turn()
    }
  }

  /** Why the run was stopped. One that had its say and left nothing under way before its leash was pulled has ended by itself. */
  #reasonOf(leash: Leash, outcome: Outcome, trap: unknown): StopReason | undefined {
    if (this.#wiring.death > 0) return 'calls'
    if (!leash.stopped) return undefined
    return outcome.spoken && trap === undefined && this.#wiring.calls.underWay.size === 0 ? undefined : leash.stopped
  }

  #dispatch(operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
    try {
      return this.#answer(operation, argument)
    } finally {
      if (!this.#outcome.spoken) callMade(this.#leash, this.#wiring, this.#wiring.calls.maySuspend)
    }
  }

  #answer(operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
    if (operation < Operation.EngineFirst) return this.#context.process.call(operation, argument)
    switch (operation) {
      case EngineOperation.Command:
        return this.#command
      case EngineOperation.Part:
        return this.#part(argument)
      case EngineOperation.Finish:
        this.#outcome.value ??= argument
        return EMPTY
      case EngineOperation.Fail:
        if (!this.#outcome.value) this.#outcome.failure ??= argument
        return EMPTY
      case EngineOperation.Exit:
        this.#outcome.exitCode = argument[0] ?? 0
        this.#wiring.kill()
        return EMPTY
      case EngineOperation.Fault:
        this.#outcome.fault ??= text.decode(argument)
        return EMPTY
      case EngineOperation.ModuleResolve:
        return this.#resolveModule(argument)
      case EngineOperation.ModuleLoad:
        return loadModule(this.#context.process, text.decode(argument), this.#translation(this.#leash))
      default:
        throw new GuestFacingError('ENOSYS', `no host call has number ${operation}`)
    }
  }

  /** Work of the host that burns no fuel asks whether it is still wanted. */
  #translation(leash: Leash | undefined): Parameters<typeof toJavaScript>[2] {
    const isOver = () => this.#leash !== leash || leash?.spent(0) === Verdict.kill
    return { waits: this.#wiring.calls.maySuspend, isOver }
  }

  /** @throws GuestFacingError for a number that no part has: the prelude asks for none such */
  #part(argument: Uint8Array): Uint8Array {
    const part =
      argument.length === 4
        ? this.#parts[new DataView(argument.buffer, argument.byteOffset).getUint32(0, true)]
        : undefined
    if (!part) throw new GuestFacingError('EINVAL', 'no part of the prelude has this number')
    return part
  }

  #resolveModule(argument: Uint8Array): MaybePromise<Uint8Array> {
    const path = resolveModule(this.#context.process, ...readSpecifier(argument))
    return path instanceof Promise ? path.then((found) => utf8.encode(found)) : utf8.encode(path)
  }

  /** The fuel is spent. @returns a Verdict */
  #callout(): number {
    const leash = this.#leash
    if (!leash) return Verdict.extend
    return sliceSpent(leash, this.#wiring, this.#wiring.calls.maySuspend)
  }

  get #onThread(): OnThread {
    return { leash: this.#leash, guest: this.#wiring, thread: this.#context.thread ?? nappingThread }
  }

  /** The guest is going to wait for the host. */
  #waits(): void {
    this.#leash?.leave()
    this.#leash?.watch(() => this.#wiring.calls.wake())
  }

  #fault(error: unknown): void {
    this.#outcome.internal ??= error
    this.#wiring.kill()
  }
}

function prepareCommand(command: Command, run: Parameters<typeof toJavaScript>[2]): MaybePromise<Uint8Array> {
  const typescript = command.language === 'typescript' || /\.m?ts$/.test(command.filename)
  const source = typescript ? toJavaScript(command.source, command.filename, run) : command.source
  return chain(source, (code) => encodeCommand(command, code))
}

function encodeCommand(command: Command, source: string): Uint8Array {
  return encodeValue(
    {
      source,
      filename: command.filename,
      kind: kindOf(command.filename, source),
      ...(command.input ? { input: command.input } : {}),
    },
    COMMAND_LIMITS,
  )
}

function refusedSource(error: unknown, filename: string): Exit {
  if (!(error instanceof GuestFacingError)) throw error
  const code = error.code === 'SyntaxError' ? 'TOKA_GUEST_SYNTAX' : 'TOKA_VALUE_SIZE'
  const place = /\((\d+:\d+)\)/.exec(error.message)?.[1]
  const guestStack = place ? { guestStack: `    at ${filename}:${place}` } : {}
  return { exitCode: 1, error: { code, message: error.message, ...guestStack }, lost: false }
}
