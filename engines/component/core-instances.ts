/** The core instances of one component: made in the order of the plan, armed together, entered with or without suspension. */
import { Verdict } from '../../src/engine.ts'
import { TokaError } from '../../src/errors.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { chain } from '../../src/kernel/steps.ts'
import { type Border, Death } from '../../src/loader/border.ts'
import { AddedExport, isAddedExport } from '../../src/loader/layout.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { CanonMemory } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import type { CoreValue } from './wit-types.ts'
import type { CoreRef } from './resource-types.ts'
import { moduleOf, type Program } from './program.ts'

/** Slots of eight bytes for the calls of all core instances together: as for one module of a stranger (docs/loader.md). */
const STACK_SLOTS = 50_000
/** Units of fuel for calls of the guest's allocator, which cannot be suspended, until the guest could be again. */
const ALLOCATOR_UNITS = 5_000_000
/** What each such call adds: a list of many strings asks for memory as often. */
const UNITS_A_CALL = 256

/** Of these, what every core instance has at least. */
const LEAST_SLOTS = 400

/** A core instance's part of the stack, by the size of its code: adapters are small, and recursion is where the program is. */
function stackSlots({ plan, modules }: Program, index: number): number {
  const sizes = plan.instantiations.map(({ module }) => modules[module]?.bytes.length ?? 0)
  const all = sizes.reduce((sum, size) => sum + size, 0)
  const shared = STACK_SLOTS - LEAST_SLOTS * sizes.length
  return LEAST_SLOTS + Math.floor((shared * (sizes[index] ?? 0)) / Math.max(all, 1))
}

export type CoreFunction = (...args: CoreValue[]) => CoreValue | undefined

type CoreExports = WebAssembly.Exports & {
  __fuel: WebAssembly.Global<'i64'>
  __stack: WebAssembly.Global<'i32'>
  __callout: WebAssembly.Table
}

export class CoreInstances {
  readonly #program: Program
  readonly #suspension: Suspension | undefined
  readonly #border: () => Border
  readonly #instances: WebAssembly.Instance[] = []
  readonly #memories = new Map<WebAssembly.Memory, CanonMemory>()
  readonly #entries = new Map<CoreRef, (...args: CoreValue[]) => MaybePromise<CoreValue | undefined>>()
  #slice = 0
  /** Calls that cannot be suspended: a frame of JavaScript lies above the guest's. */
  #pinned = 0
  #allocatorUnits = ALLOCATOR_UNITS

  /** @param border what the instances are linked to: asked for when there is something to link */
  constructor(program: Program, suspension: Suspension | undefined, border: () => Border) {
    this.#program = program
    this.#suspension = suspension
    this.#border = border
  }

  /** In the order of the plan. */
  get all(): readonly WebAssembly.Instance[] {
    return this.#instances
  }

  /** Whether the guest may be suspended now. */
  get maySuspend(): boolean {
    return this.#suspension !== undefined && this.#pinned === 0
  }

  /** Whether calls went deeper than they may. */
  get areTooDeep(): boolean {
    return this.#instances.some(({ exports }) => (exports as CoreExports).__stack.value < 0)
  }

  /** Whether it was ended. */
  get isDead(): boolean {
    return this.#border().dead.value !== Death.alive
  }

