/** One figure: a function timed many times, its median and its spread. */

export type Measure = {
  name: string
  /** `x` is a ratio to the first of several things measured in turn. */
  unit: 'ms' | 'us' | 'ns' | 'x' | 'KiB'
  median: number
  lowest: number
  highest: number
  times: number
}

const IN_A_MILLISECOND = { ms: 1, us: 1e3, ns: 1e6 }

/**
 * Times a function.
 * @param times how often, after a fifth as many unmeasured rounds
 * @param per operations in one call, for figures of a single operation
 * @returns the median with the 10th and the 90th percentile as spread
 */
export async function measure(
  name: string,
  unit: keyof typeof IN_A_MILLISECOND,
  times: number,
  run: () => Promise<unknown>,
  per = 1,
): Promise<Measure> {
  for (let i = 0; i < times / 5; i++) await run()
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const started = performance.now()
    await run()
    taken.push(((performance.now() - started) * IN_A_MILLISECOND[unit]) / per)
  }
  return summary(name, unit, taken)
}

/** A median with its spread (the 10th and the 90th percentile). */
export function summary(name: string, unit: Measure['unit'], taken: number[]): Measure {
  taken.sort((a, b) => a - b)
  const at = (share: number) => taken[Math.floor(share * (taken.length - 1))] ?? 0
  return { name, unit, median: at(0.5), lowest: at(0.1), highest: at(0.9), times: taken.length }
}

/**
 * Times several ways of doing the same in turn, so that what else the machine does falls upon all of them.
 * @param rounds how often, after a third as many unmeasured rounds
 * @param ways the first is what the others are compared with
 * @returns for each of the others, the time of a round relative to the first way's in the same round
 */
export function compare(rounds: number, ways: Readonly<Record<string, () => unknown>>): Measure[] {
  const [reference, ...others] = Object.keys(ways)
  const ratios = new Map(others.map((name) => [name, [] as number[]]))
  const time = (name: string) => {
    const started = performance.now()
    ways[name]?.()
    return performance.now() - started
  }
  for (let round = -Math.ceil(rounds / 3); round < rounds; round++) {
    const base = time(reference ?? '')
    for (const [name, list] of ratios) {
      const ratio = time(name) / base
      if (round >= 0) list.push(ratio)
    }
  }
  return [...ratios].map(([name, list]) => summary(name, 'x', list))
}
