// Open files: numbers that nobody can guess, bound to the rights, cells and conditions of the decision that opened them. AssemblyScript.
import {
  Bound_HANDLES, EntryKind_BYTES, EntryKind_CALLS, EntryKind_RATE, HandleRight_EITHER, Layout_ENTRY_BYTES,
  Layout_HANDLE_BYTES, Layout_HANDLE_SIDE_BYTES, Layout_HANDLES, Layout_RESERVATION_BYTES, Layout_RESERVATIONS,
  Reason_EXPIRED, Reason_HANDLE, Reason_LIMIT, Reason_NONE, Reason_QUOTA,
} from './isa.generated'
import { admit, ALLOWED, decided, deny, microseconds, record, wholeBytes } from './counting'
import { entryHolds } from './machine'
import { cancel, find, openReservation, reservationAt, take } from './reservations'

@external("ledger", "left") declare function ledgerLeft(cell: u32): i64
@external("ledger", "reserve") declare function ledgerReserve(cell: u32, amount: i64): i32

// u32 generation, u32 next free (index + 1), u32 rights (1 read, 2 write), 12 bytes, u32 in use; then one side for each
// right: u32 link, u32 cells, i64 horizon, then u32 kind << 24 | cell.

let free: u32 = 0
let fresh: u32 = 0

/** What a handle keeps of a decision: what each of its calls is charged to and tested against. */
function bindSide(side: usize, reservation: usize): void {
  let cells: u32 = 0
  const size = load<u32>(reservation, 8)
  for (let index: u32 = 0; index < size; index++) {
    const entry = reservation + 32 + <usize>index * Layout_ENTRY_BYTES
    const kind = load<u32>(entry, 4)
    if (kind == EntryKind_CALLS || kind == EntryKind_RATE) continue
    store<u32>(side + (<usize>cells << 2), (kind << 24) | load<u32>(entry), 16)
    cells++
  }
  store<u32>(side, load<u32>(reservation, 12))
  store<u32>(side, cells, 4)
  store<i64>(side, load<i64>(reservation, 16), 8)
}

/** Binds an open file to the decisions that opened it (0: without that right). Answers a handle, or 0 when there are too many. */
export function openHandle(read: i32, write: i32): i32 {
  const reading = find(read, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  const writing = find(write, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  const rights: u32 = (reading != 0 ? 1 : 0) | (writing != 0 ? 2 : 0)
  if (rights == 0) return 0
  const id = take(free, fresh, Layout_HANDLES, Layout_HANDLE_BYTES, Bound_HANDLES)
  if (id == 0) return 0
  const at = Layout_HANDLES + <usize>(id & 1023) * Layout_HANDLE_BYTES
  if (free != 0) free = load<u32>(at, 4)
  else fresh++
  store<u32>(at, rights, 8)
  store<u32>(at, 1, 24)
  if (reading != 0) bindSide(at + 32, reading)
  if (writing != 0) bindSide(at + 32 + Layout_HANDLE_SIDE_BYTES, writing)
  return <i32>id
}

export function closeHandle(id: i32): i32 {
  const at = find(id, Layout_HANDLES, Layout_HANDLE_BYTES)
  if (at == 0) return 0
  store<u32>(at, 0, 24)
  // A generation that ran out retires its slot: no number is ever given twice.
  if (load<u32>(at) == 0x1fffff) return 1
  store<u32>(at, free, 4)
  free = (<u32>id & 1023) + 1
  return 1
}

/**
 * Checks a call on an open handle for a right and charges up to `want` bytes, at least `least`, never more than `amount()`.
 * Answers a reservation, which must be settled, or a reason, negative. `flags`: CONTINUED for a second try of one call.
 */
export function checkHandle(id: i32, right: u32, want: f64, least: f64, now: f64, flags: u32): i32 {
  decided(0, 0)
  const why = admit(flags)
  if (why != Reason_NONE) return deny(why, 0)
  const at = find(id, Layout_HANDLES, Layout_HANDLE_BYTES)
  if (at == 0) return deny(Reason_HANDLE, 0)
  const rights = load<u32>(at, 8)
  const side: u32 = right == HandleRight_EITHER ? (rights & 1 ? 0 : 1) : right
  if (side > 1 || !((rights >> side) & 1)) return deny(Reason_HANDLE, 0)
  return chargeSide(at + 32 + side * Layout_HANDLE_SIDE_BYTES, want, least, now)
}

function chargeSide(side: usize, want: f64, least: f64, now: f64): i32 {
  const size = load<u32>(side, 4)
  const horizon = load<i64>(side, 8)
  const link = load<u32>(side)
  let granted = wholeBytes(want)
  decided(link, granted)
  if (microseconds(now) >= horizon) return deny(Reason_EXPIRED, 0)
  for (let index: u32 = 0; index < size; index++) {
    const word = load<u32>(side + (<usize>index << 2), 16)
    const why = entryHolds(word >> 24, word & 0xffffff)
    if (why != Reason_NONE) return deny(why, 0)
    if (word >> 24 == EntryKind_BYTES) granted = min(granted, ledgerLeft(word & 0xffffff))
  }
  if (granted < wholeBytes(least)) return deny(Reason_QUOTA, 0)
  const id = openReservation(link, horizon)
  if (id == 0) return deny(Reason_LIMIT, 0)
  const at = reservationAt(id)
  for (let index: u32 = 0; index < size; index++) {
    const word = load<u32>(side + (<usize>index << 2), 16)
    if (word >> 24 == EntryKind_BYTES && !ledgerReserve(word & 0xffffff, granted)) {
      cancel(id)
      return deny(Reason_QUOTA, 0)
    }
    const entry = at + 32 + <usize>index * Layout_ENTRY_BYTES
    store<u32>(entry, word & 0xffffff)
    store<u32>(entry, word >> 24, 4)
    store<i64>(entry, word >> 24 == EntryKind_BYTES ? granted : 0, 8)
    store<u32>(at, index + 1, 8)
  }
  decided(link, granted)
  record(ALLOWED)
  return id
}

export function forgetHandles(): void {
  memory.fill(Layout_HANDLES, 0, <usize>fresh * Layout_HANDLE_BYTES)
  free = 0
  fresh = 0
}
