/** The builtins of tasks in, core functions that answer them out (CanonicalABI.md, "Canonical Definitions"). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { InstanceState } from '../instance-state.ts'
import { type CoreValue, FlatValues, liftFlat, liftString, load } from '../lift.ts'
import { lowerString, storePair } from '../lower.ts'
import type { PlannedBuiltin } from '../plan.ts'
import type { CoreRef } from '../resource-types.ts'
import type { Runtime } from '../runtime.ts'
import { type FlatType, isSame } from '../wit-types.ts'
import { channelBuiltin, isOnChannel } from './channel-builtins.ts'
import { ErrorContext } from './error-context.ts'
import { Subtask } from './subtask.ts'
import { BLOCKED, waitForEvent } from './wait-for-event.ts'
import { Event, type EventTuple, Waitable, WaitableSet } from './waitable.ts'

type Of<N extends PlannedBuiltin['name']> = Extract<PlannedBuiltin, { name: N }>
type CoreAnswer = MaybePromise<CoreValue | undefined>
type Signature = { params: readonly FlatType[]; results: readonly FlatType[] }

const MOST_BACKPRESSURE = 2 ** 16
/** Characters of an error context's text that are kept: the specification leaves that to the host. */
const MOST_MESSAGE = 256

const NOTHING: Signature = { params: [], results: [] }
const TAKES_HANDLE: Signature = { params: ['i32'], results: [] }

export function builtinType(builtin: PlannedBuiltin): Signature {
  switch (builtin.name) {
    case 'task.return': {
      const flat = builtin.result?.flat
      return { params: builtin.result ? (flat ?? ['i32']) : [], results: [] }
    }
    case 'context.get':
      return { params: [], results: [builtin.core] }
    case 'context.set':
      return { params: [builtin.core], results: [] }
    case 'backpressure.inc':
    case 'backpressure.dec':
    case 'task.cancel':
      return NOTHING
    case 'waitable-set.new':
    case 'thread.yield':
      return { params: [], results: ['i32'] }
    case 'waitable.join':
    case 'error-context.debug-message':
      return { params: ['i32', 'i32'], results: [] }
    case 'waitable-set.wait':
    case 'waitable-set.poll':
    case 'error-context.new':
    case 'future.read':
    case 'future.write':
      return { params: ['i32', 'i32'], results: ['i32'] }
    case 'stream.read':
    case 'stream.write':
      return { params: ['i32', 'i32', 'i32'], results: ['i32'] }
    case 'stream.new':
    case 'future.new':
      return { params: [], results: ['i64'] }
    default:
      return 'isAsync' in builtin ? { params: ['i32'], results: ['i32'] } : TAKES_HANDLE
  }
}

/** Whether the guest may have to be suspended in it. */
export function builtinSuspends(builtin: PlannedBuiltin): boolean {
  switch (builtin.name) {
    // What is cancelled runs at once, whether or not it is waited for.
    case 'subtask.cancel':
    case 'thread.yield':
    case 'waitable-set.wait':
      return true
    case 'stream.read':
    case 'stream.write':
    case 'future.read':
    case 'future.write':
      return !builtin.options.isAsync
    default:
      return 'isAsync' in builtin && !builtin.isAsync
  }
}

function taskReturn(runtime: Runtime, { result, options }: Of<'task.return'>, raw: readonly CoreValue[]): undefined {
  const { task } = runtime.scheduler.current
  const { func } = task
  if (!func.options.isAsync) throw new CanonTrap('task.return is called by a function that returns its result itself')
  if (!isSame(result, func.type.result)) throw new CanonTrap('task.return is called with a result of another type')
  if (options.encoding !== func.options.encoding || !isSameMemory(runtime, options.memory, func.options.memory))
    throw new CanonTrap('task.return is called with other options than its function has')
  const { handOut } = task.caller
  const cx = runtime.context(options, func.instance, { scope: task, ...(handOut ? { handOut } : {}) })
  if (!result) task.return(undefined)
  else if (result.flat) task.return(liftFlat(cx, result, new FlatValues(raw)))
  else task.return(load(cx, result, cx.memory.range(Number(raw[0]), result.size, result.align)))
}

/** A result without pointers needs no memory, so that one of two may be absent. */
function isSameMemory({ cores }: Runtime, a: CoreRef | undefined, b: CoreRef | undefined): boolean {
  return !a || !b || cores.memory(a) === cores.memory(b)
}

function taskCancel({ scheduler }: Runtime): undefined {
  const { task } = scheduler.current
  if (!task.func.options.isAsync) throw new CanonTrap('task.cancel is called by a function that is not async')
  task.cancel()
}

function context({ scheduler }: Runtime, { name, core, slot }: Of<'context.get' | 'context.set'>, raw: CoreValue = 0) {
  const { storage } = scheduler.current
  if (name === 'context.set') {
    storage[slot] = raw
    return undefined
  }
  const kept = BigInt(storage[slot] ?? 0)
  return core === 'i64' ? kept : Number(BigInt.asIntN(32, kept))
}

function pressed(state: InstanceState, change: 1 | -1): undefined {
  state.backpressure += change
  if (state.backpressure < 0) throw new CanonTrap('backpressure.dec is called more often than backpressure.inc')
  if (state.backpressure >= MOST_BACKPRESSURE) throw new CanonTrap('backpressure.inc is called too often')
}

