/** A stranger's module in, its life under a deadline out: rewritten, linked behind a border, armed, run, killed. */
import { type Border, instantiateBorder } from '../src/loader/border.ts'
import { rewriteModule, type RewriteOptions } from '../src/loader/rewrite.ts'
import { buildModule, instantiate, type ModuleParts } from './loader-modules.ts'

type Call = (...args: (number | bigint)[]) => unknown
export type StrangerExports = WebAssembly.Exports & {
  __fuel: WebAssembly.Global<'i64'>
  __stack: WebAssembly.Global<'i32'>
  __callout: WebAssembly.Table
}

/** How a call ended. `units` is the fuel that it used. */
export type Ending = {
  how: 'returned' | 'time' | 'stack' | 'trap' | 'exception'
  result: unknown
  error: unknown
  units: number
  callouts: number
  elapsedMs: number
}

/** Units of a stranger's fuel between two looks at the clock. */
const SLICE = 100_000n
/** Slots of eight bytes: 400 KB, of the 984 KB that V8 gives a thread. */
const STACK_SLOTS = 50_000

/** A live stranger. Each call is armed anew. */
export class StrangerRig {
  readonly exports: StrangerExports
  readonly #border: Border
  #deadline = Number.POSITIVE_INFINITY
  #callouts = 0
  #units = 0n

  /** @param imports what others of its guest export */
  constructor(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports = {}) {
    this.#border = instantiateBorder([], {
      host: {},
      callout: () => this.#callout(),
      suspend: () => {},
      suspension: undefined,
      onFault: () => {},
    })
    this.exports = instantiate(bytes, { ...imports, ...this.#border.imports }) as StrangerExports
    this.exports.__callout.set(0, this.#border.callout)
  }

  call(name: string, args: (number | bigint)[] = [], timeoutMs = 5_000, slots = STACK_SLOTS): Ending {
    const { __fuel: fuel, __stack: stack } = this.exports
    fuel.value = SLICE
    if (stack) stack.value = slots
    this.#callouts = 0
    this.#units = 0n
    const started = performance.now()
    this.#deadline = started + timeoutMs
    const ending = { how: 'returned' as Ending['how'], result: undefined as unknown, error: undefined as unknown }
    try {
      ending.result = (this.exports[name] as Call)(...args)
    } catch (error) {
      ending.error = error
      ending.how = this.#reason(error)
    }
    const elapsedMs = performance.now() - started
    const units = Number(this.#units + SLICE - fuel.value)
    return { ...ending, units, callouts: this.#callouts, elapsedMs }
  }

  #reason(error: unknown): Ending['how'] {
    if (this.#border.dead.value !== 0) return 'time'
    if (this.exports.__stack && this.exports.__stack.value < 0) return 'stack'
    return error instanceof WebAssembly.RuntimeError ? 'trap' : 'exception'
  }

  #callout(): number {
    const { __fuel: fuel } = this.exports
    this.#callouts++
    this.#units += SLICE - fuel.value
    fuel.value = SLICE
    return performance.now() >= this.#deadline ? 1 : 0
  }
}

/** Options of a stranger whose memory may grow to 256 MiB. */
export const STRANGER: RewriteOptions = { fuel: true, trust: 'stranger', maximumPages: 4_096 }

/** A stranger built from parts. */
export function stranger(parts: ModuleParts, options: RewriteOptions = {}): StrangerRig {
  return new StrangerRig(rewriteModule(buildModule(parts), { ...STRANGER, ...options }).bytes)
}
