/** The guest calls a function: another component's, or the host's; it waits for the result, or hears of it later ("canon lower"). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain, run, type Steps, wait } from '../../../src/kernel/steps.ts'
import type { CanonContext } from '../canon-context.ts'
import { FlatValues, liftFlat, load } from '../lift.ts'
import type { CoreValue } from '../wit-types.ts'
import { lowerFlat, store } from '../lower.ts'
import type { GuestFunc, HostFunc, Trampoline } from '../plan.ts'
import type { Runtime } from '../runtime.ts'
import { LiftedCall } from './lifted.ts'
import { Subtask, SubtaskState } from './subtask.ts'
import type { Caller } from './task.ts'
import { Event } from './waitable.ts'

type Lowered = Extract<Trampoline, { kind: 'lower' }>

/** Whether the guest may have to be suspended in such a call. */
export function lowerSuspends({ callee, options }: Lowered, mayWait: (func: HostFunc) => boolean): boolean {
  return callee.by === 'guest' || (!options.isAsync && mayWait(callee))
}

/** One call that a guest makes. */
class LoweredCall {
  readonly subtask = new Subtask()
  readonly #runtime: Runtime
  readonly #lowered: Lowered
  readonly #values: FlatValues
  readonly #cx: CanonContext
  /** The result of a call that is waited for, as a core value. */
  flat: CoreValue | undefined

  constructor(runtime: Runtime, lowered: Lowered, raw: readonly CoreValue[]) {
    this.#runtime = runtime
    this.#lowered = lowered
    this.#values = new FlatValues(raw)
    this.#cx = runtime.context(lowered.options, lowered.instance, { lent: this.subtask.lent })
  }

  /** Calls the function, as far as it goes at once. */
  *make(): Steps<void> {
    const { callee, instance, options } = this.#lowered
    if (callee.by === 'host') {
      const mayGoOn = options.isAsync || (callee.type.isAsync && this.#runtime.canSuspend)
      if (mayGoOn) this.#begin(callee)
      else yield* this.#wait(callee)
      return
    }
    yield* this.#call(callee, instance)
  }

  *#call(callee: GuestFunc, from: number): Steps<void> {
    const call = new LiftedCall(this.#runtime, callee, this.#caller())
    this.subtask.cancelWith(() => run(call.cancel(from)))
    yield* call.begin(from)
  }

  /** The host's function is called, and the guest goes on. */
  #begin(callee: HostFunc): void {
    const { onStart, onResolve } = this.#caller()
    const { answer, cancel } = this.#runtime.host.begin(callee, onStart())
    if (!(answer instanceof Promise)) return onResolve({ value: answer })
    // What was given up fails as a rule, and nobody is left to be told.
    const heard = answer.catch((error: unknown) => {
      if (!this.subtask.isResolved) throw error
    })
    this.#runtime.scheduler.track(heard, (value) => {
      if (!this.subtask.isResolved) onResolve({ value })
    })
    if (cancel)
      this.subtask.cancelWith(() => {
        cancel()
        onResolve(undefined)
      })
  }

  /** The host's function is called, and the guest, with all of its threads, waits for it. */
  *#wait(callee: HostFunc): Steps<void> {
    const { host, canSuspend } = this.#runtime
    const { onStart, onResolve } = this.#caller()
    const answer = host.call(callee, onStart())
    const value = yield* wait(answer instanceof Promise && canSuspend ? host.wait(answer) : answer)
    onResolve({ value })
  }

  #caller(): Caller {
    const { subtask } = this
    return {
      onStart: () => {
        subtask.onProgress?.()
        subtask.state = SubtaskState.started
        return this.#arguments()
      },
      onResolve: (outcome) => {
        subtask.onProgress?.()
        if (outcome) {
          this.#store(outcome.value)
          subtask.state = SubtaskState.returned
        } else
          subtask.state =
            subtask.state === SubtaskState.starting
              ? SubtaskState.cancelledBeforeStarted
              : SubtaskState.cancelledBeforeReturned
      },
    }
  }

  #arguments(): unknown[] {
    const { callee, signature } = this.#lowered
    const { spilled } = signature
    const cx = this.#cx
    if (!spilled) return callee.type.params.map(({ type }) => liftFlat(cx, type, this.#values))
    return load(cx, spilled, cx.memory.range(this.#values.i32(), spilled.size, spilled.align)) as unknown[]
  }

  #store(value: unknown): void {
    const { callee, signature } = this.#lowered
    const { result } = callee.type
    const cx = this.#cx
    if (!result) return
    if (signature.indirect) {
      store(cx, result, value, cx.memory.range(this.#values.i32(), result.size, result.align))
      return
    }
    const flat: CoreValue[] = []
    lowerFlat(cx, result, value, flat)
    this.flat = flat[0]
  }
}

/** Answers a call of a lowered function. */
export function callLowered(
  runtime: Runtime,
  lowered: Lowered,
  raw: readonly CoreValue[],
): MaybePromise<CoreValue | undefined> {
  const call = new LoweredCall(runtime, lowered, raw)
  const { subtask } = call
  return chain(run(call.make()), () => {
    if (lowered.options.isAsync) return handedOver(runtime, lowered, subtask)
    const waited = subtask.isResolved || runtime.scheduler.waitUntil(() => subtask.isResolved, false)
    return chain(waited, () => {
      subtask.tellEnd()
      return call.flat
    })
  })
}

/** What an asynchronous call answers: that it is done, or the handle by which its caller hears of it. */
function handedOver(runtime: Runtime, { instance }: Lowered, subtask: Subtask): number {
  if (subtask.isResolved) {
    subtask.tellEnd()
    return SubtaskState.returned
  }
  const number = runtime.state(instance).handles.addItem(subtask)
  subtask.onProgress = () => {
    subtask.event = () => {
      if (subtask.isResolved) subtask.tellEnd()
      return [Event.subtask, number, subtask.state]
    }
  }
  return subtask.state | (number << 4)
}
