/** A Python guest in the hands of one sandbox: one command at a time in, an exit out; reset and snapshotted between commands. */
import {
  type Command,
  type Exit,
  type Instance,
  type Leash,
  type ProcessContext,
  type StopReason,
  Verdict,
} from '../../src/engine.ts'
import { callMade, type OnThread, paused, settledOnThread, sliceSpent, waitOnThread } from '../../src/leashed.ts'
import { TokaError } from '../../src/errors.ts'
import { errno, reword } from '../../src/kernel/errno.ts'
import { GuestFacingError, type MaybePromise } from '../../src/kernel/host-port.ts'
import { encodeValue } from '../../src/kernel/values.ts'
import { mayWait, nappingThread } from '../../src/kernel/waiting-thread.ts'
import { Operation } from '../../src/kernel/operations.ts'
import type { Image } from '../../src/loader/image.ts'
import type { Guest } from './guest.ts'
import { EngineOperation } from './operations.ts'
import { Outcome } from './outcome.ts'
import type { Wiring } from './wiring.ts'
import type { WiringHost } from './wiring-host.ts'

/** A command holds a source, an input and the arguments whole. */
const COMMAND_LIMITS = { structuredBytes: 2 ** 26, nodes: 2 ** 15, depth: 3 }

const EMPTY = new Uint8Array(0)
const text = new TextDecoder()

export class PythonInstance implements Instance {
  readonly #guest: Guest
  readonly #wiring: Wiring
  readonly #image: Image
  readonly #context: ProcessContext
  readonly #retire: (guest: Guest) => void
  #command: Uint8Array = EMPTY
  #outcome = new Outcome()
  #leash: Leash | undefined
  /** Nothing has run since the fork or the last reset. */
  #fresh = true
  /** The state now, once it was asked for and until the next run. */
  #snapshot: Image | undefined
  #disposed = false

  /**
   * Takes a guest that is loaded with the image.
   * @param retire takes the guest back, when nothing of it is under way
   */
  constructor(guest: Guest, image: Image, context: ProcessContext, retire: (guest: Guest) => void) {
    this.#guest = guest
    this.#wiring = guest.wiring
    this.#image = image
    this.#snapshot = image
    this.#context = context
    this.#retire = retire
    this.#wiring.bind(this.#hostOf(context), context.process, context.count)
  }

  async run(command: Command, leash: Leash): Promise<Exit> {
    this.#mustBeMine()
    const outcome = new Outcome()
    this.#outcome = outcome
    this.#command = encodeCommand(command, this.#context.process.args)
    this.#leash = leash
    this.#snapshot = undefined
    let trap: unknown
    try {
      await this.#drive(leash)
    } catch (error) {
      trap = error ?? new Error('unknown')
    }
    leash.leave()
    leash.spent(this.#wiring.fuel.burned())
    const stopped = this.#reasonOf(leash, outcome, trap)
    this.#wiring.close()
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
    this.#fresh = true
    // What the wiped guest had open has no holder any more.
    this.#context.process.descriptors.closeFrom(FIRST_OWN)
    this.#wiring.syscalls.bind(this.#context.process)
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

  async #drive(leash: Leash): Promise<void> {
    await leash.enter()
    if (leash.stopped) return
    this.#guest.touch()
    this.#wiring.fuel.arm(leash.slice)
    const fresh = this.#fresh
    this.#fresh = false
    await this.#wiring.enter(fresh)
  }

  #hostOf({ process, limits, thread }: ProcessContext): WiringHost {
    const { clock, random, port } = process.services
    return {
      dispatch: (operation, argument) => this.#dispatch(operation, argument),
      callout: () => this.#callout(),
      pause: () => paused(this.#leash, this.#wiring),
      stopped: () => this.#leash?.stopped !== undefined,
      waits: () => this.#waits(),
      resumes: () => this.#leash?.enter(),
      fault: (error) => this.#fault(error),
      made: () => this.#look(),
      now: (which) => (which === 0 ? clock.wallMs() : clock.monotonicMs()),
      random: (length) => random.fill(length),
      settle: (answer) => settledOnThread(this.#onThread, answer),
      idle: (milliseconds) => this.#idle(milliseconds),
      idleHere: (milliseconds) => this.#idleHere(milliseconds),
      polls: () => thread?.wait(0),
      mostHeld: () => limits.memoryBytes,
      memoryLimit: () => limits.memoryBytes,
      exits: (code) => {
        this.#outcome.exited ??= code & 0xff
      },
      refused: (name) => {
        this.#outcome.refused = name
        port.refused?.(name)
      },
    }
  }

  /** Why the run was stopped. One that had its say before its leash was pulled has ended by itself. */
  #reasonOf(leash: Leash, outcome: Outcome, trap: unknown): StopReason | undefined {
    if (this.#wiring.death > 0) return 'calls'
    if (!leash.stopped) return undefined
    return outcome.spoken && trap === undefined ? undefined : leash.stopped
  }

  #look(): void {
    if (!this.#outcome.spoken) callMade(this.#leash, this.#wiring, this.#wiring.calls.maySuspend)
  }

  #dispatch(operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
    try {
      return this.#answer(operation, argument)
    } finally {
      this.#look()
    }
  }

  #answer(operation: number, argument: Uint8Array): MaybePromise<Uint8Array> {
    const { maySuspend } = this.#wiring.calls
    if (operation === Operation.ClockSleep && !maySuspend && argument.length === 8) {
      this.#sleep(new DataView(argument.buffer, argument.byteOffset).getFloat64(0, true))
      return EMPTY
    }
    if (operation < Operation.EngineFirst) return this.#context.process.call(operation, argument)
    const outcome = this.#outcome
    switch (operation) {
      case EngineOperation.Command:
        return this.#command
      case EngineOperation.Finish:
        if (!outcome.spoken) outcome.value = argument
        return EMPTY
      case EngineOperation.Fail:
        if (!outcome.spoken) outcome.failure = argument
        return EMPTY
      case EngineOperation.Exit:
        if (!outcome.spoken) outcome.exitCode = argument[0] ?? 0
        return EMPTY
      case EngineOperation.Fault:
        outcome.fault ??= text.decode(argument)
        return EMPTY
      case EngineOperation.MemoryFull:
        outcome.full ??= 'memory'
        return EMPTY
      case EngineOperation.StackFull:
        outcome.full ??= 'stack'
        return EMPTY
      default:
        throw new GuestFacingError('ENOSYS', `no host call has number ${operation}`)
    }
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
    this.#leash?.watch(() => this.#wiring.wake())
  }