function told(runtime: Runtime, memory: CoreRef, pointer: number, [code, index, payload]: EventTuple): number {
  const canon = runtime.cores.memory(memory)
  const at = canon.range(pointer, 8, 4)
  canon.view.setUint32(at, index, true)
  canon.view.setUint32(at + 4, payload, true)
  return code
}

function waitOnSet(
  runtime: Runtime,
  state: InstanceState,
  { name, cancellable, memory }: Of<'waitable-set.wait' | 'waitable-set.poll'>,
  number: number,
  pointer: number,
): CoreAnswer {
  const { scheduler } = runtime
  const set = state.handles.item(number, WaitableSet)
  if (name === 'waitable-set.poll') {
    if (scheduler.current.task.takeCancel(cancellable))
      return told(runtime, memory, pointer, [Event.taskCancelled, 0, 0])
    scheduler.takeAnswers()
    return told(runtime, memory, pointer, set.hasEvent ? set.takeEvent() : [Event.none, 0, 0])
  }
  set.waiting++
  return chain(
    scheduler.waitUntil(() => set.hasEvent, cancellable),
    (cancelled) => {
      set.waiting--
      return told(runtime, memory, pointer, cancelled ? [Event.taskCancelled, 0, 0] : set.takeEvent())
    },
  )
}

function join({ handles }: InstanceState, number: number, set: number): undefined {
  const waitable = handles.item(number, Waitable)
  if (waitable.hasSyncWaiter) throw new CanonTrap('what a task waits for is put into a set')
  waitable.join(set === 0 ? undefined : handles.item(set, WaitableSet))
}

function cancelSubtask(runtime: Runtime, state: InstanceState, isAsync: boolean, number: number): CoreAnswer {
  const subtask = state.handles.item(number, Subtask)
  if (subtask.isToldEnd) throw new CanonTrap('a subtask is cancelled whose end was told')
  if (subtask.cancelWanted) throw new CanonTrap('a subtask is cancelled twice')
  if (subtask.isInSet && !isAsync) throw new CanonTrap('what is in a set of waitables is waited for without the set')
  const payload = ([, , of]: EventTuple): number => of
  if (subtask.isResolved) return payload(subtask.takeEvent())
  return chain(subtask.cancel(), () => {
    if (subtask.isResolved) return payload(subtask.takeEvent())
    return isAsync ? BLOCKED : chain(waitForEvent(runtime, subtask), payload)
  })
}

function drop({ handles }: InstanceState, kind: typeof Subtask | typeof WaitableSet, number: number): undefined {
  const item: { drop(): void } = handles.removeItem<Subtask | WaitableSet>(number, kind)
  item.drop()
}

function errorContext(
  runtime: Runtime,
  instance: number,
  { name, options }: Of<'error-context.new' | 'error-context.debug-message'>,
  [a, b]: readonly [number, number],
): number | undefined {
  const { handles } = runtime.state(instance)
  const cx = runtime.context(options, instance)
  if (name === 'error-context.new') {
    const text = liftString(cx, a, b)
    return handles.addItem(new ErrorContext(text.slice(0, MOST_MESSAGE).toWellFormed()))
  }
  const { message } = handles.item(a, ErrorContext)
  const at = cx.memory.range(b, 8, 4)
  storePair(cx, at, lowerString(cx, message))
}

/** What answers a builtin of one component instance. */
export function answerBuiltin(
  runtime: Runtime,
  builtin: PlannedBuiltin,
  instance: number,
): (...raw: CoreValue[]) => CoreAnswer {
  const state = runtime.state(instance)
  const { handles } = state
  const act = (raw: readonly CoreValue[]): CoreAnswer => {
    const [a = 0, b = 0] = raw.map((value) => Number(value) >>> 0)
    switch (builtin.name) {
      case 'task.return':
        return taskReturn(runtime, builtin, raw)
      case 'task.cancel':
        return taskCancel(runtime)
      case 'waitable-set.new':
        return handles.addItem(new WaitableSet())
      case 'waitable-set.wait':
      case 'waitable-set.poll':
        return waitOnSet(runtime, state, builtin, a, b)
      case 'waitable-set.drop':
        return drop(state, WaitableSet, a)
      case 'waitable.join':
        return join(state, a, b)
      case 'subtask.cancel':
        return cancelSubtask(runtime, state, builtin.isAsync, a)
      case 'subtask.drop':
        return drop(state, Subtask, a)
      case 'thread.yield':
        return chain(runtime.scheduler.yield(builtin.cancellable), Number)
      case 'error-context.new':
      case 'error-context.debug-message':
        return errorContext(runtime, instance, builtin, [a, b])
      case 'error-context.drop':
        handles.removeItem(a, ErrorContext)
        return undefined
      default:
        throw new TypeError(`no builtin ${builtin.name}`)
    }
  }
  // These may be used inside of an allocator as well.
  if (builtin.name === 'context.get' || builtin.name === 'context.set')
    return (value) => context(runtime, builtin, value)
  if (builtin.name === 'backpressure.inc') return () => pressed(state, 1)
  if (builtin.name === 'backpressure.dec') return () => pressed(state, -1)
  const inside = isOnChannel(builtin) ? channelBuiltin(runtime, builtin, instance) : (...raw: CoreValue[]) => act(raw)
  return (...raw) => {
    runtime.mustLeave(state)
    return inside(...raw)
  }
}
