/** A function of the guest is called: its task begins, runs on a thread of its own and ends (CanonicalABI.md, "canon lift"). */
import type { FlatSignature } from '../flat-signature.ts'
import { type Steps, wait } from '../../../src/kernel/steps.ts'
import type { CanonContext } from '../canon-context.ts'
import { CanonTrap } from '../canon-trap.ts'
import { FlatValues, liftFlat, load } from '../lift.ts'
import type { CoreValue, WitType } from '../wit-types.ts'
import { lowerFlat, store, storeLater } from '../lower.ts'
import type { GuestFunc } from '../plan.ts'
import { type InstanceState, mayEnter, setEntered } from '../instance-state.ts'
import type { Runtime } from '../runtime.ts'
import { type Caller, mustHoldBack, Task } from './task.ts'
import { type Block, Thread, type ThreadBody } from './thread.ts'
import { Event, type EventTuple, WaitableSet } from './waitable.ts'

type Waiting<T> = Generator<Promise<unknown> | Block, T, unknown>

/** What a callback answers, in the low four bits. */
const Answer = { exit: 0, yield: 1, wait: 2 } as const

export function lowerArguments(
  cx: CanonContext,
  types: readonly WitType[],
  { spilled }: FlatSignature,
  args: readonly unknown[],
): CoreValue[] {
  const flat: CoreValue[] = []
  if (!spilled) {
    types.forEach((type, at) => lowerFlat(cx, type, args[at], flat))
    return flat
  }
  const at = cx.memory.range(cx.allocate(spilled.align, spilled.size), spilled.size, spilled.align)
  store(cx, spilled, args, at)
  return [at]
}

function liftResult(
  cx: CanonContext,
  { type: { result } }: GuestFunc,
  { indirect }: FlatSignature,
  raw: CoreValue | undefined,
): unknown {
  if (!result) return undefined
  if (!indirect) return liftFlat(cx, result, new FlatValues(raw === undefined ? [] : [raw]))
  return load(cx, result, cx.memory.range(Number(raw), result.size, result.align))
}

/** The thread of a task, where cancellation reaches it: not while another runs that excludes it. */
function canHearCancel({ needsExclusive, instance }: Task, thread: Thread, from: InstanceState | undefined): boolean {
  const isExcluded = needsExclusive && instance.exclusive !== undefined && instance.exclusive !== thread
  return thread.isCancellable && !isExcluded && mayEnter(instance, from)
}

/** A task under way: how to cancel it. */
export class LiftedCall {
  readonly task: Task
  readonly #runtime: Runtime
  readonly #thread: Thread
  #isOver = false

  /** @throws CanonTrap when there are too many */
  constructor(runtime: Runtime, func: GuestFunc, caller: Caller) {
    runtime.scheduler.addTask()
    this.#runtime = runtime
    this.task = new Task(func, runtime.state(func.instance), caller)
    this.#thread = new Thread(this.task, this.#body())
  }

