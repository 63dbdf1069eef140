// Counters that belong to a grant and not to a sandbox: each function reads and writes 64-bit cells of one memory, shared where the runtime can.
// AssemblyScript. Compiled twice: over shared memory every write is a compare-and-swap; over private memory a plain store.
import { ATOMIC } from './memory.generated'

/** Address of the list of free cells: (tag << 32 | cell). The tag grows with each change, so a stale head never wins. */
const FREE: usize = 8
/** Address of the next cell never used. */
const FRESH: usize = 16
/** First cell for accounts. Cell 0 means none. */
const FIRST: i64 = 8
/** Tries of a compare-and-swap. Giving up is a refusal: allowed, and it bounds the loop. */
const TRIES: i32 = 1000

@inline function address(cell: u32): usize {
  return <usize>cell << 3
}

@inline function read(at: usize): i64 {
  return ATOMIC ? atomic.load<i64>(at) : load<i64>(at)
}

@inline function write(at: usize, value: i64): void {
  if (ATOMIC) atomic.store<i64>(at, value)
  else store<i64>(at, value)
}

@inline function swap(at: usize, old: i64, value: i64): bool {
  if (ATOMIC) return atomic.cmpxchg<i64>(at, old, value) == old
  store<i64>(at, value)
  return true
}

/** What a cell holds. */
export function left(cell: u32): i64 {
  return read(address(cell))
}

export function set(cell: u32, value: i64): void {
  write(address(cell), value)
}

/** Adds and answers the sum. */
export function add(cell: u32, amount: i64): i64 {
  const at = address(cell)
  if (ATOMIC) return atomic.add<i64>(at, amount) + amount
  const sum = load<i64>(at) + amount
  store<i64>(at, sum)
  return sum
}

/** Raises a cell to a value that is higher: a version never goes back. Answers what it holds then. */
export function raise(cell: u32, value: i64): i64 {
  const at = address(cell)
  while (true) {
    const old = read(at)
    if (old >= value) return old
    if (swap(at, old, value)) return value
  }
}

/** Takes an amount, or nothing. */
export function reserve(cell: u32, amount: i64): i32 {
  const at = address(cell)
  for (let tries = 0; tries < TRIES; tries++) {
    const old = read(at)
    if (old < amount) return 0
    if (swap(at, old, old - amount)) return 1
  }
  return 0
}

/** Gives back what was taken and not used. */
export function refund(cell: u32, amount: i64): void {
  add(cell, amount)
}

/** Whether a rate has room now. The cell holds the theoretical arrival time of the generic cell rate algorithm. */
export function rateReady(cell: u32, now: i64, tolerance: i64): i32 {
  return read(address(cell)) - now <= tolerance ? 1 : 0
}

/** Takes one call of a rate. Answers the arrival time before, or -1 when there is no room. */
export function rateTake(cell: u32, now: i64, interval: i64, tolerance: i64): i64 {
  const at = address(cell)
  for (let tries = 0; tries < TRIES; tries++) {
    const old = read(at)
    const base = max(old, now)
    if (base - now > tolerance) return -1
    if (swap(at, old, base + interval)) return old
  }
  return -1
}

/** Undoes `rateTake` unless another call came since: then the call stays spent, which errs on the safe side. */
export function rateUndo(cell: u32, old: i64, written: i64): void {
  const at = address(cell)
  if (read(at) == written) swap(at, written, old)
}

/** A cell of one's own, or 0 when there is none left. */
export function allocate(): u32 {
  while (true) {
    const head = read(FREE)
    const cell = <u32>head
    if (cell == 0) break
    const next = read(address(cell)) & 0xffffffff
    if (swap(FREE, head, (((head >> 32) + 1) << 32) | next)) return cell
  }
  const size = <i64>memory.size() << 13
  while (true) {
    const fresh = max(read(FRESH), FIRST)
    if (fresh >= size) return 0
    const seen = read(FRESH)
    if (max(seen, FIRST) == fresh && swap(FRESH, seen, fresh + 1)) return <u32>fresh
  }
}

/** Gives a cell back. */
export function free(cell: u32): void {
  while (true) {
    const head = read(FREE)
    write(address(cell), head & 0xffffffff)
    if (swap(FREE, head, (((head >> 32) + 1) << 32) | <i64>cell)) return
  }
}
