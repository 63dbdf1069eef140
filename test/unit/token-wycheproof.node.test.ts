/** The signature cases of the Wycheproof project: every invalid one is refused, every valid one of a key's own algorithm accepted. */
import { expect, test } from 'vitest'
import { CALLER_ALGORITHMS, importVerifyingKey, type Algorithm, type Jwk } from '../../capabilities/tokens/keys.ts'
import { verifyJws } from '../../capabilities/tokens/jws.ts'
import { skipReasons } from '../skip-reasons.ts'
import { readVectors } from '../vectors.node.ts'

type Case = { tcId: number; comment: string; jws: unknown; result: 'valid' | 'invalid' | 'acceptable' }
type Group = { public?: Jwk; private?: Jwk; tests: Case[] }

const vectors = readVectors('wycheproof/json_web_signature_test.json') as { testGroups: Group[] } | undefined

async function accepts(jws: unknown, jwk: Jwk): Promise<boolean> {
  try {
    if (typeof jws !== 'string') return false
    const alg = (jwk.alg === 'ES521' ? 'ES512' : jwk.alg) as Algorithm
    const key = await importVerifyingKey({ ...jwk, alg }, alg)
    await verifyJws(jws, undefined, ({ kid }) => (kid === jwk.kid ? key : undefined))
    return true
  } catch {
    return false
  }
}

/** Valid by a key that names another algorithm, or with letters that the text must not have: a key has one algorithm, bytes one text. */
const STRICTER = new Set(['Figure20', 'InvalidCharacterInsertedInHeader', 'InvalidCharacterInsertedInPayload'])

test('every invalid signature is refused, every valid one is accepted', async ({ skip }) => {
  skip(!vectors, skipReasons.noVectors)
  const wrong: string[] = []
  // Two cases are said to be invalid whose text is, letter for letter, that of a valid case with the same key.
  const contradictions: number[] = []
  const tally = { valid: 0, invalid: 0 }
  for (const group of vectors!.testGroups) {
    const jwk = group.public ?? group.private!
    for (const one of group.tests) {
      const accepted = await accepts(one.jws, jwk)
      const supported = CALLER_ALGORITHMS.some((alg) => alg === jwk.alg) || jwk.alg === 'ES521'
      const valid =
        one.result === 'valid' || group.tests.some(({ result, jws }) => result === 'valid' && jws === one.jws)
      if (valid !== (one.result === 'valid')) contradictions.push(one.tcId)
      const expected = valid && supported && !STRICTER.has(one.comment)
      tally[one.result === 'valid' ? 'valid' : 'invalid']++
      if (accepted !== expected)
        wrong.push(`${one.tcId} ${one.comment}: ${one.result}, key ${jwk.alg}, accepted ${accepted}`)
    }
  }
  expect(wrong).toEqual([])
  expect(contradictions).toEqual([367, 370])
  expect(tally).toEqual({ valid: 46, invalid: 355 })
}, 60_000)
