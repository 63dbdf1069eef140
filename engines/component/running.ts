/** One live component under the leash of the run in progress: its guest, its host, what it may wait for. */
import { type Leash, type ProcessContext, Verdict } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import { callMade, type OnThread, paused, settledOnThread, sliceSpent, waitOnThread } from '../../src/leashed.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { nappingThread, type WaitingThread } from '../../src/kernel/waiting-thread.ts'
import type { BoundState, State } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { CanonTrap } from './canon-trap.ts'
import { ComponentGuest } from './component-guest.ts'
import { bindGuest, captureGuest, restoreGuest } from './guest-state.ts'
import { HandedOut } from './handed-out.ts'
import type { World } from './host/definitions.ts'
import { HeldBytes } from './host/held-bytes.ts'
import { ComponentHost } from './host/host.ts'
import { Outcome } from './outcome.ts'
import type { HostFunc } from './plan.ts'
import type { Program } from './program.ts'
import type { GuestHost } from './runtime.ts'
import { type Holdings, loadHandles, saveHandles } from './saved-handles.ts'

export class RunningComponent {
  readonly guest: ComponentGuest
  readonly handedOut = new HandedOut()
  outcome = new Outcome()
  readonly #program: Program
  readonly #context: ProcessContext
  readonly #suspension: Suspension | undefined
  readonly #host: ComponentHost
  #leash: Leash | undefined
  #wake: (() => void) | undefined

