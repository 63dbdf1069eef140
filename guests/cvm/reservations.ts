// Allowed calls under way: what each was charged, to be settled, given back, or tested again. AssemblyScript over raw memory.
import {
  Bound_RESERVATIONS, EntryKind_BYTES, Layout_ENTRY_BYTES, Layout_RESERVATION_BYTES, Layout_RESERVATIONS,
  Reason_CLOSED, Reason_EXPIRED, Reason_HANDLE, Reason_NONE, Stop_CLOSED,
} from './isa.generated'
import { decided, fly, microseconds, redecide as countRedecided, stop, wholeBytes } from './counting'
import { credit, entryHolds } from './machine'

@external("ledger", "refund") declare function ledgerRefund(cell: u32, amount: i64): void

// u32 generation, u32 next free (index + 1), u32 entries, u32 link, i64 horizon, u32 in use; then the entries.

let free: u32 = 0
let fresh: u32 = 0

@inline export function reservationAt(id: i32): usize {
  return Layout_RESERVATIONS + <usize>(id & 1023) * Layout_RESERVATION_BYTES
}

/** Index and generation in one number: bits 0 to 9 and 10 to 30. A number of an earlier life finds nothing. */
export function take(free: u32, fresh: u32, base: usize, size: usize, bound: u32): u32 {
  const index = free != 0 ? free - 1 : fresh
  if (index >= bound) return 0
  const at = base + <usize>index * size
  const generation = max(1, (load<u32>(at) + 1) & 0x1fffff)
  store<u32>(at, generation)
  return (generation << 10) | index
}

/** Where a number's record lies; 0 when it is not in use. */
export function find(id: i32, base: usize, size: usize): usize {
  if (id <= 0) return 0
  const at = base + <usize>(id & 1023) * size
  return load<u32>(at) == <u32>id >> 10 && load<u32>(at, 24) != 0 ? at : 0
}

/** A reservation without entries, or 0 when there are too many. */
export function openReservation(link: u32, horizon: i64): i32 {
  const id = take(free, fresh, Layout_RESERVATIONS, Layout_RESERVATION_BYTES, Bound_RESERVATIONS)
  if (id == 0) return 0
  const at = reservationAt(id)
  if (free != 0) free = load<u32>(at, 4)
  else fresh++
  store<u32>(at, 0, 8)
  store<u32>(at, link, 12)
  store<i64>(at, horizon, 16)
  store<u32>(at, 1, 24)
  fly(1)
  return <i32>id
}

function release(id: i32, at: usize): void {
  store<u32>(at, 0, 24)
  store<u32>(at, free, 4)
  free = (<u32>id & 1023) + 1
  fly(-1)
}

/** An allowed call is over and moved `actual` bytes: what was reserved beyond goes back. */
export function settle(id: i32, actual: f64): i32 {
  const at = find(id, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  if (at == 0) return 0
  const used = wholeBytes(actual)
  const size = load<u32>(at, 8)
  for (let index: u32 = 0; index < size; index++) {
    const entry = at + 32 + <usize>index * Layout_ENTRY_BYTES
    const amount = load<i64>(entry, 8)
    if (load<u32>(entry, 4) == EntryKind_BYTES && amount > used) ledgerRefund(load<u32>(entry), amount - used)
  }
  release(id, at)
  return 1
}

/** An allowed call that never happened, because another half of it was refused: everything goes back. */
export function cancel(id: i32): i32 {
  const at = find(id, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  if (at == 0) return 0
  const size = load<u32>(at, 8)
  for (let index: u32 = 0; index < size; index++) credit(at + 32 + <usize>index * Layout_ENTRY_BYTES)
  release(id, at)
  return 1
}

/** Tests again what a call under way rests on, before its result is delivered. Answers 0 or a reason, negative. */
export function redecide(id: i32, now: f64): i32 {
  countRedecided()
  decided(0, 0)
  const at = find(id, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  if (at == 0) return -Reason_HANDLE
  decided(load<u32>(at, 12), 0)
  if (stop() == Stop_CLOSED) return -Reason_CLOSED
  if (microseconds(now) >= load<i64>(at, 16)) return -Reason_EXPIRED
  const size = load<u32>(at, 8)
  for (let index: u32 = 0; index < size; index++) {
    const entry = at + 32 + <usize>index * Layout_ENTRY_BYTES
    const why = entryHolds(load<u32>(entry, 4), load<u32>(entry))
    if (why != Reason_NONE) return -<i32>why
  }
  return 0
}

export function forgetReservations(): void {
  memory.fill(Layout_RESERVATIONS, 0, <usize>fresh * Layout_RESERVATION_BYTES)
  free = 0
  fresh = 0
}
