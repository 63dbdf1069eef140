/** What a component can wait for: asked whether it is ready, and waited for where it is not. */
import type { Clock } from '../../../src/kernel/clock.ts'
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { Later } from '../../../src/kernel/later.ts'
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
    const { waitHere } = this.#world
    if (waitHere) return this.waitHere(waitHere, () => false)
    if (this.#clock.virtual) return this.#clock.sleep(left, signal)
    // The coarse clock rounds down, and a timer may be early: it is over when the guest's clock says so.
    return chain(this.#clock.sleep(left + 1, signal), () => this.wait(signal))
  }

  /** The same on the thread, or until something is so. */
  waitHere(waitHere: NonNullable<World['waitHere']>, isOver: () => boolean): void {
    const left = (): number => this.due - this.#clock.monotonicMs()
    if (this.#clock.virtual) this.#clock.advance(Math.max(left(), 0))
    else for (let rest = left(); rest > 0 && !isOver(); rest = left()) waitHere(rest + 1, isOver)
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
  const others = all.filter((one) => !(one instanceof Instant))
  const [first] = all.filter((one) => one instanceof Instant).toSorted((a, b) => a.due - b.due)
  // Some begin only now, when they are waited for.
  const waits = others.map((one) => one.wait())
  const waited = world.waitHere ? waitHere(world.waitHere, all, waits, first) : waitForOne(world, waits, first)
  return chain(waited, () => pollAll(world, all))
}

/** On the thread: until one of them is ready, or the earliest time has come. */
function waitHere(
  wait: NonNullable<World['waitHere']>,
  all: readonly Pollable[],
  waits: readonly MaybePromise<void>[],
  first: Instant | undefined,
): MaybePromise<void> {
  const unheard = waits.find((one) => one instanceof Promise && !(one instanceof Later))
  if (unheard) return unheard
  const isOver = (): boolean => all.some((one) => one.ready())
  if (isOver()) return undefined
  if (first) first.waitHere(wait, isOver)
  else wait(Number.POSITIVE_INFINITY, isOver)
}

function waitForOne(
  { process }: World,
  others: readonly MaybePromise<void>[],
  first: Instant | undefined,
): MaybePromise<void> {
  const over = new AbortController()
  const waits = [...others]
  if (first) waits.push(first.wait(AbortSignal.any([process.signal, over.signal])))
  if (!waits.every((one) => one instanceof Promise)) {
    over.abort()
    return undefined
  }
  for (const wait of waits) wait.catch(() => {})
  return Promise.race(waits).finally(() => over.abort())
}
