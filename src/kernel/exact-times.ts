/** Times that a guest set to the nanosecond: files keep them in milliseconds, and some hosts in less. */
import type { FileStat } from './host-port.ts'

type Time = { shownMs: number; exact: bigint }
type Times = { accessed: Time; modified: Time }

/** Files that are remembered; the oldest is told in the host's precision beyond them. */
const MOST_FILES = 1_024

const nanoseconds = (milliseconds: number): bigint => {
  const whole = Math.floor(milliseconds)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1e6))
}

export class ExactTimes {
  readonly #known = new Map<number, Times>()

  /**
   * Remembers what was set.
   * @param shown what `stat` says of the file now
   */
  remember(shown: FileStat, accessed: bigint, modified: bigint): void {
    this.#known.delete(shown.inode)
    this.#known.set(shown.inode, {
      accessed: { shownMs: shown.accessedMs, exact: accessed },
      modified: { shownMs: shown.modifiedMs, exact: modified },
    })
    const oldest = this.#known.size > MOST_FILES ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  /** Both times in nanoseconds: what was set, unless the file was changed since. */
  of({ inode, accessedMs, modifiedMs }: FileStat): { accessed: bigint; modified: bigint } {
    const known = this.#known.get(inode)
    const one = (time: Time | undefined, shownMs: number): bigint =>
      time?.shownMs === shownMs ? time.exact : nanoseconds(shownMs)
    return { accessed: one(known?.accessed, accessedMs), modified: one(known?.modified, modifiedMs) }
  }

  /** A time that is never set. */
  static changed({ changedMs }: FileStat): bigint {
    return nanoseconds(changedMs)
  }
}
