/** The builtins of streams and futures in, core functions that answer them out (CanonicalABI.md, "canon stream.new" and after). */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { CoreValue } from '../lift.ts'
import type { PlannedBuiltin } from '../plan.ts'
import type { Runtime } from '../runtime.ts'
import { isSame } from '../wit-types.ts'
import { type CopyResult, GuestChannel } from './channel.ts'
import { CopyEnd, ReadEnd, WriteEnd } from './copy-end.ts'
import { GuestBuffer } from './guest-buffer.ts'
import { BLOCKED, waitForEvent } from './wait-for-event.ts'
import { Event, type EventTuple } from './waitable.ts'

export type ChannelBuiltin = Extract<PlannedBuiltin, { type: unknown }>
type Copy = Extract<ChannelBuiltin, { options: unknown }>
type CoreAnswer = MaybePromise<CoreValue | undefined>

const RESULTS: Readonly<Record<CopyResult, number>> = { completed: 0, dropped: 1, cancelled: 2 }

export function isOnChannel(builtin: PlannedBuiltin): builtin is ChannelBuiltin {
  return 'type' in builtin
}

function payload([, , of]: EventTuple): number {
  return of
}

/** A new channel: its readable end in the low half, its writable end in the high one. */
function make(runtime: Runtime, { type }: ChannelBuiltin, instance: number): bigint {
  const { handles } = runtime.state(instance)
  const shared = new GuestChannel(type)
  const reader = handles.addItem(new ReadEnd(shared, type))
  return BigInt(reader) | (BigInt(handles.addItem(new WriteEnd(shared))) << 32n)
}

/** The end that a builtin is called with, of its type and on its side. */
function endOf(runtime: Runtime, { name, type }: ChannelBuiltin, instance: number, number: number): ReadEnd | WriteEnd {
  const isReading = name.includes('read')
  const end = runtime.state(instance).handles.item<ReadEnd | WriteEnd>(number, isReading ? ReadEnd : WriteEnd)
  if (!isSame(end.type, type))
    throw new CanonTrap(`the handle ${number} is an end of a ${end.type.kind} of another type`)
  return end
}

function eventCode(end: ReadEnd | WriteEnd): number {
  if (end.type.kind === 'stream') return end instanceof ReadEnd ? Event.streamRead : Event.streamWrite
  return end instanceof ReadEnd ? Event.futureRead : Event.futureWrite
}

function mustNotBeInSet(end: CopyEnd, isAsync: boolean): void {
  if (end.isInSet && !isAsync) throw new CanonTrap('what is in a set of waitables is waited for without the set')
}

/** What has happened, now or later. */
function settled(runtime: Runtime, end: CopyEnd, isAsync: boolean): CoreAnswer {
  if (end.event) return payload(end.takeEvent())
  return isAsync ? BLOCKED : chain(waitForEvent(runtime, end), payload)
}

function copy(runtime: Runtime, builtin: Copy, instance: number, raw: readonly number[]): CoreAnswer {
  const [number = 0, pointer = 0, count = 0] = raw
  const { options, type } = builtin
  const state = runtime.state(instance)
  const end = endOf(runtime, builtin, instance, number)
  if (end.state !== 'idle') throw new CanonTrap(`an end of a ${type.kind} copies that is not at rest`)
  mustNotBeInSet(end, options.isAsync)
  const context = () => runtime.context(options, instance)
  const buffer = new GuestBuffer(type.element, context, pointer, type.kind === 'future' ? 1 : count)
  const event = (result: CopyResult, takeBack?: () => void) => (): EventTuple => {
    takeBack?.()
    const isDone = result === 'dropped' || (type.kind === 'future' && result === 'completed')
    end.state = isDone ? 'done' : 'idle'
    const progress = type.kind === 'stream' ? buffer.progress << 4 : 0
    return [eventCode(end), number, (RESULTS[result] | progress) >>> 0]
  }
  const listener = {
    copied: (takeBack: () => void) => {
      end.event = event('completed', takeBack)
      end.onCancel = () => {
        end.event = event('cancelled', takeBack)
      }
    },
    done: (result: CopyResult) => {
      end.event = event(result)
      end.onCancel = undefined
    },
  }
  end.state = 'copying'
  end.onCancel = undefined
  if (end instanceof ReadEnd) end.shared.read(state, buffer, listener)
  else end.shared.write(state, buffer, listener)
  return settled(runtime, end, options.isAsync)
}

function cancel(runtime: Runtime, end: CopyEnd, isAsync: boolean): CoreAnswer {
  if (end.state !== 'copying' || end.hasSyncWaiter)
    throw new CanonTrap(`a copy of a ${end.type.kind} is cancelled that is not under way`)
  mustNotBeInSet(end, isAsync)
  end.state = 'cancelling'
  if (!end.event) end.cancel()
  else end.onCancel?.()
  return settled(runtime, end, isAsync)
}

/** What answers a builtin of streams or futures, of one component instance. */
export function channelBuiltin(
  runtime: Runtime,
  builtin: ChannelBuiltin,
  instance: number,
): (...raw: CoreValue[]) => CoreAnswer {
  if ('options' in builtin)
    return (...raw) =>
      copy(
        runtime,
        builtin,
        instance,
        raw.map((value) => Number(value) >>> 0),
      )
  if ('isAsync' in builtin)
    return (number) => cancel(runtime, endOf(runtime, builtin, instance, Number(number) >>> 0), builtin.isAsync)
  if (builtin.name === 'stream.new' || builtin.name === 'future.new') return () => make(runtime, builtin, instance)
  return (number) => {
    const index = Number(number) >>> 0
    const end = endOf(runtime, builtin, instance, index)
    runtime.state(instance).handles.removeItem(index, CopyEnd)
    end.drop()
    return undefined
  }
}
