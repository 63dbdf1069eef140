/** A live component: its core instances linked behind one border, its functions called with WIT values, killed by a trap. */
import { TokaError } from '../../src/errors.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { chain } from '../../src/kernel/steps.ts'
import { BORDER } from '../../src/limits.ts'
import { type Border, type BorderImport, Death, instantiateBorder } from '../../src/loader/border.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import { Budget, type CanonContext } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import { CoreInstances } from './core-instances.ts'
import { type CoreValue, FlatValues, liftFlat, load } from './lift.ts'
import { lowerFlat, store } from './lower.ts'
import type { GuestFunc, HostFunc, LiftOptions, Trampoline } from './plan.ts'
import type { CoreRef } from './resource-types.ts'
import type { Program } from './program.ts'
import { type CallScope, HandleTable, ObjectCount, type Representation } from './resources.ts'
import type { ResourceType } from './resource-types.ts'
import { type FlatSignature, flatSignature } from './wit-types.ts'

/** What stands behind a component's imports. Answers may be promises only where `mayWait` says so. */
export type GuestHost = {
  call(func: HostFunc, args: readonly unknown[]): MaybePromise<unknown>
  mayWait(func: HostFunc): boolean
  /** The guest waits for an answer: others have the thread meanwhile. Rejects when it must die. */
  wait<T>(answer: Promise<T>): Promise<T>
  /** A resource of the host's is let go of. */
  drop(resource: object): void
  /** @returns a Verdict */
  callout(): number
  pause(): Promise<void>
  fault(error: unknown): void
}

/** What the CVM counts the calls of components under. */
export const BorderOperation = { Canon: 220 } as const

/** One component instance. */
type InstanceState = {
  readonly handles: HandleTable
  /** A call of it is under way: it cannot be called again (CanonicalABI.md, "may_enter"). */
  entered: boolean
  /** Its imports may be called: not by its allocator, nor by what tidies up after a call. */
  mayLeave: boolean
}

function typeOf(trampoline: Trampoline): Pick<FlatSignature, 'params' | 'results'> {
  switch (trampoline.kind) {
    case 'lower':
      return trampoline.signature
    case 'resource.drop':
      return { params: ['i32'], results: [] }
    default:
      return { params: ['i32'], results: ['i32'] }
  }
}

export class ComponentGuest {
  readonly #program: Program
  readonly #suspension: Suspension | undefined
  readonly #host: GuestHost
  readonly #border: Border
  readonly #states: InstanceState[]
  /** Its core instances: instantiated, armed and entered by whoever drives the guest. */
  readonly cores: CoreInstances
  readonly #signatures = new Map<GuestFunc, FlatSignature>()