  /** Nothing of it runs any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Lets it run for the first time: to its end where it must not wait for anything.
   * @param from the instance that calls; undefined for the host
   */
  *begin(from: number | undefined): Steps<void> {
    const { func, instance } = this.task
    const { scheduler } = this.#runtime
    const caller = from === undefined ? undefined : this.#runtime.state(from)
    if (!mayEnter(instance, caller))
      throw new CanonTrap('a component instance is called while a call of it is under way')
    setEntered(instance, caller, true)
    yield* wait(scheduler.resume(this.#thread))
    while (!func.type.isAsync && !this.task.isResolved) {
      const other = scheduler.nextReady(instance)
      if (!other) throw new CanonTrap('a function that is not async waits, and nothing that runs could end that')
      yield* wait(scheduler.resume(other))
    }
    setEntered(instance, caller, false)
  }

  /**
   * Its caller wants it no more: it hears of that where it can.
   * @param from the instance that called
   */
  *cancel(from: number): Steps<void> {
    const { task } = this
    const { scheduler } = this.#runtime
    const caller = this.#runtime.state(from)
    const { hasBegun } = task
    const canHear = !hasBegun || canHearCancel(task, this.#thread, caller)
    task.wantCancel(canHear)
    if (!canHear) return
    if (hasBegun) setEntered(task.instance, caller, true)
    yield* wait(scheduler.resume(this.#thread, true))
    if (hasBegun) setEntered(task.instance, caller, false)
  }

  *#body(): ThreadBody {
    const { task } = this
    const { type, options } = task.func
    if (!type.isAsync || (yield* this.#enter())) {
      yield* options.isAsync ? this.#runAsync() : this.#runSync()
      if (!task.isResolved) throw new CanonTrap('a task ends without a result: task.return was not called')
      if (type.isAsync && task.needsExclusive) task.instance.exclusive = undefined
    }
    this.#isOver = true
    this.#runtime.scheduler.removeTask()
  }

  /** Waits until the instance lets calls begin. @returns false when it was cancelled before */
  *#enter(): Waiting<boolean> {
    const { task } = this
    const { instance } = task
    if (mustHoldBack(task) || instance.waitingToEnter > 0) {
      instance.waitingToEnter++
      const cancelled = yield { until: () => !mustHoldBack(task), cancellable: true }
      instance.waitingToEnter--
      if (cancelled === true) {
        task.cancel()
        return false
      }
    }
    if (task.needsExclusive) instance.exclusive = this.#thread
    return true
  }

  *#arguments(): Waiting<CoreValue[]> {
    const { func, caller } = this.task
    const runtime = this.#runtime
    const args = this.task.start()
    const cx = runtime.context(func.options, func.instance, { scope: this.task })
    if (caller.rest) cx.later = []
    const types = func.type.params.map(({ type }) => type)
    const flat = lowerArguments(cx, types, runtime.signatureOf(func), args)
    if (caller.rest) yield* storeLater(cx, caller.rest)
    return flat
  }

  *#runSync(): Waiting<void> {
    const { func, caller } = this.task
    const runtime = this.#runtime
    const raw = yield* wait(runtime.cores.entry(func.core)(...(yield* this.#arguments())))
    const { handOut } = caller
    const cx = runtime.context(func.options, func.instance, { scope: this.task, ...(handOut ? { handOut } : {}) })
    this.task.return(liftResult(cx, func, runtime.signatureOf(func), raw))
    const { postReturn } = func.options
    if (postReturn) runtime.callInside(func.instance, postReturn, raw === undefined ? [] : [raw])
  }

  *#runAsync(): Waiting<void> {
    const { func } = this.task
    const { callback } = func.options
    let packed = yield* wait(this.#runtime.cores.entry(func.core)(...(yield* this.#arguments())))
    while (callback && (Number(packed) & 0xf) !== Answer.exit) {
      const event = yield* this.#nextEvent(Number(packed) >>> 0)
      packed = yield* wait(this.#runtime.cores.entry(callback)(...event))
    }
  }

  /** Waits for what the guest's code, which has returned, wants to be called back for. */
  *#nextEvent(packed: number): Waiting<EventTuple> {
    const { task } = this
    const { instance } = task
    const code = packed & 0xf
    if (code > Answer.wait) throw new CanonTrap(`a callback answers ${code}, which means nothing`)
    const set = code === Answer.wait ? instance.handles.item(packed >>> 4, WaitableSet) : undefined
    instance.exclusive = undefined
    const until = () => instance.exclusive === undefined && (set === undefined || set.hasEvent)
    if (set) set.waiting++
    const cancelled = task.takeCancel(true) || (yield { until, cancellable: true }) === true
    if (set) set.waiting--
    instance.exclusive = this.#thread
    if (cancelled) return [Event.taskCancelled, 0, 0]
    return set ? set.takeEvent() : [Event.none, 0, 0]
  }
}
