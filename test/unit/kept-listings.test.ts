/** Listings that a process keeps for the directories it reads: all together they are bounded, whoever forgets to close. */
import { describe, expect, test } from 'vitest'
import { KeptListings, type Lister } from '../../src/kernel/kept-listings.ts'

const BOUND = 65_536
const listingOf = (length: number): number[] => Array.from({ length }, (_, n) => n)
const kept = (listers: readonly Lister<number>[]): number =>
  listers.reduce((sum, { listing }) => sum + (listing?.length ?? 0), 0)

describe('kept listings', () => {
  test('of 253 directories with 10,000 entries each are no more than the bound; the youngest are kept', () => {
    const all = new KeptListings<number>()
    const listers = Array.from({ length: 253 }, (): Lister<number> => ({ listing: undefined }))
    for (const lister of listers) {
      all.keep(lister, listingOf(10_000))
      expect(kept(listers)).toBeLessThanOrEqual(BOUND)
    }
    expect(listers.map(({ listing }) => listing !== undefined).lastIndexOf(false)).toBe(246)
  })

  test('that are replaced or forgotten leave their room to others', () => {
    const all = new KeptListings<number>()
    const [one, two] = [{ listing: undefined }, { listing: undefined }] as [Lister<number>, Lister<number>]
    all.keep(two, listingOf(30_000))
    for (let round = 0; round < 5; round++) all.keep(one, listingOf(30_000))
    expect(kept([one, two])).toBe(60_000)
    for (let round = 0; round < 5; round++) all.forget(one)
    all.keep(one, listingOf(35_000))
    expect(kept([one, two])).toBe(65_000)
  })

  test('with more entries than the bound are kept alone', () => {
    const all = new KeptListings<number>()
    const [one, two] = [{ listing: undefined }, { listing: undefined }] as [Lister<number>, Lister<number>]
    all.keep(one, listingOf(10))
    all.keep(two, listingOf(BOUND + 1))
    expect([one.listing, two.listing?.length]).toEqual([undefined, BOUND + 1])
    all.keep(one, listingOf(10))
    expect([one.listing?.length, two.listing]).toEqual([10, undefined])
  })
})
