// Counts: every import call of the guest and how it ended, the host calls of a run, and the calls under way. AssemblyScript.
import {
  Bound_AMOUNT, Bound_RESERVATIONS, Counter_ALLOWED, Counter_COUNTED, Counter_DENIED, Counter_HOST_CALLS,
  Counter_IN_FLIGHT, Counter_LOCAL, Counter_REDECIDED, Layout_OPERATIONS, Reason_CLOSED, Reason_LIMIT, Reason_NONE,
  Reason_PATH, RequestFlag_CONTINUED, RequestFlag_PROBE, Stop_CALLS, Stop_CLOSED, Stop_GO,
} from './isa.generated'

/** How the import call in progress ends, if nothing else is decided. */
const NO_CALL: u32 = 0
const LOCAL: u32 = 1
export const ALLOWED: u32 = 2
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

export function record(verdict: u32): void {
  if (outcome == NO_CALL) redecided++
  else outcome = max(outcome, verdict)
}

/** A call that was allowed before is decided again. */
export function redecide(): void {
  redecided++
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

export function deny(reason: u32, flags: u32): i32 {
  if (!(flags & RequestFlag_PROBE)) record(DENIED)
  return -<i32>reason
}

/** Counts one host call. Answers why it may not even be asked. */
export function admit(flags: u32): u32 {
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
  decided(0, 0)
  const why = admit(0)
  return deny(why != Reason_NONE ? why : Reason_PATH, 0)
}

/** Microseconds of a host's clock. What is no time is later than any expiry. */
export function microseconds(milliseconds: f64): i64 {
  if (!(milliseconds < 9e12)) return i64.MAX_VALUE
  return <i64>(max(0, milliseconds) * 1000)
}

/** A number of bytes of the host: whole, not negative, bounded. What is no number is none. */
export function wholeBytes(bytes: f64): i64 {
  return bytes > 0 ? <i64>min(bytes, <f64>Bound_AMOUNT) : 0
}

/** One more or one less call under way. */
export function fly(change: i32): void {
  inFlight += change
}

let decidedLink: u32 = 0
let decidedAmount: i64 = 0

export function decided(link: u32, amount: i64): void {
  decidedLink = link
  decidedAmount = amount
}
/** The link that decided last. */
export function link(): u32 { return decidedLink }
/** The bytes that the last allowed request may move. */
export function amount(): f64 { return <f64>decidedAmount }

export function forgetCounts(): void {
  outcome = NO_CALL
  counted = 0
  local = 0
  allowed = 0
  denied = 0
  redecided = 0
  stopped = Stop_GO
  hostCalls = 0
  hostCallLimit = 0
  inFlight = 0
  concurrentLimit = 0
  decided(0, 0)
}
