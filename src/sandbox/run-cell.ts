/** What the embedding thread and a sandbox's worker share of the run in progress: whether it is cancelled, and a bell. */

/** Places: not zero once the run is cancelled; how often the bell rang; not zero while a message about it is on its way. */
const Place = { cancelled: 0, bell: 1, told: 2 } as const
/** Bytes of a cell. */
export const CELL_BYTES = 12

export type RunCell = Int32Array<SharedArrayBuffer>

export function makeCell(memory: SharedArrayBuffer = new SharedArrayBuffer(CELL_BYTES)): RunCell {
  return new Int32Array(memory, 0, CELL_BYTES / 4)
}

/** A run begins, after another one of the same sandbox. */
export function beginCell(cell: RunCell): void {
  Atomics.store(cell, Place.cancelled, 0)
  Atomics.store(cell, Place.told, 0)
}

/** The run must end: read at each end of a slice, and by a thread that waits. */
export function cancelCell(cell: RunCell): void {
  Atomics.store(cell, Place.cancelled, 1)
  ring(cell)
}

export function isCancelled(cell: RunCell): boolean {
  return Atomics.load(cell, Place.cancelled) !== 0
}

function ring(cell: RunCell): void {
  Atomics.add(cell, Place.bell, 1)
  Atomics.notify(cell, Place.bell)
}

/**
 * Something was put where the run's thread looks for it. The thread is woken if it waits.
 * @param tell sends a message, for a thread that does not: one at a time is on its way
 */
export function announce(cell: RunCell, tell: () => void): void {
  ring(cell)
  if (Atomics.exchange(cell, Place.told, 1) === 0) tell()
}

/** The message has come: the next announcement sends another one. */
export function heard(cell: RunCell): void {
  Atomics.store(cell, Place.told, 0)
}

/** How often the bell rang: to be read before one looks, and given to {@link awaitBell} when there was nothing. */
export function bellOf(cell: RunCell): number {
  return Atomics.load(cell, Place.bell)
}

/** Waits for the bell, on this thread; not at all when it rang since. */
export function awaitBell(cell: RunCell, since: number, milliseconds: number): void {
  Atomics.wait(cell, Place.bell, since, milliseconds)
}