  get memoryBytes(): number {
    const { plan, modules } = this.#program
    return this.#instances.reduce((sum, { exports }, at) => {
      const core = modules[plan.instantiations[at]?.module ?? -1]
      const memory = core?.hasMemory && core.layout.memory ? exports[core.layout.memory] : undefined
      return sum + (memory instanceof WebAssembly.Memory ? memory.buffer.byteLength : 0)
    }, 0)
  }

  /** A run begins: others had the thread. */
  begin(slice: number): void {
    this.#allocatorUnits = ALLOCATOR_UNITS
    this.arm(slice)
  }

  /** Units until the next callout, an even part for each core instance: together they are never more. */
  arm(slice: number): void {
    this.#slice = 0
    const part = this.#part(slice)
    for (const instance of this.#instances) {
      ;(instance.exports as CoreExports).__fuel.value = BigInt(part)
      this.#slice += part
    }
  }

  /** Units burned since the slice was armed, or since the last answer. */
  burned(): number {
    const left = this.#left()
    const burned = this.#slice - left
    this.#slice = left
    return burned
  }

  /** The guest asks at its next check, in whichever core instance that is. */
  endSlice(): void {
    this.#slice -= this.#left()
    for (const instance of this.#instances) (instance.exports as CoreExports).__fuel.value = 0n
  }

  /**
   * Instantiates the core modules.
   * @param starts whether their start functions run: not where a saved state is put back
   */
  instantiate(starts: boolean): MaybePromise<void> {
    const { instantiations } = this.#program.plan
    const next = (at: number): MaybePromise<void> => {
      for (let index = at; index < instantiations.length; index++) {
        const started = this.#instantiate(index, starts)
        if (started instanceof Promise) return started.then(() => next(index + 1))
      }
    }
    return next(0)
  }

  /**
   * What to do when the fuel is spent: what cannot be suspended is bounded by itself.
   * @param ask the leash, which arms anew
   */
  callout(ask: () => number): number {
    if (this.#pinned > 0) {
      this.#allocatorUnits -= this.#slice - this.#left()
      if (this.#allocatorUnits < 0) throw new CanonTrap('its allocator does not return')
    } else this.#allocatorUnits = ALLOCATOR_UNITS
    const verdict = ask()
    return verdict === Verdict.suspend && !this.maySuspend ? Verdict.extend : verdict
  }

  #instantiate(index: number, starts: boolean): MaybePromise<void> {
    const { plan, modules } = this.#program
    const instantiation = plan.instantiations[index]
    const core = instantiation && modules[instantiation.module]
    if (!core) throw new TokaError('TOKA_INTERNAL', `the plan has no core instance ${index}`)
    const module = moduleOf(this.#program, instantiation.module)
    const imports = Object.create(null) as WebAssembly.Imports
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const ref = instantiation.imports.get(from)?.get(name)
      if (!ref) throw new CanonTrap(`a core module is not given its import ${JSON.stringify(name.slice(0, 100))}`)
      ;(imports[from] ??= Object.create(null) as WebAssembly.ModuleImports)[name] = this.#resolve(ref) as never
    }
    const instance = new WebAssembly.Instance(module, imports)
    const exports = instance.exports as CoreExports
    const part = this.#part(this.#slice || 1)
    this.#instances.push(instance)
    exports.__callout.set(0, this.#border().callout)
    exports.__fuel.value = BigInt(part)
    exports.__stack.value = stackSlots(this.#program, index)
    this.#slice += part
    if (!core.starts || !starts) return
    const start = exports[AddedExport.start] as CoreFunction
    return chain(this.#suspension ? this.#suspension.promising(start)() : start(), () => {})
  }

  /** An item of a core instance that is there already: a component cannot name a later one, but can call too early. */
  #resolve(ref: CoreRef): WebAssembly.ExportValue {
    const found =
      ref.from === 'trampoline'
        ? this.#border().imports['canon']?.[String(ref.trampoline)]
        : exportOf(this.#instances[ref.instance], ref.name)
    if (found === undefined) throw new CanonTrap('it uses an export of a core module that is not there')
    return found
  }

  /** A function, to call where nothing of the guest may be suspended. */
  #function(ref: CoreRef): CoreFunction {
    const found = this.#resolve(ref)
    if (typeof found === 'function') return found as CoreFunction
    throw new CanonTrap('it calls an export that is no function')
  }

  /** A way into the guest in which it may be suspended. */
  entry(ref: CoreRef): (...args: CoreValue[]) => MaybePromise<CoreValue | undefined> {
    const known = this.#entries.get(ref)
    if (known) return known
    const call = this.#function(ref)
    const entry = this.#suspension ? this.#suspension.promising(call) : call
    this.#entries.set(ref, entry)
    return entry
  }

  /** Calls the guest from within a call of it: nothing of it may be suspended. */
  callPinned(ref: CoreRef, args: readonly CoreValue[]): CoreValue | undefined {
    this.#allocatorUnits = Math.min(this.#allocatorUnits + UNITS_A_CALL, ALLOCATOR_UNITS)
    this.#pinned++
    try {
      return this.#function(ref)(...args)
    } finally {
      this.#pinned--
    }
  }

  /** The guest could be suspended: its allocator may work anew. */
  rested(): void {
    this.#allocatorUnits = ALLOCATOR_UNITS
  }

  memory(ref: CoreRef | undefined): CanonMemory {
    const memory = ref && this.#resolve(ref)
    if (!(memory instanceof WebAssembly.Memory)) throw new CanonTrap('it has no memory for what it is given')
    const known = this.#memories.get(memory)
    if (known) return known
    const canon = new CanonMemory(memory)
    this.#memories.set(memory, canon)
    return canon
  }

  #part(slice: number): number {
    return Math.max(1, Math.floor(slice / Math.max(1, this.#program.plan.instantiations.length)))
  }

  #left(): number {
    return this.#instances.reduce((sum, { exports }) => sum + Number((exports as CoreExports).__fuel.value), 0)
  }
}

/**
 * An own export of a core instance: names are the guest's, and `constructor` is no export. Nor is what the rewriter added:
 * a core module that could write another's fuel would never end.
 */
function exportOf(instance: WebAssembly.Instance | undefined, name: string): WebAssembly.ExportValue | undefined {
  return instance && !isAddedExport(name) && Object.hasOwn(instance.exports, name) ? instance.exports[name] : undefined
}
