/** A live QuickJS guest: one command at a time in, an exit out; forked, reset and snapshotted between commands. */
import {
  type Command,
  type Exit,
  type Instance,
  type Leash,
  type ProcessContext,
  type StopReason,
  Verdict,
} from '../../src/engine.ts'
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { Operation } from '../../src/kernel/operations.ts'
import type { Image } from '../../src/loader/image.ts'
import { type BoundState, bindState } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { type GuestModules, Wiring } from './wiring.ts'
import { loadModule, readSpecifier, resolveModule } from './modules.ts'
import { EngineOperation } from './operations.ts'
import { Outcome } from './outcome.ts'
import { toJavaScript } from './typescript.ts'

/** A command holds a source and an input whole. */
const COMMAND_LIMITS = { structuredBytes: 2 ** 26, nodes: 16, depth: 2 }

/** Of the linear memory, in bytes: the interpreter's stack and data lie beside the heap. */
const BESIDE_HEAP = 2 * 2 ** 20

/**
 * The heap's limit that keeps the whole linear memory within `memoryBytes`: the allocator loses up to an eighth to
 * fragments (measured with growing strings and arrays, test/limits).
 */
function heapLimit(memoryBytes: number): number {
  return Math.floor((memoryBytes - BESIDE_HEAP) * 0.875)
}

/** Memory beyond this is dearer to zero than a fork: about 0.1 ms a MiB. */
const RESET_BUDGET = 8 * 2 ** 20

/** How `enter` and `turn` of the bridge end. */
const Turn = { done: 0, idle: 1, more: 2 } as const

const EMPTY = new Uint8Array(0)
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** A source that may be a module: only then is it worth parsing twice. */
const MODULE_SYNTAX = /^\s*(?:import|export)\b/m
const MODULE_ENDING = /\.m[jt]s$/

function kindOf(filename: string, source: string): 'script' | 'module' | 'auto' {
  if (MODULE_ENDING.test(filename)) return 'module'
  return MODULE_SYNTAX.test(source) ? 'auto' : 'script'
}

export class QuickJsInstance implements Instance {
  readonly #wiring: Wiring
  readonly #state: BoundState
  readonly #image: Image
  readonly #parts: readonly Uint8Array[]
  readonly #context: ProcessContext
  #command: Uint8Array = EMPTY
  #outcome = new Outcome()
  #leash: Leash | undefined

  /** Forks a guest from its image. */
  constructor(modules: GuestModules, image: Image, context: ProcessContext, suspension: Suspension | undefined) {
    this.#image = image
    this.#parts = modules.parts
    this.#context = context
    const { clock, random } = context.process.services
    this.#wiring = new Wiring(
      modules,
      {
        dispatch: (operation, argument) => this.#dispatch(operation, argument),
        callout: () => this.#callout(),
        pause: () => this.#pause(),
        stopped: () => this.#stopped(),
        fault: (error) => this.#fault(error),
        wallMs: () => clock.wallMs(),
        monotonicMs: () => clock.monotonicMs(),
        random: (length) => random.fill(length),
      },
      context.count,
      suspension,
    )
    this.#state = bindState([
      { exports: this.#wiring.interpreter as unknown as WebAssembly.Exports, layout: modules.layout },
    ])
    this.#state.restore(image.state)
    this.#start()
  }

  async run(command: Command, leash: Leash): Promise<Exit> {
    const outcome = new Outcome()
    this.#outcome = outcome
    try {
      this.#command = prepareCommand(command)
    } catch (error) {
      return refusedSource(error)
    }
    this.#leash = leash
    this.#wiring.arm(leash.slice)
    let trap: unknown
    try {
      await this.#drive(leash)
    } catch (error) {
      trap = error ?? new Error('unknown')
    }
    leash.onThread(false)
    leash.spent(this.#wiring.burned(leash.slice))
    const stopped = this.#reasonOf(leash, outcome, trap)
    this.#wiring.calls.close()
    this.#leash = undefined
    this.#wiring.armForHost()
    return outcome.toExit(stopped, trap)
  }

  snapshot(): Image {
    return { ...this.#image, state: this.#state.capture() }
  }

  reset(): boolean {
    if (!this.#state.reset(this.#image.state, { memoryBytes: RESET_BUDGET })) return false
    this.#wiring.revive()
    this.#wiring.armForHost()
    this.#start()
    return true
  }

  memoryBytes(): number {
    return this.#wiring.interpreter.memory.buffer.byteLength
  }

  dispose(): void {
    this.#wiring.calls.close()
    this.#wiring.kill()
  }

  /** After every fork and reset: the bridge finds its block, randomness is fresh, the memory limit is this tenant's. */
  #start(): void {
    const seed = new BigInt64Array(this.#context.process.services.random.fill(16).buffer)
    this.#wiring.bridge.attach()
    this.#wiring.bridge.seed(seed[0] as bigint, seed[1] as bigint)
    this.#wiring.interpreter.qjs_set_memory_limit(heapLimit(this.#context.limits.memoryBytes))
  }

  /** Enters the guest and goes on until nothing is under way. */
  async #drive(leash: Leash): Promise<void> {
    if (leash.stopped) return
    leash.onThread(true)
    let turn = await this.#wiring.enter()
    while (turn !== Turn.done && !leash.stopped) {
      if (turn === Turn.idle) {
        leash.onThread(false)
        await Promise.race([this.#wiring.calls.arrival(), aborted(leash.signal)])
        leash.onThread(true)
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
        return loadModule(this.#context.process, text.decode(argument))
      default:
        throw new GuestFacingError('ENOSYS', `no host call has number ${operation}`)
    }
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
    const verdict = leash.spent(leash.slice)
    if (verdict === Verdict.kill) {
      this.#wiring.kill()
      return Verdict.kill
    }
    this.#wiring.arm(leash.slice)
    return verdict === Verdict.suspend && this.#wiring.calls.maySuspend ? Verdict.suspend : Verdict.extend
  }

  async #pause(): Promise<void> {
    await this.#leash?.pause()
    if (this.#leash?.stopped) this.#wiring.kill()
  }

  /** Ends a blocking wait when the run must stop: the guest then traps in the border. */
  async #stopped(): Promise<void> {
    const leash = this.#leash
    if (!leash) return
    await aborted(leash.signal)
    if (this.#leash === leash) this.#wiring.kill()
  }

  #fault(error: unknown): void {
    this.#outcome.internal ??= error
    this.#wiring.kill()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function prepareCommand(command: Command): Uint8Array {
  const typescript = command.language === 'typescript' || /\.m?ts$/.test(command.filename)
  const source = typescript ? toJavaScript(command.source, command.filename) : command.source
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

function refusedSource(error: unknown): Exit {
  if (!(error instanceof GuestFacingError)) throw error
  const code = error.code === 'SyntaxError' ? 'TOKA_GUEST_SYNTAX' : 'TOKA_VALUE_SIZE'
  return { exitCode: 1, error: { code, message: error.message }, lost: false }
}
