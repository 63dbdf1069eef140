/** A live component: its core instances linked behind one border, its functions called with WIT values, killed by a trap. */
import type { FlatSignature } from './flat-signature.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { chain, run, type Steps, wait } from '../../src/kernel/steps.ts'
import { type Border, type BorderImport, Death, instantiateBorder } from '../../src/loader/border.ts'
import type { Suspension } from '../../src/loader/suspension.ts'
import type { CanonContext } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import { CoreInstances } from './core-instances.ts'
import { setEntered } from './instance-state.ts'
import { type CoreValue, primitive } from './wit-types.ts'
import type { GuestFunc, Trampoline } from './plan.ts'
import type { Program } from './program.ts'
import type { HandleTable, Representation } from './resources.ts'
import type { ResourceType } from './resource-types.ts'
import { type GuestHost, Runtime } from './runtime.ts'
import { answerBuiltin, builtinSuspends, builtinType } from './tasks/builtins.ts'
import type { Scheduler } from './tasks/scheduler.ts'
import { LiftedCall } from './tasks/lifted.ts'
import { callLowered, lowerSuspends } from './tasks/lowered.ts'

/** What the CVM counts the calls of components under. */
export const BorderOperation = { Canon: 220 } as const

function typeOf(trampoline: Trampoline): Pick<FlatSignature, 'params' | 'results'> {
  switch (trampoline.kind) {
    case 'lower':
      return trampoline.signature
    case 'builtin':
      return builtinType(trampoline.builtin)
    case 'resource.drop':
      return { params: ['i32'], results: [] }
    default:
      return { params: ['i32'], results: ['i32'] }
  }
}

type CoreImport = (...raw: CoreValue[]) => MaybePromise<CoreValue | undefined>

/** A destructor as a function of the component. */
function destructorOf({ by }: ResourceType): GuestFunc | undefined {
  if (by.side === 'host' || !by.destructor) return undefined
  const nothing = { memory: undefined, realloc: undefined, postReturn: undefined, callback: undefined }
  return {
    by: 'guest',
    core: by.destructor,
    options: { encoding: 'utf8', isAsync: false, ...nothing },
    type: { isAsync: false, params: [{ name: 'rep', type: primitive('u32') }], result: undefined },
    instance: by.instance,
  }
}

export class ComponentGuest {
  readonly #program: Program
  readonly #suspension: Suspension | undefined
  readonly #host: GuestHost
  readonly #border: Border
  readonly #runtime: Runtime
  readonly #destructors = new Map<ResourceType, GuestFunc | undefined>()
  /** Its core instances: instantiated, armed and entered by whoever drives the guest. */
  readonly cores: CoreInstances

  /** @param suspension JSPI; without it what waits keeps the thread */
  constructor(program: Program, suspension: Suspension | undefined, host: GuestHost) {
    this.#program = program
    this.#suspension = suspension
    this.#host = host
    this.cores = new CoreInstances(program, suspension, () => this.#border)
    this.#runtime = new Runtime(this.cores, program.plan.instances, suspension !== undefined, host)
    this.#border = this.#link()
  }

  /** Its fuel, which all of them share. */
  get fuel(): CoreInstances {
    return this.cores
  }

  /** The handles of each component instance. */
  get tables(): readonly HandleTable[] {
    return this.#runtime.states.map(({ handles }) => handles)
  }

  countWith(count: (operation: number) => number): void {
    this.#border.countWith(count)
  }

  kill(): void {
    if (this.#border.dead.value === Death.alive) this.#border.dead.value = Death.killed
  }

  /** Ends it for good: what waits in it is let go. */
  end(): void {
    this.kill()
    this.#runtime.scheduler.end()
  }

  /** A `Death`, or what the CVM answered; 0 while it lives. */
  get death(): number {
    return this.#border.dead.value
  }

  get scheduler(): Scheduler {
    return this.#runtime.scheduler
  }

  /** Whether tasks of it wait for something, between two calls. */
  get hasTasks(): boolean {
    return this.#runtime.scheduler.waiting.size > 0
  }

  /**
   * Instantiates its core modules.
   * @param starts whether their start functions run: not where a saved state is put back
   */
  instantiate(starts: boolean): MaybePromise<void> {
    return this.#runtime.scheduler.aside(this.#runtime.asideThread(0), () => this.cores.instantiate(starts))
  }

  /**
   * Calls a function of the component with checked values. The call is over when every task that it began has ended, or
   * waits for what never comes.
   * @param handOut gives a resource that the result holds to the embedding program
   * @throws CanonTrap or a trap of the engine, also as rejection: the guest is lost
   */
  invoke(func: GuestFunc, args: readonly unknown[], handOut?: CanonContext['handOut']): MaybePromise<unknown> {
    return this.#fatal(() => run(this.#invoke(func, args, handOut)))
  }

  /** Whatever fails while the guest runs is its end: nothing of it is left in the middle of something. */
  #fatal<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    const fail = (error: unknown): never => {
      this.#host.fault(error)
      this.kill()
      throw error
    }
    try {
      const answer = act()
      return answer instanceof Promise ? answer.catch(fail) : answer
    } catch (error) {
      return fail(error)
    }
  }

