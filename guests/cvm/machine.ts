// Runs one verified program over the request in this memory: yes or no, and what a yes owes. AssemblyScript over raw memory.
// Jumps go forward only and every loop is over bounded input, so a decision always ends.
import {
  Bound_AMOUNT, Bound_ENTRIES, EntryKind_ALIVE, EntryKind_BYTES, EntryKind_CALLS, EntryKind_FLAG_CLEAR,
  EntryKind_FLAG_SET, EntryKind_RATE, Layout_ENTRIES, Layout_ENTRY_BYTES, Layout_ORDER, ONE_CALL, Opcode_ACT,
  Opcode_AFTER, Opcode_ALIVE, Opcode_BEFORE, Opcode_CHARGE, Opcode_CIDR4, Opcode_CIDR6, Opcode_COMMIT, Opcode_DFA,
  Opcode_EQ, Opcode_FLAG, Opcode_GE, Opcode_IN, Opcode_LE, Opcode_RATE, Opcode_RET, Reason_EXPIRED, Reason_FAULT,
  Reason_FLOW, Reason_NO_GRANT, Reason_NONE, Reason_NOT_YET, Reason_QUOTA, Reason_RATE, Reason_REVOKED, Slot_AMOUNT,
} from './isa.generated'
import { accepts, contains, equals, inNetwork, integer } from './predicates'

@external("ledger", "left") declare function ledgerLeft(cell: u32): i64
@external("ledger", "reserve") declare function ledgerReserve(cell: u32, amount: i64): i32
@external("ledger", "refund") declare function ledgerRefund(cell: u32, amount: i64): void
@external("ledger", "rateReady") declare function ledgerRateReady(cell: u32, now: i64, tolerance: i64): i32
@external("ledger", "rateTake") declare function ledgerRateTake(cell: u32, now: i64, interval: i64, tolerance: i64): i64
@external("ledger", "rateUndo") declare function ledgerRateUndo(cell: u32, old: i64, written: i64): void

let cells: usize = 0
let code: usize = 0
let length: u32 = 0
let pool: usize = 0
let flags: u32 = 0

/** Entries left behind so far, and those that were there when the current alternative began. */
let count: u32 = 0
let mark: u32 = 0
/** The earliest expiry met, and at the alternative's begin. */
let horizon: i64 = i64.MAX_VALUE
let markHorizon: i64 = i64.MAX_VALUE
let owing: bool = false
let link: u32 = 0
let reason: u32 = 0
/** The most that a byte quota held where it fell short: what a smaller request could have. */
let short: i64 = -1

export function install(cellsAt: usize, codeAt: usize, instructions: u32, poolAt: usize): void {
  cells = cellsAt
  code = codeAt
  length = instructions
  pool = poolAt
}
export function raiseFlags(mask: u32): void {
  flags |= mask
}
export function forgetProgram(): void {
  install(0, 0, 0, 0)
  flags = 0
  count = 0
  mark = 0
  horizon = i64.MAX_VALUE
  markHorizon = i64.MAX_VALUE
  owing = false
  link = 0
  reason = 0
  short = -1
}
export function entryCount(): u32 { return count }
export function runHorizon(): i64 { return horizon }
export function runLink(): u32 { return link }
export function runReason(): u32 { return reason }
export function runShort(): i64 { return short }

@inline function entry(index: u32): usize {
  return Layout_ENTRIES + <usize>index * Layout_ENTRY_BYTES
}

@inline function cellOf(index: u32): u32 {
  return load<u32>(cells + (<usize>index << 2))
}

function leave(kind: u32, cell: u32, amount: i64, extra: usize): bool {
  if (count >= Bound_ENTRIES) return false
  const at = entry(count)
  store<u32>(at, cell)
  store<u32>(at, kind, 4)
  store<i64>(at, amount, 8)
  store<i64>(at, <i64>extra, 16)
  count++
  return true
}

function charge(slot: u32, cell: u32): bool {
  const bytes = slot != ONE_CALL
  const amount: i64 = bytes ? integer(slot) : 1
  if (amount < 0 || amount > Bound_AMOUNT) return false
  let owed = amount
  for (let index: u32 = 0; index < count; index++) {
    const at = entry(index)
    const kind = load<u32>(at, 4)
    if (load<u32>(at) == cell && (kind == EntryKind_CALLS || kind == EntryKind_BYTES)) owed += load<i64>(at, 8)
  }
  const held = ledgerLeft(cell)
  if (owed > held) {
    if (slot == Slot_AMOUNT && held - (owed - amount) > short) short = held - (owed - amount)
    return false
  }
  owing = true
  return leave(bytes ? EntryKind_BYTES : EntryKind_CALLS, cell, amount, 0)
}

function rate(at: usize, now: i64): bool {
  const cell = cellOf(load<u32>(at))
  if (!ledgerRateReady(cell, now, load<i64>(at, 16))) return false
  owing = true
  return leave(EntryKind_RATE, cell, now, at)
}

/** Debits one entry. That of a rate holds `now` and its record before, and the two values that undo it after. */
function debit(at: usize): bool {
  const cell = load<u32>(at)
  if (load<u32>(at, 4) != EntryKind_RATE) return ledgerReserve(cell, load<i64>(at, 8)) != 0
  const record = <usize>load<i64>(at, 16)
  const now = load<i64>(at, 8)
  const old = ledgerRateTake(cell, now, load<i64>(record, 8), load<i64>(record, 16))
  if (old < 0) return false
  store<i64>(at, old, 16)
  store<i64>(at, max(old, now) + load<i64>(record, 8), 8)
  return true
}

