/** Where generators get their choices from: a seed, or the bytes of an input, so that a shorter input makes something smaller. */

/** A whole number from 0 to below the limit. */
export type Next = (below: number) => number

/** Random numbers that are the same everywhere (mulberry32). */
export function numbers(seed: number): Next {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Choices read from bytes, the fewest that the limit needs. When they are used up every choice is 0: the simplest. */
export function choices(bytes: Uint8Array): Next {
  let at = 0
  const byte = (): number => bytes[at++] ?? 0
  return (below) => {
    let value = byte()
    for (let room = 256; room < below; room *= 256) value = value * 256 + byte()
    return value % below
  }
}

export function randomBytes(next: Next, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => next(256))
}

export function pick<T>(next: Next, items: readonly T[]): T {
  return items[next(items.length)] as T
}