  constructor(program: Program, name: string, context: ProcessContext, suspension: Suspension | undefined) {
    this.#program = program
    this.#context = context
    this.#suspension = suspension
    this.world = {
      process: context.process,
      program: name,
      held: new HeldBytes(),
      directories: new Set(),
      exit: (code) => this.#exit(code),
      signal: undefined,
      seed: {},
      tasks: () => this.guest.scheduler,
      waitHere: suspension ? undefined : (milliseconds, isOver) => this.#waitHere(milliseconds, isOver),
    }
    this.#host = new ComponentHost(this.world)
    this.guest = new ComponentGuest(program, suspension, this.#guestHost())
    this.guest.countWith(context.count)
  }

  readonly world: World
  /** Its parts, to be saved and put back. */
  #parts: BoundState[] = []

  /** Makes the component live: its core modules are instantiated, their start functions run. */
  begin(leash: Leash): Promise<void> {
    return this.under(leash, async () => {
      await this.guest.instantiate(true)
      this.#parts = bindGuest(this.#program, this.guest)
    })
  }

  /** Makes it live as it was when it was saved. */
  async resume(state: State): Promise<void> {
    await this.guest.instantiate(false)
    this.#parts = bindGuest(this.#program, this.guest)
    loadHandles(restoreGuest(this.#program, this.#parts, state), this.#holdings)
  }

  /** @throws TokaError TOKA_ENGINE_LOAD naming what cannot be saved */
  capture(): State {
    if (this.guest.hasTasks)
      throw new TokaError('TOKA_ENGINE_LOAD', 'tasks of the component wait: it cannot be forked or saved')
    return captureGuest(this.#program, this.#parts, saveHandles(this.#holdings))
  }

  get #holdings(): Holdings {
    const { tables } = this.guest
    return { tables, handedOut: this.handedOut, resources: this.#program.plan.resources, world: this.world }
  }

  /**
   * Does something with the guest under a leash: it is entered with the thread, and left without it.
   * @throws what the guest trapped with
   */
  async under<T>(leash: Leash, act: () => MaybePromise<T>): Promise<T> {
    this.outcome = new Outcome()
    this.#leash = leash
    this.guest.cores.begin(leash.slice)
    try {
      await leash.enter()
      if (leash.stopped) throw new CanonTrap('it was ended before it began')
      return await act()
    } finally {
      leash.leave()
      leash.spent(this.guest.cores.burned())
      this.#leash = undefined
    }
  }

  /** Lets go of everything that the component holds of the host's. */
  close(): void {
    this.guest.end()
    for (const table of this.guest.tables)
      for (const [, { rep, scope }] of table.entries()) if (typeof rep === 'object' && !scope) this.#host.drop(rep)
  }

  #guestHost(): GuestHost {
    return {
      call: (func, args) => this.#call(func, args),
      begin: (func, args) => this.#host.begin(func, args),
      blocked: () => this.#blocked(),
      worked: () => this.#worked(),
      mayGoOn: () => this.#mayGoOn(),
      breathe: () => this.#breathe(),
      mayWait: (func) => this.#host.mayWait(func),
      wait: (answer) => this.#wait(answer),
      drop: (resource) => this.#host.drop(resource),
      callout: () => this.#callout(),
      pause: () => paused(this.#leash, this.guest),
      fault: (error) => this.outcome.fault(error),
    }
  }

  #exit(code: number): void {
    this.outcome.exitCode ??= code
    this.guest.kill()
  }

  #call(func: HostFunc, args: readonly unknown[]): MaybePromise<unknown> {
    if (this.#suspension) return this.#host.call(func, args)
    // A component that only asks again and again, without waiting, hears of what has arrived too.
    this.#context.thread?.wait(0)
    const answer = this.#settled(this.#host.call(func, args))
    return answer instanceof Promise ? this.#cannotWait(answer) : answer
  }

  /** An answer that never came, since the run must end, is no fault. */
  #settled(answer: MaybePromise<unknown>): MaybePromise<unknown> {
    try {
      return settledOnThread(this.#onThread, answer)
    } catch (error) {
      if (this.#leash?.stopped) this.#die()
      throw error
    }
  }

  #worked(): void {
    callMade(this.#leash, this.guest, this.guest.cores.maySuspend)
  }

  #mayGoOn(): boolean {
    const verdict = this.#leash?.spent(0)
    if (verdict === Verdict.kill) this.guest.kill()
    return verdict === Verdict.extend || (verdict === Verdict.suspend && !this.#suspension)
  }

  #breathe(): MaybePromise<void> {
    const verdict = this.#leash?.spent(0)
    if (verdict === Verdict.kill) this.#die()
    if (verdict === Verdict.suspend) return paused(this.#leash, this.guest)
  }

  #cannotWait(answer: Promise<unknown>): never {
    answer.catch(() => {})
    return this.#blocked()
  }

  #blocked(): never {
    this.outcome.blocked = true
    throw new CanonTrap('it waits where nothing can')
  }

  get #onThread(): OnThread {
    return { leash: this.#leash, guest: this.guest, thread: this.#context.thread ?? nappingThread }
  }

  /** The thread waits for the guest. */
  #waitHere(milliseconds: number, isOver: () => boolean): void {
    waitOnThread(this.#onThread, milliseconds, isOver)
    if (this.#leash?.stopped) this.#die()
  }

  #die(): never {
    this.guest.kill()
    throw new CanonTrap('it was ended')
  }

  async #wait<T>(answer: Promise<T>): Promise<T> {
    const leash = this.#leash
    if (!leash) this.#die()
    const stopped = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined)
    })
    leash.leave()
    leash.watch(() => this.#wake?.())
    let isOver = false
    if (!this.#suspension && this.#context.thread) void listen(this.#context.thread, () => isOver)
    try {
      const settled = await Promise.race([answer.then((value) => ({ value })), stopped])
      await leash.enter()
      if (!settled || leash.stopped) this.#die()
      return settled.value
    } finally {
      isOver = true
      this.#wake = undefined
    }
  }

  #callout(): number {
    const leash = this.#leash
    if (!leash) return Verdict.kill
    return sliceSpent(leash, this.guest, true)
  }
}

/** Milliseconds for which a thread waits before the event loop has its turn. */
const LISTEN_MS = 1

/** A thread that hears of answers only while it waits does so in short turns: what comes by the event loop comes as well. */
async function listen(thread: WaitingThread, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    thread.wait(LISTEN_MS)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}
