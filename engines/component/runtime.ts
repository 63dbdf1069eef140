/** What calls into a component and out of it share: its core instances, its instances' states, its threads. */
import { NO_OPTIONS } from './component-ast.ts'
import { type FlatSignature, flatSignature } from './flat-signature.ts'
import { TokaError } from '../../src/errors.ts'
import type { MaybePromise } from '../../src/kernel/host-port.ts'
import { BORDER } from '../../src/limits.ts'
import { Budget, type CanonContext } from './canon-context.ts'
import { CanonTrap } from './canon-trap.ts'
import type { CoreInstances } from './core-instances.ts'
import type { InstanceState } from './instance-state.ts'
import type { CoreValue } from './wit-types.ts'
import type { GuestFunc, HostFunc, LiftOptions, Plan } from './plan.ts'
import { HandleTable, ObjectCount } from './resources.ts'
import type { CoreRef } from './resource-types.ts'
import { Scheduler } from './tasks/scheduler.ts'
import { Task } from './tasks/task.ts'
import { Thread } from './tasks/thread.ts'

/** What the host does for a guest that goes on meanwhile. */
export type Begun = {
  readonly answer: MaybePromise<unknown>
  /** Gives it up; undefined for what cannot be. */
  readonly cancel?: (() => void) | undefined
}

/** What stands behind a component's imports. Answers may be promises only where `mayWait` says so. */
export type GuestHost = {
  call(func: HostFunc, args: readonly unknown[]): MaybePromise<unknown>
  /** Calls a function whose answer the guest need not wait for. */
  begin(func: HostFunc, args: readonly unknown[]): Begun
  mayWait(func: HostFunc): boolean
  /** The host worked for the guest, which burned no fuel: whether its time is over is looked at. */
  worked(): void
  /** Whether its turn goes on, asked where the host works for it. */
  mayGoOn(): boolean
  /** Between two threads: others have their turn, if the guest's is over. */
  breathe(): MaybePromise<void>
  /** The guest waits for an answer: others have the thread meanwhile. Rejects when it must die. */
  wait<T>(answer: Promise<T>): Promise<T>
  /** A thread would have to wait, and the guest cannot be suspended. */
  blocked(): never
  /** A resource of the host's is let go of. */
  drop(resource: object): void
  /** @returns a Verdict */
  callout(): number
  pause(): Promise<void>
  fault(error: unknown): void
}

/** What a task's own functions are in which nothing can be asked of it: its allocator, what tidies up. */
const INSIDE: Pick<GuestFunc, 'by' | 'core' | 'options' | 'type'> = {
  by: 'guest',
  core: { from: 'trampoline', trampoline: -1 },
  options: NO_OPTIONS,
  type: { isAsync: false, params: [], result: undefined },
}

const NO_CALLER = { onStart: () => [], onResolve: () => {} }

export class Runtime {
  readonly cores: CoreInstances
  readonly host: GuestHost
  readonly scheduler: Scheduler
  /** Whether the guest can be suspended. */
  readonly canSuspend: boolean
  readonly states: readonly InstanceState[]
  readonly #signatures = new Map<GuestFunc, FlatSignature>()

  constructor(cores: CoreInstances, instances: Plan['instances'], canSuspend: boolean, host: GuestHost) {
    this.cores = cores
    this.host = host
    this.canSuspend = canSuspend
    this.scheduler = new Scheduler(canSuspend, host)
    const objects = new ObjectCount()
    const states: InstanceState[] = []
    for (const parent of instances) {
      const around: InstanceState[] = parent === undefined ? [] : [...(states[parent]?.around ?? [])]
      const state: InstanceState = {
        handles: new HandleTable(objects),
        around,
        entered: false,
        mayLeave: true,
        backpressure: 0,
        waitingToEnter: 0,
        exclusive: undefined,
      }
      around.push(state)
      states.push(state)
    }
    this.states = states
  }

  state(instance: number): InstanceState {
    const state = this.states[instance]
    if (!state) throw new TokaError('TOKA_INTERNAL', `the plan names the component instance ${instance}`)
    return state
  }

  signatureOf(func: GuestFunc): FlatSignature {
    const known = this.#signatures.get(func)
    if (known) return known
    const { isAsync, callback } = func.options
    const signature = flatSignature(func.type, 'lift', { isAsync, hasCallback: callback !== undefined })
    this.#signatures.set(func, signature)
    return signature
  }

  /** A crossing of values between us and an instance. */
  context(
    { encoding, memory, realloc }: LiftOptions,
    instance: number,
    { scope, handOut, lent }: Partial<Pick<CanonContext, 'scope' | 'handOut' | 'lent'>> = {},
  ): CanonContext {
    const state = this.state(instance)
    const memoryOf = () => this.cores.memory(memory)
    return {
      encoding,
      get memory() {
        return memoryOf()
      },
      allocate: (align, size) => {
        if (!realloc) throw new CanonTrap('it has no allocator for what it is given')
        return Number(this.callInside(instance, realloc, [0, 0, align, size])) >>> 0
      },
      handles: state.handles,
      instance,
      budget: new Budget(BORDER.resultBytes, BORDER.valueNodes),
      lent: lent ?? [],
      scope,
      ...(handOut ? { handOut } : {}),
    }
  }

  /** Calls the guest from within a call of it: nothing of it may be suspended, nothing of it may call out. */
  callInside(instance: number, ref: CoreRef, args: readonly CoreValue[]): CoreValue | undefined {
    const state = this.state(instance)
    const { mayLeave } = state
    state.mayLeave = false
    try {
      const answer = this.scheduler.aside(this.asideThread(instance), () => this.cores.callPinned(ref, args))
      if (answer instanceof Promise) throw new TypeError('a call that is pinned was suspended')
      if (this.cores.isDead) throw new CanonTrap('it was ended')
      return answer
    } finally {
      state.mayLeave = mayLeave
    }
  }

  /** A thread for what is no call of a function: it has its own context, and never waits. */
  asideThread(instance: number): Thread {
    const task = new Task({ ...INSIDE, instance }, this.state(instance), NO_CALLER)
    return new Thread(task, nothing(), false)
  }

  /** @throws CanonTrap inside of an allocator, or of what tidies up */
  mustLeave(state: InstanceState): void {
    if (!state.mayLeave) throw new CanonTrap('it calls out of its allocator, or while it tidies up')
  }
}

function* nothing(): Generator<never, void, unknown> {}
