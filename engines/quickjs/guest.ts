/** A linked guest and its state: made once, lent to one sandbox at a time, wiped between them. */
import type { Image } from '../../src/loader/image.ts'
import { type BoundState, bindState, PAGE_BYTES, type State } from '../../src/loader/state.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { MAXIMUM_PAGES } from './recipe.ts'
import { type GuestModules, Wiring } from './wiring.ts'

/** Of the linear memory, in bytes: the interpreter's stack and data lie beside the heap. */
const BESIDE_HEAP = 2 * 2 ** 20

/** The interpreter takes its limit as 32 bits: more would come round to less. */
const MOST_HEAP = 2 ** 31 - 1

/** Memory beyond this is dearer to zero than a fork: about 0.1 ms a MiB. */
const RESET_BUDGET = 8 * 2 ** 20

/**
 * The limit of what the heap's blocks may have together: the allocator loses about an eighth to fragments (measured with
 * growing strings and arrays). It loses more to a guest that means it, and the interpreter counts a block that moves
 * once, not twice: so the memory itself has a cap as well, the whole of `memoryBytes`.
 */
function heapLimit(memoryBytes: number): number {
  return Math.min(Math.floor((memoryBytes - BESIDE_HEAP) * 0.875), MOST_HEAP)
}

export class Guest {
  readonly wiring: Wiring
  readonly #state: BoundState
  /** What the guest is known to be, until anything runs in it. */
  #loaded: State | undefined
  #fresh = true

  constructor(modules: GuestModules, suspension: Suspension | undefined) {
    this.wiring = new Wiring(modules, suspension)
    this.#state = bindState([
      { exports: this.wiring.interpreter as unknown as WebAssembly.Exports, layout: modules.layout },
    ])
  }

  /**
   * Brings the guest to an image's state; nothing of what it was is left.
   * @returns false when it cannot be: memory or a table grew past the budget, or is too small
   */
  load({ state }: Image): boolean {
    if (this.#loaded === state) return true
    if (this.#fresh) this.#state.restore(state)
    else if (!this.#state.reset(state, { memoryBytes: RESET_BUDGET })) return false
    this.#fresh = false
    this.#loaded = state
    this.wiring.revive()
    return true
  }

  /**
   * After every load, before anything runs: the bridge finds its block, the memory limit is this tenant's.
   * @param seed 16 bytes of randomness
   */
  start(seed: Uint8Array, memoryBytes: number): void {
    this.#loaded = undefined
    const halves = new DataView(seed.buffer, seed.byteOffset)
    this.wiring.fuel.armForHost()
    this.wiring.bridge.attach()
    this.wiring.bridge.seed(halves.getBigUint64(0, true), halves.getBigUint64(8, true))
    this.wiring.interpreter.__pages.value = Math.min(Math.floor(memoryBytes / PAGE_BYTES), MAXIMUM_PAGES)
    this.wiring.interpreter.qjs_set_memory_limit(heapLimit(memoryBytes))
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
