/** For whom and when a chain holds, to the millisecond. */
import { expect, test } from 'vitest'
import { checkCircumstances } from '../../capabilities/tokens/chain.ts'
import type { Link } from '../../capabilities/tokens/claims.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'

const ISSUED = 10_000
const END = 20_000
const SKEW = 500

/** @param later fields of the second link */
function chain(later: Partial<Link> = {}): { links: [Link, ...Link[]] } {
  const link = { audience: 'toka', expires: END, issuedAt: ISSUED } as Link
  return { links: [link, { ...link, ...later }] }
}

function refusal(later: Partial<Link>, now: number, audience = 'toka'): unknown {
  try {
    checkCircumstances(chain(later), { audience, now, skewMs: SKEW })
    return undefined
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    return { message: error.message, problem: error.problem, link: error.link }
  }
}

test('every link must be for who reads it', () => {
  expect(refusal({}, ISSUED)).toBeUndefined()
  expect(refusal({ audience: 'other' }, ISSUED)).toEqual({
    message: 'link 1: it is for "other"',
    problem: 'audience',
    link: 1,
  })
  expect(refusal({ audience: 'x'.repeat(150) }, ISSUED)).toMatchObject({
    message: expect.stringContaining(`it is for "${'x'.repeat(100)}"`),
  })
  expect(refusal({}, ISSUED, 'other')).toMatchObject({ message: expect.stringContaining('it is for "toka"') })
})

test('a link ends to the millisecond, whatever clocks may differ by', () => {
  expect(refusal({}, END - 1)).toBeUndefined()
  expect(refusal({}, END)).toEqual({
    message: `link 0: it ended at ${new Date(END).toISOString()}`,
    problem: 'expired',
    link: 0,
  })
  expect(refusal({ expires: 15_000 }, 15_000)).toMatchObject({ message: expect.stringContaining('it ended at') })
})

test('a link begins when it was made or later, less what clocks may differ by', () => {
  expect(refusal({}, ISSUED - SKEW)).toBeUndefined()
  const early = { message: expect.stringContaining(`it begins at ${new Date(ISSUED).toISOString()}`), problem: 'early' }
  expect(refusal({}, ISSUED - SKEW - 1)).toMatchObject(early)
  expect(refusal({ notBefore: 5_000 }, ISSUED - SKEW - 1)).toMatchObject(early)
  expect(refusal({ notBefore: 12_000 }, 12_000 - SKEW)).toBeUndefined()
  expect(refusal({ notBefore: 12_000 }, 12_000 - SKEW - 1)).toMatchObject({
    message: expect.stringContaining(`it begins at ${new Date(12_000).toISOString()}`),
  })
})
