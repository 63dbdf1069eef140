/** wasi:clocks and wasi:random: the kernel's time and randomness, coarse or precise, real or virtual. */
import { CanonTrap } from '../canon-trap.ts'
import { list, primitive, record, tuple } from '../wit-types.ts'
import { func, type HostInterface, type World } from './definitions.ts'
import { pollable } from './io.ts'
import { Instant, toMilliseconds, toNanoseconds } from './pollable.ts'
import { BORDER } from '../../../src/limits.ts'

const u64 = primitive('u64')

export const datetime = record([
  ['seconds', u64],
  ['nanoseconds', primitive('u32')],
])

export type Datetime = { seconds: bigint; nanoseconds: number }

export function toDatetime(milliseconds: number): Datetime {
  const seconds = Math.floor(milliseconds / 1_000)
  return { seconds: BigInt(seconds), nanoseconds: Math.floor((milliseconds - seconds * 1_000) * 1e6) }
}

/** Of the clock without the grant for a precise one, in nanoseconds: what a component may rely on. */
export const RESOLUTION = 1_000_000

export const now = ({ process }: World): number => process.services.clock.monotonicMs()

/** More random bytes at once are a trap: the result could not be lowered in bounded time. */
function randomBytes({ process }: World, length: bigint): Uint8Array {
  if (length > BigInt(BORDER.randomBytes))
    throw new CanonTrap(`it asks for more than ${BORDER.randomBytes} random bytes at once`)
  return process.services.random.fill(Number(length))
}

function randomNumber(world: World): bigint {
  const bytes = randomBytes(world, 8n)
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
}

function insecureSeed(world: World): readonly [bigint, bigint] {
  world.seed.value ??= [randomNumber(world), randomNumber(world)]
  return world.seed.value
}

const bytes = list(primitive('u8'))

export const clocks: Readonly<Record<string, HostInterface>> = {
  'wasi:clocks/monotonic-clock': {
    now: func([], u64, (world: World) => toNanoseconds(now(world))),
    resolution: func([], u64, () => BigInt(RESOLUTION)),
    'subscribe-instant': func(
      [u64],
      pollable.own,
      (world: World, at: bigint) => new Instant(world, toMilliseconds(at)),
    ),
    'subscribe-duration': func(
      [u64],
      pollable.own,
      (world: World, duration: bigint) => new Instant(world, now(world) + toMilliseconds(duration)),
    ),
  },
  'wasi:clocks/wall-clock': {
    now: func([], datetime, ({ process }: World) => toDatetime(process.services.clock.wallMs())),
    resolution: func([], datetime, () => ({ seconds: 0n, nanoseconds: RESOLUTION })),
  },
  'wasi:random/random': {
    'get-random-bytes': func([u64], bytes, randomBytes),
    'get-random-u64': func([], u64, randomNumber),
  },
  'wasi:random/insecure': {
    'get-insecure-random-bytes': func([u64], bytes, randomBytes),
    'get-insecure-random-u64': func([], u64, randomNumber),
  },
  'wasi:random/insecure-seed': {
    'insecure-seed': func([], tuple([u64, u64]), insecureSeed),
  },
}
