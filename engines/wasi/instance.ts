/** A module in the hands of one sandbox: commands and calls in, exits out; saved and forked between them. */
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
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { Preview1 } from '../../src/kernel/preview1.ts'
import { decodeValue, encodeValue, RUN_VALUE_LIMITS } from '../../src/kernel/values.ts'
import { isSameState } from '../../src/loader/delta.ts'
import type { Image } from '../../src/loader/image.ts'
import { AddedExport } from '../../src/loader/layout.ts'
import { type BoundState, bindState, PAGE_BYTES } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { entryOf, nothingToRun } from './entry.ts'
import { Guest, type GuestHost } from './guest.ts'
import { Outcome } from './outcome.ts'
import { Entry, type Program, type ProgramImport } from './program.ts'
import { evaluateRuby, isRuby, type RubyGuest, startRuby } from './ruby.ts'
import { nappingThread } from '../../src/kernel/waiting-thread.ts'

/** What a run does once the module has begun. */
type Work = () => Promise<unknown>

export class WasiInstance implements Instance {
  readonly #program: Program
  readonly #image: Image
  readonly #context: ProcessContext
  readonly #suspension: Suspension | undefined
  #guest!: Guest
  #state!: BoundState
  /** Made for the first run: what the sandbox was given is known then. */
  #preview1: Preview1 | undefined
  /** Whether the start function and `_initialize` have run. */
  #begun = false
  #outcome = new Outcome()
  #leash: Leash | undefined
  #wake: (() => void) | undefined
  #snapshot: Image | undefined
  #disposed = false

  constructor(program: Program, image: Image, context: ProcessContext, suspension: Suspension | undefined) {
    this.#program = program
    this.#image = image
    this.#context = context
    this.#suspension = suspension
    this.#load()
  }

