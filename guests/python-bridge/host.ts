// The host's functions, each through the border.
// A reply is status << 32 | length; status = bits (FAILED, LARGE, PENDING, NONE) | ticket << 8.

@external("host", "call") export declare function hostCall(operation: i32, argument: u32, length: u32, out: u32, capacity: u32): i64
@external("host", "begin") export declare function hostBegin(operation: i32, argument: u32, length: u32, out: u32, capacity: u32): i64
@external("host", "wait") export declare function hostWait(ticket: u32, out: u32, capacity: u32): i64
@external("host", "take") export declare function hostTake(ticket: u32, out: u32, capacity: u32): i32
@external("host", "next") export declare function hostNext(id: u32, out: u32, capacity: u32): i64
@external("host", "idle") export declare function hostIdle(milliseconds: f64): void
@external("host", "now") export declare function hostNow(clock: i32): f64
@external("host", "seed") export declare function hostSeed(out: u32): void
