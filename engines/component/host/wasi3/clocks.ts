/** wasi:clocks and wasi:random of WASI 0.3: the kernel's time and randomness; a wait is an async function. */
import type { MaybePromise } from '../../../../src/kernel/host-port.ts'
import { primitive, record } from '../../wit-types.ts'
import { clocks, now, RESOLUTION, toDatetime } from '../clocks.ts'
import { asynchronous, func, type HostFunction, type HostInterface, type World } from '../definitions.ts'
import { Instant, toMilliseconds } from '../pollable.ts'

const u64 = primitive('u64')

export const instant = record([
  ['seconds', primitive('s64')],
  ['nanoseconds', primitive('u32')],
])

/** A wait changes nothing: it can be given up. */
function waiting(until: (world: World, time: bigint) => number): HostFunction {
  const act = (world: World, time: bigint): MaybePromise<void> =>
    new Instant(world, until(world, time)).wait(world.signal ?? world.process.signal)
  return { ...asynchronous([u64], undefined, act), cancels: true }
}

const monotonic = clocks['wasi:clocks/monotonic-clock'] as HostInterface
const seed = clocks['wasi:random/insecure-seed'] as HostInterface

export const clocks3: Readonly<Record<string, HostInterface>> = {
  'wasi:clocks/types': {},
  'wasi:clocks/monotonic-clock': {
    now: monotonic['now'] as HostFunction,
    'get-resolution': monotonic['resolution'] as HostFunction,
    'wait-until': waiting((_, at) => toMilliseconds(at)),
    'wait-for': waiting((world, duration) => now(world) + toMilliseconds(duration)),
  },
  'wasi:clocks/system-clock': {
    now: func([], instant, ({ process }: World) => toDatetime(process.services.clock.wallMs())),
    'get-resolution': func([], u64, () => BigInt(RESOLUTION)),
  },
  'wasi:random/random': clocks['wasi:random/random'] as HostInterface,
  'wasi:random/insecure': clocks['wasi:random/insecure'] as HostInterface,
  'wasi:random/insecure-seed': { 'get-insecure-seed': seed['insecure-seed'] as HostFunction },
}