  /** @param suspension JSPI; without it what waits keeps the thread */
  constructor(program: Program, suspension: Suspension | undefined, host: GuestHost) {
    this.#program = program
    this.#suspension = suspension
    this.#host = host
    const objects = new ObjectCount()
    this.#states = Array.from({ length: program.plan.instances }, () => ({
      handles: new HandleTable(objects),
      entered: false,
      mayLeave: true,
    }))
    this.cores = new CoreInstances(program, suspension, () => this.#border)
    this.#border = this.#link()
  }

  /** Its fuel, which all of them share. */
  get fuel(): CoreInstances {
    return this.cores
  }

  /** The handles of each component instance. */
  get tables(): readonly HandleTable[] {
    return this.#states.map(({ handles }) => handles)
  }

  countWith(count: (operation: number) => number): void {
    this.#border.countWith(count)
  }

  kill(): void {
    if (this.#border.dead.value === Death.alive) this.#border.dead.value = Death.killed
  }

  /** A `Death`, or what the CVM answered; 0 while it lives. */
  get death(): number {
    return this.#border.dead.value
  }

  /**
   * Calls a function of the component with checked values.
   * @param handOut gives a resource that the result holds to the embedding program
   * @throws CanonTrap or a trap of the engine, also as rejection: the guest is lost
   */
  invoke(func: GuestFunc, args: readonly unknown[], handOut?: CanonContext['handOut']): MaybePromise<unknown> {
    const state = this.#state(func.instance)
    if (state.entered) throw new CanonTrap('a component instance is called while a call of it is under way')
    state.entered = true
    const scope: CallScope = { borrows: 0 }
    const cx = this.#context(func.options, func.instance, { scope, handOut })
    const signature = this.#signatureOf(func)
    const answer = this.cores.entry(func.core)(...this.#lowerArguments(cx, func, signature, args))
    return chain(answer, (raw) => {
      const value = this.#liftResult(cx, func, signature, raw)
      if (func.options.postReturn) this.#tidyUp(state, func.options.postReturn, raw)
      if (scope.borrows > 0) throw new CanonTrap('a call keeps handles that were lent to it')
      state.entered = false
      return value
    })
  }

  /** Ends a resource of the component's that the embedding program held. */
  destroy(resource: ResourceType, rep: Representation): MaybePromise<void> {
    return this.#destroy(resource, rep, -1)
  }

  #state(instance: number): InstanceState {
    const state = this.#states[instance]
    if (!state) throw new TokaError('TOKA_INTERNAL', `the plan names the component instance ${instance}`)
    return state
  }

  #signatureOf(func: GuestFunc): FlatSignature {
    const known = this.#signatures.get(func)
    if (known) return known
    const signature = flatSignature(func.type, 'lift')
    this.#signatures.set(func, signature)
    return signature
  }

  #link(): Border {
    const { trampolines } = this.#program.plan
    const imports = trampolines.map(
      (trampoline, at): BorderImport => ({
        module: 'canon',
        name: String(at),
        ...typeOf(trampoline),
        operation: BorderOperation.Canon,
        suspends: this.#suspends(trampoline),
      }),
    )
    const functions = trampolines.map((trampoline, at) => [String(at), this.#answer(trampoline)] as const)
    return instantiateBorder(imports, {
      suspension: this.#suspension,
      onFault: (error) => this.#host.fault(error),
      callout: () => this.cores.callout(() => this.#host.callout()),
      suspend: () => this.#host.pause(),
      host: { canon: Object.fromEntries(functions) },
    })
  }

  #suspends(trampoline: Trampoline): boolean {
    if (trampoline.kind === 'lower') return trampoline.callee.by === 'guest' || this.#host.mayWait(trampoline.callee)
    const { by } = trampoline.resource
    return trampoline.kind === 'resource.drop' && by.side === 'guest' && by.destructor !== undefined
  }

  /** Calls the guest from within a call of it: nothing of it may be suspended, nothing of it may call out. */
  #callInside(state: InstanceState, ref: CoreRef, args: readonly CoreValue[]): CoreValue | undefined {
    const { mayLeave } = state
    state.mayLeave = false
    try {
      const answer = this.cores.callPinned(ref, args)
      if (this.death !== Death.alive) throw new CanonTrap('it was ended')
      return answer
    } finally {
      state.mayLeave = mayLeave
    }
  }

  #tidyUp(state: InstanceState, postReturn: CoreRef, raw: CoreValue | undefined): void {
    this.#callInside(state, postReturn, raw === undefined ? [] : [raw])
  }

  #context(
    { encoding, memory, realloc }: LiftOptions,
    instance: number,
    { scope, handOut }: { scope?: CallScope; handOut?: CanonContext['handOut'] },
  ): CanonContext {
    const state = this.#state(instance)
    const memoryOf = () => this.cores.memory(memory)
    return {
      encoding,
      get memory() {
        return memoryOf()
      },
      allocate: (align, size) => {
        if (!realloc) throw new CanonTrap('it has no allocator for what it is given')
        return Number(this.#callInside(state, realloc, [0, 0, align, size])) >>> 0
      },
      handles: state.handles,
      instance,
      budget: new Budget(BORDER.resultBytes, BORDER.valueNodes),
      lent: [],
      scope,
      ...(handOut ? { handOut } : {}),
    }
  }

  #lowerArguments(
    cx: CanonContext,
    { type }: GuestFunc,
    { spilled }: FlatSignature,
    args: readonly unknown[],
  ): CoreValue[] {
    const flat: CoreValue[] = []
    if (!spilled) {
      type.params.forEach((param, at) => lowerFlat(cx, param.type, args[at], flat))
      return flat
    }
    const at = cx.memory.range(cx.allocate(spilled.align, spilled.size), spilled.size, spilled.align)
    store(cx, spilled, args, at)
    return [at]
  }

  #liftResult(
    cx: CanonContext,
    { type: { result } }: GuestFunc,
    { indirect }: FlatSignature,
    raw: CoreValue | undefined,
  ): unknown {
    if (!result) return undefined
    if (!indirect) return liftFlat(cx, result, new FlatValues(raw === undefined ? [] : [raw]))
    return load(cx, result, cx.memory.range(Number(raw), result.size, result.align))
  }

  /** What we do when the guest calls a function of ours. */
  #answer(trampoline: Trampoline): (...raw: CoreValue[]) => MaybePromise<CoreValue | undefined> {
    const state = this.#state(trampoline.instance)
    const { handles } = state
    const mustLeave = () => {
      if (!state.mayLeave) throw new CanonTrap('it calls out of its allocator, or while it tidies up')
    }
    if (trampoline.kind === 'lower')
      return (...raw) => {
        mustLeave()
        return this.#lowered(trampoline, raw)
      }
    const { kind, resource, instance } = trampoline
    if (kind === 'resource.rep') return (number) => handles.get(Number(number) >>> 0, resource).rep as number
    if (kind === 'resource.new')
      return (rep) => {
        mustLeave()
        return handles.add(resource, Number(rep))
      }
    return (number) => {
      mustLeave()
      const { rep, scope } = handles.remove(Number(number) >>> 0, resource)
      if (!scope) return chain(this.#destroy(resource, rep, instance), () => undefined)
      scope.borrows--
      return undefined
    }
  }

  /** @param from the component instance that lets it go */
  #destroy({ by }: ResourceType, rep: Representation, from: number): MaybePromise<void> {
    if (by.side === 'host') return this.#host.drop(rep as object)
    if (!by.destructor) return undefined
    const state = this.#state(by.instance)
    if (by.instance === from) return chain(this.cores.entry(by.destructor)(rep as number), () => {})
    if (state.entered) throw new CanonTrap('a resource is dropped while its component is called')
    state.entered = true
    return chain(this.cores.entry(by.destructor)(rep as number), () => {
      state.entered = false
    })
  }

  #lowered(
    { callee, options, signature, instance }: Trampoline & { kind: 'lower' },
    raw: readonly CoreValue[],
  ): MaybePromise<CoreValue | undefined> {
    const cx = this.#context(options, instance, {})
    const values = new FlatValues(raw)
    const { spilled } = signature
    const args = spilled
      ? (load(cx, spilled, cx.memory.range(values.i32(), spilled.size, spilled.align)) as unknown[])
      : callee.type.params.map(({ type }) => liftFlat(cx, type, values))
    return chain(this.#call(callee, args), (value) => {
      for (const handle of cx.lent) handle.lends--
      const { result } = callee.type
      if (!result) return undefined
      if (!signature.indirect) {
        const flat: CoreValue[] = []
        lowerFlat(cx, result, value, flat)
        return flat[0]
      }
      store(cx, result, value, cx.memory.range(values.i32(), result.size, result.align))
      return undefined
    })
  }

  #call(callee: HostFunc | GuestFunc, args: readonly unknown[]): MaybePromise<unknown> {
    if (callee.by === 'guest') return this.invoke(callee, args)
    const answer = this.#host.call(callee, args)
    return answer instanceof Promise && this.#suspension ? this.#host.wait(answer) : answer
  }
}