/** Gives back a debited entry's charge. */
export function credit(at: usize): void {
  const cell = load<u32>(at)
  const kind = load<u32>(at, 4)
  if (kind == EntryKind_RATE) ledgerRateUndo(cell, load<i64>(at, 16), load<i64>(at, 8))
  else if (kind == EntryKind_CALLS || kind == EntryKind_BYTES) ledgerRefund(cell, load<i64>(at, 8))
}

function chargeable(index: u32): bool {
  const kind = load<u32>(entry(index), 4)
  return kind == EntryKind_CALLS || kind == EntryKind_BYTES || kind == EntryKind_RATE
}

/** All or nothing, in the order of the cells, so that two sandboxes that share cells cannot starve each other. */
function commit(): bool {
  let size: u32 = 0
  for (let index: u32 = 0; index < count; index++) {
    if (!chargeable(index)) continue
    const cell = load<u32>(entry(index))
    let place = size++
    while (place > 0 && load<u32>(entry(load<u8>(Layout_ORDER + place - 1))) > cell) {
      store<u8>(Layout_ORDER + place, load<u8>(Layout_ORDER + place - 1))
      place--
    }
    store<u8>(Layout_ORDER + place, <u8>index)
  }
  for (let done: u32 = 0; done < size; done++) {
    const at = entry(load<u8>(Layout_ORDER + done))
    if (debit(at)) continue
    fail(load<u32>(at, 4) == EntryKind_RATE ? Reason_RATE : Reason_QUOTA)
    while (done > 0) credit(entry(load<u8>(Layout_ORDER + --done)))
    return false
  }
  owing = false
  return true
}

function fail(why: u32): void {
  if (why > reason) reason = why
}

function flagsAgree(expected: u32, mask: u32): bool {
  return ((flags & mask) != 0 ? 1 : 0) == expected
}

/** Whether what a decision rested on still holds: not expired, not revoked, no flag against it. Answers a reason. */
export function entryHolds(kind: u32, cell: u32): u32 {
  if (kind == EntryKind_ALIVE) return ledgerLeft(cell) == 1 ? Reason_NONE : Reason_REVOKED
  if (kind == EntryKind_FLAG_CLEAR) return flagsAgree(0, cell) ? Reason_NONE : Reason_FLOW
  if (kind == EntryKind_FLAG_SET) return flagsAgree(1, cell) ? Reason_NONE : Reason_FLOW
  return Reason_NONE
}

/** Runs the program. `dry` leaves every cell as it is. */
export function run(action: u32, now: i64, subtree: bool, dry: bool): bool {
  count = 0
  mark = 0
  horizon = i64.MAX_VALUE
  markHorizon = i64.MAX_VALUE
  owing = false
  link = 0
  reason = Reason_NONE
  short = -1
  let counter: u32 = 0
  while (counter < length) {
    const at = code + (<usize>counter << 3)
    const a = <u32>load<u8>(at, 1)
    const immediate = load<u32>(at, 4)
    const constant = pool + <usize>immediate
    let ok = false
    let why: u32 = Reason_NO_GRANT
    switch (<u32>load<u8>(at)) {
      case Opcode_RET:
        if (immediate != 1) {
          fail(Reason_NO_GRANT)
          return false
        }
        if (!owing) return true
        fail(Reason_FAULT)
        return false
      case Opcode_ACT:
        // A later link is reached only when the ones before it allow: what failed there no longer matters.
        if (a != link) {
          link = a
          reason = Reason_NONE
          short = -1
        }
        mark = count
        markHorizon = horizon
        ok = ((immediate >> action) & 1) != 0
        break
      case Opcode_EQ: ok = equals(a, constant); break
      case Opcode_LE: ok = integer(a) <= load<i64>(constant); break
      case Opcode_GE: ok = integer(a) >= load<i64>(constant); break
      case Opcode_IN: ok = contains(a, constant, pool); break
      case Opcode_DFA: ok = accepts(constant, a, subtree); break
      case Opcode_CIDR4: ok = inNetwork(a, constant, 4); break
      case Opcode_CIDR6: ok = inNetwork(a, constant, 16); break
      case Opcode_BEFORE: {
        const until = load<i64>(constant)
        ok = now < until
        if (ok && until < horizon) horizon = until
        why = Reason_EXPIRED
        break
      }
      case Opcode_AFTER: ok = now >= load<i64>(constant); why = Reason_NOT_YET; break
      case Opcode_ALIVE: {
        const cell = cellOf(immediate)
        ok = ledgerLeft(cell) == 1 && leave(EntryKind_ALIVE, cell, 0, 0)
        why = Reason_REVOKED
        break
      }
      case Opcode_FLAG:
        ok = flagsAgree(a, immediate) && leave(a == 1 ? EntryKind_FLAG_SET : EntryKind_FLAG_CLEAR, immediate, 0, 0)
        why = Reason_FLOW
        break
      case Opcode_RATE: ok = rate(constant, now); why = Reason_RATE; break
      case Opcode_CHARGE: ok = charge(a, cellOf(immediate)); why = Reason_QUOTA; break
      case Opcode_COMMIT:
        // Refused after the tests held: another sandbox was faster. That ends the decision, nothing is half undone.
        if (!dry && !commit()) return false
        owing = false
        ok = true
        break
      default:
        fail(Reason_FAULT)
        return false
    }
    if (ok) counter++
    else {
      fail(why)
      if (count > mark) count = mark
      horizon = markHorizon
      owing = owes()
      counter = <u32>load<u16>(at, 2)
    }
  }
  fail(Reason_FAULT)
  return false
}

function owes(): bool {
  for (let index: u32 = 0; index < count; index++) if (chargeable(index)) return true
  return false
}
