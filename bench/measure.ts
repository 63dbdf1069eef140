/** One figure: a function timed many times, its median and its spread. */

export type Measure = {
  name: string
  unit: 'ms' | 'us'
  median: number
  lowest: number
  highest: number
  times: number
}

/**
 * Times a function.
 * @param times how often, after a fifth as many unmeasured rounds
 * @param per operations in one call, for figures of a single operation
 * @returns the median with the 10th and the 90th percentile as spread
 */
export async function measure(
  name: string,
  unit: 'ms' | 'us',
  times: number,
  run: () => Promise<unknown>,
  per = 1,
): Promise<Measure> {
  for (let i = 0; i < times / 5; i++) await run()
  const taken: number[] = []
  for (let i = 0; i < times; i++) {
    const started = performance.now()
    await run()
    taken.push(((performance.now() - started) * (unit === 'us' ? 1_000 : 1)) / per)
  }
  taken.sort((a, b) => a - b)
  const at = (share: number) => taken[Math.floor(share * (taken.length - 1))] ?? 0
  return { name, unit, median: at(0.5), lowest: at(0.1), highest: at(0.9), times }
}
