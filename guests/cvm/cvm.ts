// The capability VM: decides what leaves a sandbox, over a copy of the request in its own memory. AssemblyScript.
// One instance a sandbox with a memory of its own, which no guest can name. The host writes a request, this decides over that copy.
import {
  Action_fs_write, Layout_ENTRIES, Layout_ENTRY_BYTES, Layout_INTEGERS, Layout_LENGTHS, Layout_PROGRAM, Layout_RESERVATIONS, Reason_LIMIT, Reason_NONE,
  Reason_PATH, Reason_QUOTA, Reason_READ_ONLY, RequestFlag_PROBE, RequestFlag_READ_ONLY, RequestFlag_SUBTREE,
  SlotBytes_0,
} from './isa.generated'
import { admit, ALLOWED, decided, deny, forgetCounts, microseconds, record, wholeBytes } from './counting'
import { forgetHandles } from './handles'
import { credit, entryCount, forgetProgram, run, runHorizon, runLink, runReason, runShort } from './machine'
import { forgetReservations, openReservation, reservationAt } from './reservations'

export { amount, begin, close, count, counter, leave, link, refuse, stop } from './counting'
export { checkHandle, closeHandle, openHandle } from './handles'
export { install, raiseFlags } from './machine'
export { cancel, redecide, settle } from './reservations'

/**
 * Decides over the request in memory: `action`, slot 0 of `length` bytes, an amount of `want` bytes (at least `least`).
 * Answers a reservation, which must be settled (0 for a probe), or a reason, negative.
 */
export function decide(action: u32, length: u32, want: f64, least: f64, now: f64, flags: u32): i32 {
  decided(0, 0)
  let why = admit(flags)
  if (why == Reason_NONE && length > SlotBytes_0) why = Reason_PATH
  if (why == Reason_NONE && flags & RequestFlag_READ_ONLY && action == Action_fs_write) why = Reason_READ_ONLY
  if (why != Reason_NONE) return deny(why, flags)
  const dry = (flags & RequestFlag_PROBE) != 0
  const subtree = (flags & RequestFlag_SUBTREE) != 0
  const time = microseconds(now)
  let granted = wholeBytes(want)
  store<u32>(Layout_LENGTHS, length)
  store<i64>(Layout_INTEGERS, granted)
  let ok = run(action, time, subtree, dry)
  if (!ok && runReason() == Reason_QUOTA && runShort() >= wholeBytes(least) && runShort() < granted) {
    // A short answer is legal: take what the byte quota still holds.
    granted = runShort()
    store<i64>(Layout_INTEGERS, granted)
    ok = run(action, time, subtree, dry)
  }
  decided(runLink(), granted)
  if (!ok) return deny(runReason(), flags)
  if (dry) return 0
  return admitted()
}

function admitted(): i32 {
  const size = entryCount()
  const id = openReservation(runLink(), runHorizon())
  if (id == 0) {
    for (let index: u32 = 0; index < size; index++) credit(Layout_ENTRIES + <usize>index * Layout_ENTRY_BYTES)
    return deny(Reason_LIMIT, 0)
  }
  const at = reservationAt(id)
  store<u32>(at, size, 8)
  memory.copy(at + 32, Layout_ENTRIES, <usize>size * Layout_ENTRY_BYTES)
  record(ALLOWED)
  return id
}

/** As new: nothing of the sandbox that used this is left. Tables are cleared as far as they were used. */
export function wipe(): void {
  memory.fill(0, 0, Layout_RESERVATIONS)
  forgetReservations()
  forgetHandles()
  const program = <usize>Layout_PROGRAM
  memory.fill(program, 0, (<usize>memory.size() << 16) - program)
  forgetCounts()
  forgetProgram()
}
