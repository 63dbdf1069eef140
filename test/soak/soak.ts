/** Many mixed runs with several in flight, each checked; between rounds nothing is under way, so that what is left can be counted. */
import { numbers } from '../fuzz/numbers.ts'
import { goodKinds } from './good-kinds.ts'
import { hostileKinds } from './hostile-kinds.ts'
import { expectSame, type Kind, type World } from './kind.ts'

export type SoakOptions = {
  runs: number
  seed: number
  /** Runs under way at once. */
  inFlight: number
  /** Runs between two rests. */
  round: number
  /** Called when nothing is under way. Throws when something is left that must not be. */
  rest?: (done: number) => Promise<void> | void
  stopped?: () => boolean
}

export const kinds: readonly Kind[] = [...goodKinds, ...hostileKinds]
const turns = kinds.flatMap((kind) => new Array<Kind>(kind.weight).fill(kind))

async function runOne(world: World, seed: number, counts: Map<string, number>): Promise<void> {
  const next = numbers(seed)
  const kind = turns[next(turns.length)] as Kind
  try {
    await kind.run(world, next)
  } catch (cause) {
    throw new Error(`a run of kind "${kind.name}" with seed ${seed}: ${(cause as Error).message}`, { cause })
  }
  counts.set(kind.name, (counts.get(kind.name) ?? 0) + 1)
}

/** Guests that may wait for their next sandbox (engines/quickjs). */
const SPARES = 4

/** Starts all that is kept for later runs, each worker's thread for TypeScript too: all of it is there at each rest, so that samples compare. */
async function warm({ toka }: World): Promise<void> {
  const sandboxes = await Promise.all(Array.from({ length: SPARES }, () => toka.open({ language: 'typescript' })))
  for (const sandbox of sandboxes) expectSame((await sandbox.run({ source: '1 as number' })).value, 1)
  await Promise.all(sandboxes.map((sandbox) => sandbox.dispose()))
}

/**
 * Runs the seeds from `seed` on.
 * @returns how often each kind was run
 * @throws Error naming the kind and the seed of the first run with another result than expected
 */
export async function soak(world: World, options: SoakOptions): Promise<Map<string, number>> {
  const { runs, seed, inFlight, round, rest, stopped } = options
  const counts = new Map<string, number>()
  for (let done = 0; done < runs && !stopped?.(); ) {
    const end = Math.min(done + round, runs)
    let next = done
    const work = async (): Promise<void> => {
      while (next < end && !stopped?.()) await runOne(world, (seed + next++) >>> 0, counts)
    }
    await Promise.all(Array.from({ length: inFlight }, work))
    done = end
    if (!rest) continue
    await warm(world)
    await rest(done)
  }
  return counts
}
