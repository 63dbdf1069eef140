/** What a component can wait for: asked whether it is ready, and waited for where it is not. */
import type { Clock } from '../../../src/kernel/clock.ts'
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import type { World } from './definitions.ts'

export interface Pollable {
  ready(): boolean
  /** Resolves when it is ready, or may be. */
  wait(): MaybePromise<void>
}

const NANOSECONDS = 1e6

/** Milliseconds of a number of nanoseconds. */
export function toMilliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / NANOSECONDS
}

export function toNanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * NANOSECONDS))
}

/** A point of the monotonic clock. */
export class Instant implements Pollable {
  readonly #world: World
  /** Milliseconds of the kernel's clock. */
  readonly due: number

  constructor(world: World, due: number) {
    this.#world = world
    this.due = due
  }

  get #clock(): Clock {
    return this.#world.process.services.clock
  }

  ready(): boolean {
    return this.#clock.monotonicMs() >= this.due
  }

  /**
   * Without suspension the thread sleeps, where it may; a virtual clock jumps.
   * @param signal ends the sleep when nobody waits for it any more
   */
  wait(signal = this.#world.process.signal): MaybePromise<void> {
    const left = this.due - this.#clock.monotonicMs()
    if (left <= 0) return undefined
    const { sleepHere } = this.#world
    // The coarse clock rounds down: a millisecond more is surely enough.
    const time = this.#clock.virtual ? left : left + 1
    if (!sleepHere) return this.#clock.sleep(time, signal)
    if (this.#clock.virtual) this.#clock.advance(left)
    else sleepHere(time)
    return undefined
  }
}

/** Pollables of one `poll`: each is asked at each turn. */
const MOST_POLLED = 1_024

/** The places of those that are ready, once there is one. */
export function pollAll(world: World, all: readonly Pollable[]): MaybePromise<number[]> {
  if (all.length === 0) throw new CanonTrap('it polls nothing, which would wait for ever')
  if (all.length > MOST_POLLED) throw new CanonTrap(`it polls more than ${MOST_POLLED} things at once`)
  const ready = all.flatMap((one, at) => (one.ready() ? [at] : []))
  if (ready.length > 0) return ready
  return chain(waitForOne(world, all), () => pollAll(world, all))
}

function waitForOne({ sleepHere, process }: World, all: readonly Pollable[]): MaybePromise<void> {
  const others = all.filter((one) => !(one instanceof Instant))
  const [first] = all.filter((one) => one instanceof Instant).toSorted((a, b) => a.due - b.due)
  // Where the thread itself waits, what is answered from elsewhere is waited for before the earliest time.
  if (sleepHere) return (others[0] ?? first)?.wait()
  const over = new AbortController()
  const waits = others.map((one) => one.wait())
  if (first) waits.push(first.wait(AbortSignal.any([process.signal, over.signal])))
  if (!waits.every((one) => one instanceof Promise)) {
    over.abort()
    return undefined
  }
  for (const wait of waits) wait.catch(() => {})
  return Promise.race(waits).finally(() => over.abort())
}
