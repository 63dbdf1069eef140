/** What the process holds (Node only): memory after garbage collection, handles, descriptors, threads; and whether it grows. */
import { existsSync, readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const MiB = 2 ** 20

/** Bytes and counts at one moment; -1 where the system does not tell. */
export type Sample = {
  residentBytes: number
  heapBytes: number
  externalBytes: number
  bufferBytes: number
  descriptors: number
  threads: number
  /** Handles that keep the process alive, by type. */
  handles: Readonly<Record<string, number>>
}

const listed = (folder: string): number =>
  existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(`${folder}/${name}`)).length : -1

/** Standard streams come and go with what is printed. */
function handlesNow(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const type of process.getActiveResourcesInfo())
    if (!/^(?:TTYWrap|PipeWrap|TickObject|Immediate)$/.test(type)) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

/** Lets what is over be collected, then measures. */
export async function sampleResources(): Promise<Sample> {
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    collect()
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    bufferBytes: arrayBuffers,
    descriptors: listed('/proc/self/fd'),
    threads: listed('/proc/self/task'),
    handles: handlesNow(),
  }
}

/** How much each may grow from the first third of the samples to the last. */
const GROWTH = { residentBytes: 64 * MiB, heapBytes: 4 * MiB, externalBytes: 8 * MiB, bufferBytes: 4 * MiB } as const

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/**
 * What grows, or is held beyond what the first sample held; nothing is an empty list.
 * @param samples after a warm-up, each with nothing under way
 */
export function findGrowth(samples: readonly Sample[]): string[] {
  const third = Math.max(1, Math.floor(samples.length / 3))
  const [early, late] = [samples.slice(0, third), samples.slice(-third)]
  const found: string[] = []
  for (const key of Object.keys(GROWTH) as (keyof typeof GROWTH)[]) {
    const grown = median(late.map((sample) => sample[key])) - median(early.map((sample) => sample[key]))
    if (grown > GROWTH[key]) found.push(`${key} grew by ${(grown / MiB).toFixed(1)} MiB`)
  }
  const types = samples.flatMap(({ handles }) => Object.keys(handles))
  const counts: Record<string, (sample: Sample) => number> = {
    descriptors: ({ descriptors }) => descriptors,
    threads: ({ threads }) => threads,
    ...Object.fromEntries(types.map((type) => [`handles of type ${type}`, ({ handles }) => handles[type] ?? 0])),
  }
  // A timer of someone else may be there for a moment: what is left of runs is there in every late sample.
  for (const [what, count] of Object.entries(counts)) {
    const [before, after] = [Math.max(...early.map(count)), Math.min(...late.map(count))]
    if (after > before) found.push(`${after} ${what} after ${before}`)
  }
  return found
}

export function describeSample(sample: Sample): string {
  const size = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`
  const { residentBytes, heapBytes, externalBytes, bufferBytes, descriptors, threads } = sample
  const sizes = `rss ${size(residentBytes)}, heap ${size(heapBytes)}, external ${size(externalBytes)}, buffers ${size(bufferBytes)}`
  return `${sizes}, ${descriptors} descriptors, ${threads} threads`
}
