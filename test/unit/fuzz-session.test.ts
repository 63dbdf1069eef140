/** The fuzzer itself: it finds what fails, says with which seed, and makes the input smaller. */
import { expect, test } from 'vitest'
import { choices, numbers, randomBytes } from '../fuzz/numbers.ts'
import { executeSeeds, type Session, shrink } from '../fuzz/session.ts'

/** Fails for inputs with a 7 somewhere before a 9. */
const picky: Session = {
  make: (seed) => randomBytes(numbers(seed), 200),
  execute: (input) => {
    if (input.indexOf(7) >= 0 && input.lastIndexOf(9) > input.indexOf(7)) throw new Error(`a 7 at ${input.indexOf(7)}`)
    return input.includes(7) ? ['seven'] : 'none'
  },
}

test('a failing seed is named, with the smallest input that fails in the same way', async () => {
  await expect(executeSeeds(picky, 1, 200)).rejects.toThrow(/^seed \d+, input \[7,9\]: Error: a 7 at \d+$/)
  const input = new Uint8Array([1, 7, 2, 9, 3])
  expect([...(await shrink(picky, input, new Error('a 7 at 1')))]).toEqual([7, 9])
})

test('outcomes are counted, and one that is asynchronous too', async () => {
  const session: Session = {
    make: (seed) => new Uint8Array([seed]),
    execute: async (input) => [`${(input[0] ?? 0) % 2}`],
  }
  expect([...(await executeSeeds(session, 0, 5))]).toEqual([
    ['0', 3],
    ['1', 2],
  ])
})

test('a seed makes the same input everywhere, and choices end in zeros', () => {
  expect([...randomBytes(numbers(1), 4)]).toEqual([...randomBytes(numbers(1), 4)])
  const next = choices(new Uint8Array([3, 1, 2]))
  expect([next(2), next(1_000), next(1_000), next(2 ** 32)]).toEqual([1, 258, 0, 0])
})
