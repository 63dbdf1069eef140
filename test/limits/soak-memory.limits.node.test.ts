/** What is left of mixed runs in the process: no memory, no handle, no descriptor, no thread. */
import { stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createToka } from '../../src/index.ts'
import { canSuspend } from '../../src/loader/suspension.ts'
import { findGrowth, type Sample, sampleResources } from '../soak/resources.ts'
import { soak } from '../soak/soak.ts'

const RUNS = 1_000
/** Workers' heaps cannot be collected from here: after so many runs they have the size that V8 keeps them at. */
const SETTLED = 400

test.each(['inline', 'worker'] as const)(
  'nothing is left of hundreds of mixed runs (%s)',
  async (isolation) => {
    // The threads of Node's own file calls start with the first of them.
    await Promise.all(Array.from({ length: 8 }, () => stat(import.meta.filename)))
    const first = await sampleResources()
    const toka = await createToka({ isolation, workers: 2 })
    const world = { toka, cancelsLoops: isolation === 'worker' || (await canSuspend()) }
    const samples: Sample[] = []
    const rest = async (done: number): Promise<void> => {
      const sample = await sampleResources()
      if (done >= SETTLED) samples.push(sample)
    }
    await soak(world, { runs: RUNS, seed: 10_000, inFlight: 6, round: 50, rest })
    await toka.dispose()
    expect(findGrowth(samples)).toEqual([])
    const [before, after] = [samples.slice(-2), [await sampleResources(), await sampleResources()]]
    expect(findGrowth([...before, ...after])).toEqual([])
    // Memory that V8 or the allocator keeps is no leak; a descriptor, a thread or a handle is.
    expect(findGrowth([first, ...after]).filter((problem) => !problem.includes('grew'))).toEqual([])
  },
  120_000,
)

test('what grows is found: memory by what is left of it, descriptors, threads and handles by their number', () => {
  const sample: Sample = {
    residentBytes: 2 ** 27,
    heapBytes: 2 ** 24,
    externalBytes: 2 ** 23,
    bufferBytes: 2 ** 22,
    descriptors: 20,
    threads: 7,
    handles: { Timeout: 1 },
  }
  const later = (changes: Partial<Sample>): string[] => findGrowth([sample, sample, { ...sample, ...changes }])
  expect(later({})).toEqual([])
  expect(later({ residentBytes: 2 ** 28 })).toEqual(['residentBytes grew by 128.0 MiB'])
  expect(later({ heapBytes: 2 ** 25 })).toEqual(['heapBytes grew by 16.0 MiB'])
  expect(later({ bufferBytes: 2 ** 24, externalBytes: 2 ** 25 })).toHaveLength(2)
  expect(later({ descriptors: 21 })).toEqual(['21 descriptors after 20'])
  expect(later({ threads: 8 })).toEqual(['8 threads after 7'])
  expect(later({ handles: { Timeout: 2, Socket: 1 } })).toEqual([
    '2 handles of type Timeout after 1',
    '1 handles of type Socket after 0',
  ])
})