  *#invoke(func: GuestFunc, args: readonly unknown[], handOut?: CanonContext['handOut']): Steps<unknown> {
    const { scheduler } = this.#runtime
    let result: { value: unknown } | undefined
    const onResolve = (outcome: { value: unknown } | undefined): void => {
      result = outcome
    }
    const rest = () => chain(this.#host.breathe(), () => this.cores.rested())
    const caller = { onStart: () => args, onResolve, rest, ...(handOut ? { handOut } : {}) }
    const call = new LiftedCall(this.#runtime, func, caller)
    yield* call.begin(undefined)
    while (!(call.isOver && scheduler.waiting.size === 0 && !scheduler.hasWork)) {
      const goesOn = yield* this.#turn()
      if (goesOn) continue
      if (!call.task.isResolved) throw new CanonTrap('it waits for what never comes: no task of it can go on')
      break
    }
    scheduler.endCall()
    return result?.value
  }

  /** Lets one thread go on, or waits for the host. @returns false when nothing more can happen */
  *#turn(): Steps<boolean> {
    const { scheduler } = this.#runtime
    yield* wait(this.#host.breathe())
    if (this.death !== Death.alive) throw new CanonTrap('it was ended')
    scheduler.takeAnswers()
    const thread = scheduler.nextReady()
    if (thread) {
      const { instance } = thread.task
      setEntered(instance, undefined, true)
      yield* wait(scheduler.resume(thread))
      setEntered(instance, undefined, false)
      return true
    }
    if (!scheduler.isHostAsked) return false
    yield* wait(this.#host.wait(scheduler.nextAnswer()))
    return true
  }

  /** Ends a resource of the component's that the embedding program held. */
  destroy(resource: ResourceType, rep: Representation): MaybePromise<void> {
    return this.#destroy(resource, rep, undefined)
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
    const functions = trampolines.map((trampoline, at) => {
      const answer = this.#worked(this.#answer(trampoline))
      const now = (...raw: CoreValue[]) => this.#now(answer(...raw))
      return [String(at), this.#suspends(trampoline) && this.#suspension ? answer : now] as const
    })
    return instantiateBorder(imports, {
      suspension: this.#suspension,
      onFault: (error) => this.#host.fault(error),
      callout: () => this.cores.callout(() => this.#host.callout()),
      suspend: () => this.#host.pause(),
      host: { canon: Object.fromEntries(functions) },
    })
  }

  /** What the host does for a guest burns no fuel: values that are moved, and whatever else. */
  #worked(answer: CoreImport): CoreImport {
    return (...raw) => {
      try {
        return answer(...raw)
      } finally {
        this.#host.worked()
      }
    }
  }

  /** What an import answers that cannot suspend the guest: a promise would be taken for a number. */
  #now(answer: MaybePromise<CoreValue | undefined>): CoreValue | undefined {
    if (!(answer instanceof Promise)) return answer
    answer.catch(() => {})
    return this.#host.blocked()
  }

  #suspends(trampoline: Trampoline): boolean {
    if (trampoline.kind === 'lower') return lowerSuspends(trampoline, (func) => this.#host.mayWait(func))
    if (trampoline.kind === 'builtin') return builtinSuspends(trampoline.builtin)
    return trampoline.kind === 'resource.drop' && this.#destructor(trampoline.resource) !== undefined
  }

  /** What we do when the guest calls a function of ours. */
  #answer(trampoline: Trampoline): CoreImport {
    const runtime = this.#runtime
    const { instance } = trampoline
    const state = runtime.state(instance)
    const { handles } = state
    if (trampoline.kind === 'builtin') return answerBuiltin(runtime, trampoline.builtin, instance)
    if (trampoline.kind === 'lower')
      return (...raw) => {
        runtime.mustLeave(state)
        return callLowered(runtime, trampoline, raw)
      }
    const { kind, resource } = trampoline
    if (kind === 'resource.rep') return (number) => handles.get(Number(number) >>> 0, resource).rep as number
    if (kind === 'resource.new')
      return (rep) => {
        runtime.mustLeave(state)
        return handles.add(resource, Number(rep))
      }
    return (number) => {
      runtime.mustLeave(state)
      const { rep, scope } = handles.remove(Number(number) >>> 0, resource)
      if (!scope) return chain(this.#destroy(resource, rep, instance), () => undefined)
      scope.borrows--
      return undefined
    }
  }

  #destructor(resource: ResourceType): GuestFunc | undefined {
    if (!this.#destructors.has(resource)) this.#destructors.set(resource, destructorOf(resource))
    return this.#destructors.get(resource)
  }

  /** @param from the component instance that lets it go; undefined for the host */
  #destroy(resource: ResourceType, rep: Representation, from: number | undefined): MaybePromise<void> {
    if (resource.by.side === 'host') return this.#host.drop(rep as object)
    const destructor = this.#destructor(resource)
    if (!destructor) return undefined
    const caller = { onStart: () => [rep], onResolve: () => {} }
    return run(new LiftedCall(this.#runtime, destructor, caller).begin(from))
  }
}