  async run(command: Command, leash: Leash): Promise<Exit> {
    this.#mustBeMine()
    const work = this.#workOf(command)
    if (this.#program.isCommand && this.#begun && !command.call) this.#load()
    const { process } = this.#context
    process.args = [command.filename.slice(command.filename.lastIndexOf('/') + 1), ...process.args]
    const outcome = new Outcome()
    this.#outcome = outcome
    this.#leash = leash
    this.#snapshot = undefined
    this.#preview1 ??= this.#newPreview1()
    this.#preview1.begin()
    this.#guest.fuel.arm(leash.slice)
    let trap: unknown
    let returned = false
    try {
      await leash.enter()
      if (!leash.stopped) {
        outcome.value = await this.#perform(work)
        returned = true
      }
    } catch (error) {
      trap = error ?? new Error('unknown')
    }
    leash.leave()
    leash.spent(this.#guest.fuel.burned())
    const stopped = returned ? undefined : this.#reasonOf(leash, trap)
    this.#preview1.end()
    this.#leash = undefined
    this.#wake = undefined
    return outcome.toExit(stopped, trap)
  }

  snapshot(): Image {
    this.#mustBeMine()
    // A command begins anew with each run: what a fork or a snapshot of one goes on from is its beginning.
    if (!this.#begun || this.#program.isCommand) return this.#image
    const { unsavable } = this.#program
    if (unsavable !== undefined)
      throw new TokaError('TOKA_ENGINE_LOAD', `the state of this module cannot be saved: ${unsavable}`)
    this.#snapshot ??= { ...this.#image, state: this.#state.capture() }
    return this.#snapshot
  }

  /** A stranger's instance is used once: the next one is forked. */
  reset(): boolean {
    return false
  }

  memoryBytes(): number {
    return this.#guest.memory?.buffer.byteLength ?? 0
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#guest.kill()
    this.#guest.countWith(undefined)
  }

  #mustBeMine(): void {
    if (this.#disposed) throw new TokaError('TOKA_SANDBOX_CLOSED', 'this guest was given back')
  }

  /** A new instance, in the image's state. */
  #load(): void {
    const { count, base } = this.#context
    this.#guest = new Guest(this.#program, this.#host(), this.#suspension)
    this.#guest.countWith(count)
    const { exports, imported } = this.#guest
    this.#state = bindState([{ exports, layout: this.#image.layout, imported }])
    // A command begins anew each time, and a state that is the first one has no beginning behind it.
    const isNew = this.#program.isCommand || isSameState(base.state, this.#image.state)
    // Without stripped segments a new instance is as new as it can be.
    if (!isNew || this.#image.layout.blank) this.#state.restore(this.#image.state)
    this.#begun = !isNew
    this.#preview1 = undefined
  }

  #newPreview1(): Preview1 {
    return new Preview1(this.#context.process, {
      memory: () => this.#guest.memory,
      suspends: this.#suspension !== undefined,
      settle: (answer) => (this.#suspension ? answer : settledOnThread(this.#onThread, answer)),
      sleep: (milliseconds, signal, isOver) => this.#sleep(milliseconds, signal, isOver),
      exit: (code) => this.#exit(code),
    })
  }

  #host(): GuestHost {
    return {
      answer: (wanted, parameters) => this.#answer(wanted, parameters),
      refused: ({ border }) => {
        this.#outcome.refused ??= `${border.module}.${border.name}`
      },
      callout: () => this.#callout(),
      pause: () => paused(this.#leash, this.#guest),
      waited: (answer) => this.#waited(answer),
      fault: (error) => {
        this.#outcome.internal ??= error
        this.#guest.kill()
      },
    }
  }

  /** @throws TokaError TOKA_REQUEST_INVALID for what the module cannot do */
  #workOf({ call, source }: Command): Work {
    const { functions } = this.#program
    if (call) {
      const { entry, args } = entryOf(this.#program, call.name, decodeValue(call.args, RUN_VALUE_LIMITS))
      return async () => this.#encoded(await this.#guest.enter(entry.name, args), entry.results.length)
    }
    if (source !== '') {
      if (!isRuby(this.#program))
        throw new TokaError('TOKA_REQUEST_INVALID', 'source: this module runs no source text (arguments go into args)')
      return () => evaluateRuby(this.#ruby(), source)
    }
    if (functions.has(Entry.command)) return async () => this.#guest.enter(Entry.command, []) as Promise<undefined>
    if (this.#program.hasStart && !isRuby(this.#program)) return async () => undefined
    throw nothingToRun(this.#program)
  }

  #ruby(): RubyGuest {
    return {
      enter: async (name, args) => Number(await this.#guest.enter(name, args)),
      memory: () => this.#guest.memory,
      fail: (message) => {
        this.#outcome.failure ??= message
      },
    }
  }

  #encoded(returned: unknown, results: number): Uint8Array | undefined {
    return results === 0 ? undefined : encodeValue(returned, RUN_VALUE_LIMITS)
  }

  async #perform(work: Work): Promise<Uint8Array | undefined> {
    const { functions, hasStart } = this.#program
    if (!this.#begun) {
      this.#begun = true
      if (hasStart) await this.#guest.enter(AddedExport.start, [])
      if (functions.has(Entry.reactor)) await this.#guest.enter(Entry.reactor, [])
      if (isRuby(this.#program)) await startRuby(this.#ruby())
    }
    const value = await work()
    return value instanceof Uint8Array ? value : undefined
  }

  /** Of a run that did not return: one that returned has ended by itself, whatever came at that moment. */
  #reasonOf(leash: Leash, trap: unknown): StopReason | undefined {
    if (this.#guest.death > 0) return 'calls'
    if (this.#outcome.exitCode !== undefined) return undefined
    if (leash.stopped) return leash.stopped
    if (this.#guest.isTooDeep) return 'stack'
    return this.#isFull() && trap instanceof WebAssembly.RuntimeError ? 'memory' : undefined
  }

  /** A program that gets no more memory mostly traps: that is the limit's doing where it has nearly all of it. */
  #isFull(): boolean {
    const most = Math.min(this.#program.maximumPages * PAGE_BYTES, this.#context.limits.memoryBytes)
    return this.memoryBytes() > 0 && this.memoryBytes() >= most - most / 8
  }

  #answer({ row }: ProgramImport, parameters: readonly (number | bigint)[]): MaybePromise<number> {
    try {
      // A guest that only asks again and again, without waiting, hears of what has arrived too.
      if (!this.#suspension) this.#context.thread?.wait(0)
      return this.#preview1 ? (row.answer?.(this.#preview1, parameters) ?? 0) : 0
    } finally {
      if (this.#outcome.exitCode === undefined) callMade(this.#leash, this.#guest, this.#suspension !== undefined)
    }
  }

  #exit(code: number): void {
    this.#outcome.exitCode ??= code
    this.#guest.kill()
  }

  /** The fuel is spent. @returns a Verdict */
  #callout(): number {
    const leash = this.#leash
    if (!leash) return Verdict.kill
    return sliceSpent(leash, this.#guest, this.#suspension !== undefined)
  }

  /** The guest waits: others may have the thread, and its leash may end it. */
  async #waited(answer: Promise<number>): Promise<number> {
    const leash = this.#leash
    if (!leash) return 0
    leash.leave()
    leash.watch(() => this.#wake?.())
    const value = await new Promise<number>((resolve, reject) => {
      this.#wake = () => resolve(0)
      if (leash.stopped) resolve(0)
      answer.then(resolve, reject)
    })
    await leash.enter()
    if (leash.stopped) this.#guest.kill()
    return value
  }

  get #onThread(): OnThread {
    return { leash: this.#leash, guest: this.#guest, thread: this.#context.thread ?? nappingThread }
  }

  #sleep(milliseconds: number, signal?: AbortSignal, isOver?: () => boolean): MaybePromise<void> {
    const { process } = this.#context
    const { clock } = process.services
    if (clock.virtual && !this.#suspension) return clock.skip(milliseconds)
    if (this.#suspension)
      return clock.sleep(milliseconds, signal ? AbortSignal.any([signal, process.signal]) : process.signal)
    waitOnThread(this.#onThread, milliseconds, isOver)
  }
}
