/** A linked guest and its state: made once, lent to one sandbox at a time, wiped between them. */
import type { Image } from '../../src/loader/image.ts'
import { type BoundState, bindState, PAGE_BYTES, type State } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { boundStack, type StackPlace } from './stack.ts'
import { type GuestModules, Wiring } from './wiring.ts'

/** Memory beyond this is dearer to zero than a fork is: about 0.1 ms a MiB. */
const RESET_BUDGET = 128 * 2 ** 20

/** Where an image has what the host looks for: the bridge's block, and the stack's bound. */
export type Places = StackPlace & { block: number }

export class Guest {
  readonly wiring: Wiring
  readonly #state: BoundState
  readonly #places: Places
  readonly #suspends: boolean
  /** What the guest is known to be, until anything runs in it. */
  #loaded: State | undefined
  #new = true

  private constructor(wiring: Wiring, modules: GuestModules, places: Places, suspends: boolean) {
    this.wiring = wiring
    this.#places = places
    this.#suspends = suspends
    this.#state = bindState([{ exports: wiring.interpreter as unknown as WebAssembly.Exports, layout: modules.layout }])
  }

  static async make(modules: GuestModules, suspension: Suspension | undefined, places: Places): Promise<Guest> {
    return new Guest(await Wiring.link(modules, suspension), modules, places, suspension !== undefined)
  }

  /**
   * Brings the guest to an image's state; nothing of what it was is left.
   * @returns false when it cannot be: memory or a table grew past the budget, or is too small
   */
  load({ state }: Image): boolean {
    if (this.#loaded !== state && !this.#bring(state)) return false
    // Whoever gave it back left it dead.
    this.wiring.revive()
    this.wiring.bridge.attach(this.#places.block)
    return true
  }

  #bring(state: State): boolean {
    if (this.#new) this.#state.restore(state)
    else if (!this.#state.reset(state, { memoryBytes: RESET_BUDGET })) return false
    boundStack(this.wiring.interpreter.memory, this.#places, this.#suspends)
    this.#new = false
    this.#loaded = state
    return true
  }

  /** Something is going to run in it. */
  touch(): void {
    this.#loaded = undefined
  }

  capture(): State {
    return this.#state.capture()
  }

  /**
   * Wipes the guest when a sandbox is done with it.
   * @returns false when it is not worth keeping: one that grew would tell its next tenant so
   */
  wipe(image: Image): boolean {
    return this.memoryBytes === image.state.pages * PAGE_BYTES && this.load(image)
  }

  get memoryBytes(): number {
    return this.wiring.interpreter.memory.buffer.byteLength
  }
}
