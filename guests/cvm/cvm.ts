// The capability VM: counts every import call of a sandbox's guests, decides what leaves it, and holds its open handles. AssemblyScript.
// One instance a sandbox with a memory of its own, which no guest can name. The host writes a request, this decides over that copy.
import {
  Bound_AMOUNT, Bound_ENTRIES, Bound_HANDLES, Bound_RESERVATIONS, Counter_ALLOWED, Counter_COUNTED, Counter_DENIED,
  Counter_HOST_CALLS, Counter_IN_FLIGHT, Counter_LOCAL, Counter_REDECIDED, EntryKind_BYTES, EntryKind_CALLS, EntryKind_RATE,
  HandleRight_EITHER, Action_fs_write, Layout_ENTRIES, Layout_ENTRY_BYTES, Layout_HANDLES, Layout_HANDLE_BYTES,
  Layout_HANDLE_SIDE_BYTES, Layout_INTEGERS, Layout_LENGTHS, Layout_OPERATIONS, Layout_RESERVATIONS,
  Layout_RESERVATION_BYTES, Reason_CLOSED, Reason_EXPIRED, Reason_HANDLE, Reason_LIMIT, Reason_NONE, Reason_PATH,
  Reason_QUOTA, Reason_READ_ONLY, RequestFlag_CONTINUED, RequestFlag_PROBE, RequestFlag_READ_ONLY, RequestFlag_SUBTREE,
  SlotBytes_0, Stop_CALLS, Stop_CLOSED, Stop_GO,
} from './isa.generated'
import { credit, entryCount, entryHolds, install, raiseFlags, run, runHorizon, runLink, runReason, runShort } from './machine'

export { install, raiseFlags }

@external("ledger", "left") declare function ledgerLeft(cell: u32): i64
@external("ledger", "reserve") declare function ledgerReserve(cell: u32, amount: i64): i32
@external("ledger", "refund") declare function ledgerRefund(cell: u32, amount: i64): void

// ---- counting ----

/** How the import call in progress ends, if nothing else is decided. */
const NO_CALL: u32 = 0
const LOCAL: u32 = 1
const ALLOWED: u32 = 2
const DENIED: u32 = 3

let outcome: u32 = NO_CALL
let counted: u64 = 0
let local: u64 = 0
let allowed: u64 = 0
let denied: u64 = 0
let redecided: u64 = 0
let stopped: u32 = Stop_GO

function tally(): void {
  if (outcome == LOCAL) local++
  else if (outcome == ALLOWED) allowed++
  else if (outcome == DENIED) denied++
}

/** Called by the border before anything else of every import call. Anything but 0 kills the guest. */
export function count(operation: i32): i32 {
  tally()
  counted++
  const at = Layout_OPERATIONS + (<usize>min(<u32>operation, 255) << 2)
  store<u32>(at, load<u32>(at) + 1)
  outcome = stopped == Stop_GO ? LOCAL : DENIED
  return stopped
}

/** The last import call is over: what is decided from here on belongs to none. */
export function leave(): void {
  tally()
  outcome = NO_CALL
}

function record(verdict: u32): void {
  if (outcome == NO_CALL) redecided++
  else outcome = max(outcome, verdict)
}

export function counter(index: u32): f64 {
  switch (index) {
    case Counter_COUNTED: return <f64>counted
    case Counter_LOCAL: return <f64>(local + (outcome == LOCAL ? 1 : 0))
    case Counter_ALLOWED: return <f64>(allowed + (outcome == ALLOWED ? 1 : 0))
    case Counter_DENIED: return <f64>(denied + (outcome == DENIED ? 1 : 0))
    case Counter_REDECIDED: return <f64>redecided
    case Counter_HOST_CALLS: return <f64>hostCalls
    case Counter_IN_FLIGHT: return <f64>inFlight
    default: return 0
  }
}

// ---- limits ----

let hostCalls: u32 = 0
let hostCallLimit: u32 = 0
let inFlight: u32 = 0
let concurrentLimit: u32 = 0

/** A run begins: its calls are counted from nothing, against these limits. */
export function begin(calls: u32, concurrent: u32): void {
  hostCalls = 0
  hostCallLimit = calls
  concurrentLimit = min(concurrent, Bound_RESERVATIONS)
  if (stopped == Stop_CALLS) stopped = Stop_GO
}

/** No more calls, ever. */
export function close(): void {
  stopped = Stop_CLOSED
}

export function stop(): u32 { return stopped }

