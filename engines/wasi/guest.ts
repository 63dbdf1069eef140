/** One instance of a module, linked behind its border: its memory, its fuel, and the host's functions that it imports. */
import { type Border, Death, instantiateBorder, PENDING } from '../../src/loader/border.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { FuelGauge } from '../../src/leashed.ts'
import { AddedExport } from '../../src/loader/layout.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import type { HostFunction } from '../../src/loader/border.ts'
import type { Program, ProgramImport } from './program.ts'

/** What stands behind the imports. */
export type GuestHost = {
  /** Answers an import, at once or later. */
  answer(wanted: ProgramImport, parameters: readonly (number | bigint)[]): MaybePromise<number>
  /** The guest called what is only there to be linked, and is dead. */
  refused(wanted: ProgramImport): void
  /** @returns a Verdict */
  callout(): number
  /** The guest waits in it after a callout that suspends. */
  pause(): Promise<void>
  /** What a call that waits answers, once the guest may go on. */
  waited(answer: Promise<number>): Promise<number>
  fault(error: unknown): void
}

/** Slots of eight bytes: 400 KB of the 984 KB that V8 gives a thread (docs/loader.md). */
const STACK_SLOTS = 50_000

type Exports = WebAssembly.Exports & {
  [AddedExport.fuel]: WebAssembly.Global<'i64'>
  [AddedExport.stack]: WebAssembly.Global<'i32'>
  [AddedExport.callout]: WebAssembly.Table
}

export type WasmFunction = (...args: (number | bigint)[]) => unknown

export class Guest {
  readonly exports: WebAssembly.Exports
  /** The functions that the module imports, in their order, by which a saved table names them. */
  readonly imported: readonly unknown[]
  readonly fuel: FuelGauge
  readonly #own: Exports
  readonly #border: Border
  readonly #suspension: Suspension | undefined
  #pending: Promise<number> = Promise.resolve(0)

  /** @throws WebAssembly.LinkError, WebAssembly.RuntimeError or RangeError for a module that cannot be instantiated */
  constructor(program: Program, host: GuestHost, suspension: Suspension | undefined) {
    this.#suspension = suspension
    this.#border = this.#link(program, host)
    const { imports } = this.#border
    this.imported = program.importNames.map(({ module, name }) => imports[module]?.[name])
    this.exports = new WebAssembly.Instance(program.module, imports).exports
    this.#own = this.exports as Exports
    this.fuel = new FuelGauge(this.#own[AddedExport.fuel])
    this.#own[AddedExport.callout].set(0, this.#border.callout)
  }

  /** The memory, when there is one and the module exports it. */
  get memory(): WebAssembly.Memory | undefined {
    const { memory } = this.exports
    return memory instanceof WebAssembly.Memory ? memory : undefined
  }

  /** Why the guest is dead: a `Death`, or what the CVM answered; 0 while it lives. */
  get death(): number {
    return this.#border.dead.value
  }

  /** Whether the last call ended because its frames were too many. */
  get isTooDeep(): boolean {
    return this.#own[AddedExport.stack].value < 0
  }

  /** @param count the CVM's counter, a wasm function; undefined: the guest traps at its next import */
  countWith(count: ((operation: number) => number) | undefined): void {
    this.#border.countWith(count)
  }

  /** Calls an export. Only wasm frames lie above it, so that the guest may be suspended. */
  enter(name: string, args: readonly (number | bigint)[]): MaybePromise<unknown> {
    this.#own[AddedExport.stack].value = STACK_SLOTS
    const entry = this.exports[name] as WasmFunction
    return this.#suspension ? this.#suspension.promising(entry)(...args) : entry(...args)
  }

  /** The guest traps at its next step across the border. */
  kill(): void {
    if (this.#border.dead.value === Death.alive) this.#border.dead.value = Death.killed
  }

  #link(program: Program, host: GuestHost): Border {
    const functions: Record<string, Record<string, HostFunction>> = {}
    for (const wanted of program.imports) {
      if (!wanted.row.answer) continue
      const { module, name } = wanted.border
      const members = (functions[module] ??= {})
      members[name] = (...parameters: (number | bigint)[]) => this.#answered(host.answer(wanted, parameters))
    }
    return instantiateBorder(
      program.imports.map(({ border }) => border),
      {
        host: functions,
        suspension: this.#suspension,
        callout: () => host.callout(),
        suspend: () => host.pause(),
        wait: () => host.waited(this.#pending),
        tell: (position) => host.refused(program.imports[position] as ProgramImport),
        onFault: (error) => host.fault(error),
      },
    )
  }

  /** One call waits at a time: the guest is suspended in it. */
  #answered(answer: MaybePromise<number>): number {
    if (!(answer instanceof Promise)) return answer
    this.#pending = answer
    return PENDING
  }
}
