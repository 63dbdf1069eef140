/**
 * Room for one more memory, and what is kept for later sandboxes as long as there is room and anybody to come. A memory
 * takes 10 GiB of addresses, of which Chromium has a terabyte for all threads of a page.
 */
import { TokaError } from './errors.ts'

/** Instances that wait wiped for their next sandbox: they go first when there is no room. */
export class Spares<T> {
  readonly #most: number
  readonly #kept: T[] = []

  constructor(most: number) {
    this.#most = most
    forgetGone()
    everySpares.add(new WeakRef(this))
  }

  get full(): boolean {
    return this.#kept.length >= this.#most
  }

  take(): T | undefined {
    return this.#kept.pop()
  }

  put(spare: T): void {
    if (!this.full) this.#kept.push(spare)
  }

  clear(): void {
    this.#kept.length = 0
  }
}

const everySpares = new Set<WeakRef<Spares<unknown>>>()

function forgetGone(): void {
  for (const reference of everySpares) if (!reference.deref()) everySpares.delete(reference)
}

function clearSpares(): void {
  for (const reference of everySpares) reference.deref()?.clear()
}

const endings = new Set<() => Promise<void>>()
let tokas = 0

/** @param end called each time that the last Toka of this thread was disposed: ends what was kept for all of them */
export function endAfterLast(end: () => Promise<void>): void {
  endings.add(end)
}

/** A Toka was made. */
export function tokaOpened(): void {
  tokas++
}

/** A Toka was disposed, once. Resolves when nothing is left that was kept for it. */
export async function tokaDisposed(): Promise<void> {
  if (--tokas > 0) return
  clearSpares()
  await Promise.all([...endings].map((end) => end()))
}

/**
 * Lets go of what waits, and has garbage collected if memories cannot be had: V8 collects this thread's garbage before
 * it gives up an allocation, and only then.
 */
export function makeRoom(): void {
  clearSpares()
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 2 })
  } catch {
    // Collected all the same.
  }
}

/** Milliseconds between tries: other threads' memories go when those threads end, or collect. */
const WAITS = [0, 10, 50, 200, 500, 1_000]

/** V8 says "Out of memory" of memories and of compiled code alike, or "could not allocate memory". */
function isNoRoom(error: unknown): boolean {
  return error instanceof RangeError && /out of memory|allocate/i.test(error.message)
}

/**
 * Makes what needs a memory of its own, again after a while if there is no room.
 * @throws TokaError TOKA_HOST_MEMORY when there is none for a second; what `make` throws otherwise
 */
export async function withRoom<T>(make: () => T | Promise<T>): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await make()
    } catch (error) {
      if (!isNoRoom(error)) throw error
    }
    makeRoom()
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  try {
    return await make()
  } catch (cause) {
    if (!isNoRoom(cause)) throw cause
    const message = 'the host has no memory for another sandbox: dispose sandboxes that are done, and try again'
    throw new TokaError('TOKA_HOST_MEMORY', message, { cause })
  }
}