  /** Until a begun call has finished, the time is over, or the run must end. */
  async #idle(milliseconds: number): Promise<void> {
    const over = new AbortController()
    const { clock } = this.#context.process.services
    const arrival = this.#wiring.calls.arrival()
    const time = milliseconds < 0 ? undefined : clock.sleep(milliseconds, over.signal).catch(() => {})
    await (time ? Promise.race([arrival, time]) : arrival)
    over.abort()
  }

  /** The same, on the thread. A virtual clock jumps only when no call is under way: host calls take no time of its. */
  #idleHere(milliseconds: number): void {
    const { calls } = this.#wiring
    const { virtual } = this.#context.process.services.clock
    if (milliseconds >= 0 && !(virtual && calls.underWay.size > 0)) this.#sleep(milliseconds, () => calls.arrived)
    else waitOnThread(this.#onThread, Number.POSITIVE_INFINITY, () => calls.arrived)
  }

  /**
   * The thread sleeps, for real; a virtual clock moves on.
   * @param milliseconds negative or infinite: without end
   * @throws GuestFacingError EINVAL for what is no time; TOKA_CALL_BLOCKING on a page's own thread, which may not sleep
   */
  #sleep(milliseconds: number, isOver?: () => boolean): void {
    if (Number.isNaN(milliseconds)) throw reword(errno('EINVAL'), 'sleep')
    const { clock } = this.#context.process.services
    const duration = milliseconds < 0 ? Number.POSITIVE_INFINITY : milliseconds
    if (clock.virtual) return clock.advance(duration)
    if (!mayWait()) throw new GuestFacingError('TOKA_CALL_BLOCKING', NO_SLEEP)
    waitOnThread(this.#onThread, duration, isOver)
  }

  #fault(error: unknown): void {
    this.#outcome.internal ??= error
    this.#wiring.kill()
  }
}

const NO_SLEEP = "this thread may not sleep, and this runtime cannot suspend a guest: use isolation: 'worker'"

/** The first descriptor behind standard input and output. */
const FIRST_OWN = 3

function encodeCommand(command: Command, args: readonly string[]): Uint8Array {
  const { source, filename, program, language, input } = command
  const kind = program ? 'script' : 'notebook'
  return encodeValue({ source, filename, kind, language, args: [...args], ...(input ? { input } : {}) }, COMMAND_LIMITS)
}
