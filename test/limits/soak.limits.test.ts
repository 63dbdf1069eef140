/** Several hundred mixed runs in one Toka, several at once: good ones, hostile ones, stopped ones; each ends as it must. */
import { expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { tokaOf, WAYS } from '../isolations.ts'
import { kinds, soak } from '../soak/soak.ts'

test.each(WAYS)(
  'mixed runs end as expected, every kind of them (%s)',
  async (way) => {
    const cancelsLoops = way !== 'inline' || (await canSuspend())
    const world = { toka: await tokaOf(way), cancelsLoops }
    const counts = await soak(world, { runs: 300, seed: 1, inFlight: 4, round: 300 })
    expect([...counts.keys()].sort()).toEqual(kinds.map(({ name }) => name).sort())
  },
  120_000,
)
