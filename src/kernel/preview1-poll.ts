/** Waiting in WASI preview 1: for a time, for input, for what is ready at once. */
import { errno } from './errno.ts'
import { Structure } from './guest-memory.ts'
import { InputStream } from './input.ts'
import { OutputStream } from './output.ts'
import { errnoNumber } from './errno-numbers.ts'
import { EventType, FileType, Right, SUCCESS } from './preview1-abi.ts'
import type { Calls, Preview1Context } from './preview1-context.ts'
import type { Fd } from './preview1-descriptors.ts'
import { clockNow } from './preview1-system.ts'
import { type Steps, wait } from './steps.ts'

/** Subscriptions of one call. */
const MOST_SUBSCRIPTIONS = 1_024
const SUBSCRIPTION_BYTES = 48
const EVENT_BYTES = 32
const ABSOLUTE = 1

type Event = { userdata: bigint; type: number; error: number; bytes?: bigint }
type Timer = { userdata: bigint; milliseconds: number }
type Input = { userdata: bigint; file: InputStream }
type Wanted = { ready: Event[]; timers: Timer[]; inputs: Input[] }

function readClock(context: Preview1Context, at: number, userdata: bigint): Timer {
  const { memory } = context
  const id = memory.u32(at + 16)
  const flags = memory.u16(at + 40)
  if (flags & ~ABSOLUTE) throw errno('EINVAL')
  const timeout = memory.u64(at + 24)
  const now = clockNow(context, id)
  const nanoseconds = flags & ABSOLUTE ? timeout - now : timeout
  return { userdata, milliseconds: Math.max(Number(nanoseconds) / 1e6, 0) }
}

/** Whether a descriptor can be read or written without waiting. A stream of the host's may not be: then it is waited for. */
function* readDescriptor(fd: Fd, base: Event, wanted: Wanted): Steps<void> {
  const { file, cursor, type } = fd
  if (base.type === EventType.write) {
    const writable = file instanceof OutputStream || type === FileType.regularFile
    wanted.ready.push(writable ? { ...base, bytes: 0n } : { ...base, error: errnoNumber(errno('EBADF')) })
  } else if (file instanceof InputStream) {
    const ready = file.ready()
    if (!(ready instanceof Promise)) {
      wanted.ready.push({ ...base, bytes: BigInt(ready) })
      return
    }
    ready.catch(() => {}) // who reads next is told
    wanted.inputs.push({ userdata: base.userdata, file })
  } else if (type === FileType.regularFile) {
    const left = BigInt((yield* wait(file.stat())).size) - cursor.position
    wanted.ready.push({ ...base, bytes: left > 0n ? left : 0n })
  } else wanted.ready.push({ ...base, error: errnoNumber(errno('EBADF')) })
}

function* readSubscription(context: Preview1Context, at: number, wanted: Wanted): Steps<void> {
  const { memory } = context
  const userdata = memory.u64(at)
  const type = memory.u8(at + 8)
  if (type !== EventType.clock && type !== EventType.read && type !== EventType.write) throw errno('EINVAL')
  const base = { userdata, type, error: SUCCESS }
  try {
    if (type === EventType.clock) wanted.timers.push(readClock(context, at, userdata))
    else yield* readDescriptor(context.fds.get(memory.u32(at + 16), Right.poll), base, wanted)
  } catch (error) {
    // A wish that cannot be is an event of its own: the others are told.
    wanted.ready.push({ ...base, error: errnoNumber(error) })
  }
}

/** Waits for what comes first. Answers whether the soonest time is over. */
function* waitForFirst(context: Preview1Context, { timers, inputs }: Wanted): Steps<boolean> {
  const milliseconds = soonestOf(timers)
  const isTimed = milliseconds < Infinity
  if (!context.suspends && !isTimed) {
    for (const { file } of inputs.slice(0, 1)) yield* wait(context.settle(file.ready()))
    return false
  }
  if (!context.suspends) {
    let hasArrived = false
    const arrive = (): void => {
      hasArrived = true
    }
    for (const { file } of inputs) {
      const ready = file.ready()
      if (ready instanceof Promise) void ready.then(arrive, arrive)
      else arrive()
    }
    yield* wait(context.sleep(milliseconds, undefined, () => hasArrived))
    return !hasArrived
  }
  const arrivals = inputs.map(({ file }) =>
    Promise.resolve(file.ready()).then(
      () => false,
      () => false, // who reads next is told
    ),
  )
  const stop = new AbortController()
  const time = isTimed ? [Promise.resolve(context.sleep(milliseconds, stop.signal)).then(() => true)] : []
  try {
    return yield* wait(Promise.race([...arrivals, ...time]))
  } finally {
    for (const timer of time) timer.catch(() => {})
    stop.abort()
  }
}

const soonestOf = (timers: readonly Timer[]): number =>
  timers.reduce((least, { milliseconds }) => Math.min(least, milliseconds), Infinity)

/** The inputs that have something now, and the timers of a time that is over. */
function settled({ timers, inputs }: Wanted, overMs: number): Event[] {
  const arrived = inputs.flatMap(({ userdata, file }): Event[] => {
    const ready = file.ready()
    if (!(ready instanceof Promise)) return [{ userdata, type: EventType.read, error: SUCCESS, bytes: BigInt(ready) }]
    ready.catch(() => {})
    return []
  })
  const over = timers.filter(({ milliseconds }) => milliseconds <= overMs)
  return [...arrived, ...over.map(({ userdata }) => ({ userdata, type: EventType.clock, error: SUCCESS }))]
}

function writeEvents({ memory }: Preview1Context, out: number, events: readonly Event[]): void {
  const bytes = new Uint8Array(events.length * EVENT_BYTES)
  events.forEach(({ userdata, type, error, bytes: count = 0n }, at) => {
    const event = new Structure(EVENT_BYTES).u64(0, userdata).u16(8, error).u8(10, type).u64(16, count)
    bytes.set(event.bytes, at * EVENT_BYTES)
  })
  memory.write(out, bytes)
}

export const pollCalls = {
  *poll_oneoff(context, subscriptions: number, events: number, count: number, out: number) {
    const wishes = count >>> 0
    if (wishes === 0 || wishes > MOST_SUBSCRIPTIONS) throw errno('EINVAL')
    context.memory.range(subscriptions, wishes * SUBSCRIPTION_BYTES)
    context.memory.range(events, wishes * EVENT_BYTES)
    context.memory.range(out, 4)
    const wanted: Wanted = { ready: [], timers: [], inputs: [] }
    for (let at = 0; at < wishes; at++)
      yield* readSubscription(context, (subscriptions >>> 0) + at * SUBSCRIPTION_BYTES, wanted)
    const isReady = wanted.ready.length > 0
    const isOver = isReady ? false : yield* waitForFirst(context, wanted)
    const found = [...wanted.ready, ...settled(wanted, isOver ? soonestOf(wanted.timers) : 0)]
    writeEvents(context, events, found)
    context.memory.setU32(out, found.length)
  },
} satisfies Calls
