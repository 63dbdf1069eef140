// Makes a guest's memory zero without touching what is zero already: pages that were never used stay uncommitted. AssemblyScript.

/** A page of the host's memory: what is committed at once. */
const PAGE: u32 = 4096
/** Bytes of one round of the search. */
const ROUND: u32 = 64

/** Zeroes the pages from `from` to `to`, both multiples of 4,096 within the memory. */
export function erase(from: u32, to: u32): void {
  for (let page: u32 = from; page < to; page += PAGE) {
    let bits = i64x2.splat(0)
    for (let at: u32 = page; at < page + PAGE; at += ROUND) {
      const low = v128.or(v128.load(at), v128.load(at, 16))
      const high = v128.or(v128.load(at, 32), v128.load(at, 48))
      bits = v128.or(bits, v128.or(low, high))
    }
    if (v128.any_true(bits)) memory.fill(page, 0, PAGE)
  }
}