function deny(reason: u32, flags: u32): i32 {
  if (!(flags & RequestFlag_PROBE)) record(DENIED)
  return -<i32>reason
}

/** Counts one host call. Answers why it may not even be asked. */
function admit(flags: u32): u32 {
  if (stopped == Stop_CLOSED) return Reason_CLOSED
  if (flags & RequestFlag_PROBE) return Reason_NONE
  if (!(flags & RequestFlag_CONTINUED)) {
    if (hostCalls >= hostCallLimit) {
      stopped = Stop_CALLS
      return Reason_LIMIT
    }
    hostCalls++
  }
  return inFlight >= concurrentLimit ? Reason_LIMIT : Reason_NONE
}

/** A request that is refused before a program could see it: a name that is not canonical. Counts as a host call. */
export function refuse(): i32 {
  decidedLink = 0
  const why = admit(0)
  return deny(why != Reason_NONE ? why : Reason_PATH, 0)
}

function microseconds(milliseconds: f64): i64 {
  return <i64>(max(0, min(milliseconds, 9e12)) * 1000)
}

// ---- reservations: an allowed call under way ----
// u32 generation, u32 next free (index + 1), u32 entries, u32 link, i64 horizon, u32 in use; then the entries.

let reservationFree: u32 = 0
let reservationFresh: u32 = 0

@inline function reservationAt(index: u32): usize {
  return Layout_RESERVATIONS + <usize>index * Layout_RESERVATION_BYTES
}

/** Index and generation in one number: bits 0 to 9 and 10 to 30. A number of an earlier life finds nothing. */
function take(free: u32, fresh: u32, base: usize, size: usize, bound: u32): u32 {
  const index = free != 0 ? free - 1 : fresh
  if (index >= bound) return 0
  const at = base + <usize>index * size
  const generation = max(1, (load<u32>(at) + 1) & 0x1fffff)
  store<u32>(at, generation)
  return (generation << 10) | index
}

function find(id: i32, base: usize, size: usize): usize {
  if (id <= 0) return 0
  const at = base + <usize>(id & 1023) * size
  return load<u32>(at) == <u32>id >> 10 && load<u32>(at, 24) != 0 ? at : 0
}

function reserveSlot(link: u32, horizon: i64): i32 {
  const id = take(reservationFree, reservationFresh, Layout_RESERVATIONS, Layout_RESERVATION_BYTES, Bound_RESERVATIONS)
  if (id == 0) return 0
  const at = reservationAt(id & 1023)
  if (reservationFree != 0) reservationFree = load<u32>(at, 4)
  else reservationFresh++
  store<u32>(at, 0, 8)
  store<u32>(at, link, 12)
  store<i64>(at, horizon, 16)
  store<u32>(at, 1, 24)
  inFlight++
  return <i32>id
}

function release(id: i32, at: usize): void {
  store<u32>(at, 0, 24)
  store<u32>(at, reservationFree, 4)
  reservationFree = (<u32>id & 1023) + 1
  inFlight--
}

/** An allowed call is over and moved `actual` bytes: what was reserved beyond goes back. */
export function settle(id: i32, actual: f64): i32 {
  const at = find(id, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  if (at == 0) return 0
  const used = <i64>max(0, min(actual, <f64>Bound_AMOUNT))
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
  redecided++
  decidedLink = 0
  const at = find(id, Layout_RESERVATIONS, Layout_RESERVATION_BYTES)
  if (at == 0) return -Reason_HANDLE
  decidedLink = load<u32>(at, 12)
  if (stopped == Stop_CLOSED) return -Reason_CLOSED
  if (microseconds(now) >= load<i64>(at, 16)) return -Reason_EXPIRED
  const size = load<u32>(at, 8)
  for (let index: u32 = 0; index < size; index++) {
    const entry = at + 32 + <usize>index * Layout_ENTRY_BYTES
    const why = entryHolds(load<u32>(entry, 4), load<u32>(entry))
    if (why != Reason_NONE) return -<i32>why
  }
  return 0
}

// ---- decisions ----

let decidedLink: u32 = 0
let decidedAmount: i64 = 0

/** The link that decided last. */
export function link(): u32 { return decidedLink }
/** The bytes that the last allowed request may move. */
export function amount(): f64 { return <f64>decidedAmount }

/**
 * Decides over the request in memory: `action`, slot 0 of `length` bytes, an amount of `want` bytes (at least `least`).
 * Answers a reservation, which must be settled (0 for a probe), or a reason, negative.
 */
export function decide(action: u32, length: u32, want: f64, least: f64, now: f64, flags: u32): i32 {
  decidedLink = 0
  let why = admit(flags)
  if (why == Reason_NONE && length > SlotBytes_0) why = Reason_PATH
  if (why == Reason_NONE && flags & RequestFlag_READ_ONLY && action == Action_fs_write) why = Reason_READ_ONLY
  if (why != Reason_NONE) return deny(why, flags)
  const dry = (flags & RequestFlag_PROBE) != 0
  const subtree = (flags & RequestFlag_SUBTREE) != 0
  const time = microseconds(now)
  decidedAmount = <i64>max(0, min(want, <f64>Bound_AMOUNT))
  store<u32>(Layout_LENGTHS, length)
  store<i64>(Layout_INTEGERS, decidedAmount)
  let ok = run(action, time, subtree, dry)
  if (!ok && runReason() == Reason_QUOTA && runShort() >= <i64>max(0, least) && runShort() < decidedAmount) {
    // A short answer is legal: take what the byte quota still holds.
    decidedAmount = runShort()
    store<i64>(Layout_INTEGERS, decidedAmount)
    ok = run(action, time, subtree, dry)
  }
  decidedLink = runLink()
  if (!ok) return deny(runReason(), flags)
  if (dry) return 0
  return admitted()
}

function admitted(): i32 {
  const size = entryCount()
  const id = reserveSlot(decidedLink, runHorizon())
  if (id == 0) {
    for (let index: u32 = 0; index < size; index++) credit(Layout_ENTRIES + <usize>index * Layout_ENTRY_BYTES)
    return deny(Reason_LIMIT, 0)
  }
  const at = reservationAt(id & 1023)
  store<u32>(at, size, 8)
  memory.copy(at + 32, Layout_ENTRIES, <usize>size * Layout_ENTRY_BYTES)
  record(ALLOWED)
  return id
}

// ---- handles: an open file ----
// u32 generation, u32 next free (index + 1), u32 rights (1 read, 2 write), 12 bytes, u32 in use; then one side for each
// right: u32 link, u32 cells, i64 horizon, then u32 kind << 24 | cell.

let handleFree: u32 = 0
let handleFresh: u32 = 0

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
  const id = take(handleFree, handleFresh, Layout_HANDLES, Layout_HANDLE_BYTES, Bound_HANDLES)
  if (id == 0) return 0
  const at = Layout_HANDLES + <usize>(id & 1023) * Layout_HANDLE_BYTES
  if (handleFree != 0) handleFree = load<u32>(at, 4)
  else handleFresh++
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
  store<u32>(at, handleFree, 4)
  handleFree = (<u32>id & 1023) + 1
  return 1
}

/**
 * Checks a call on an open handle for a right and charges up to `want` bytes, at least `least`, never more than `amount()`.
 * Answers a reservation, which must be settled, or a reason, negative.
 */
export function checkHandle(id: i32, right: u32, want: f64, least: f64, now: f64): i32 {
  decidedLink = 0
  const why = admit(0)
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
  decidedLink = load<u32>(side)
  decidedAmount = <i64>max(0, min(want, <f64>Bound_AMOUNT))
  if (microseconds(now) >= horizon) return deny(Reason_EXPIRED, 0)
  for (let index: u32 = 0; index < size; index++) {
    const word = load<u32>(side + (<usize>index << 2), 16)
    const why = entryHolds(word >> 24, word & 0xffffff)
    if (why != Reason_NONE) return deny(why, 0)
    if (word >> 24 == EntryKind_BYTES) decidedAmount = min(decidedAmount, ledgerLeft(word & 0xffffff))
  }
  if (decidedAmount < <i64>max(0, least)) return deny(Reason_QUOTA, 0)
  const id = reserveSlot(decidedLink, horizon)
  if (id == 0) return deny(Reason_LIMIT, 0)
  const at = reservationAt(id & 1023)
  for (let index: u32 = 0; index < size; index++) {
    const word = load<u32>(side + (<usize>index << 2), 16)
    if (word >> 24 == EntryKind_BYTES && !ledgerReserve(word & 0xffffff, decidedAmount)) {
      cancel(id)
      return deny(Reason_QUOTA, 0)
    }
    const entry = at + 32 + <usize>index * Layout_ENTRY_BYTES
    store<u32>(entry, word & 0xffffff)
    store<u32>(entry, word >> 24, 4)
    store<i64>(entry, word >> 24 == EntryKind_BYTES ? decidedAmount : 0, 8)
    store<u32>(at, index + 1, 8)
  }
  record(ALLOWED)
  return id
}
