/** Every value that may cross comes back as it was. */
import { expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { codec } from '../fuzz/codec.ts'
import { numbers } from '../fuzz/numbers.ts'
import { executeSeeds } from '../fuzz/session.ts'
import { makeTime, makeValue, same } from '../fuzz/values.ts'

test('whatever is encoded comes back equal, and encodes to the same bytes again', () => {
  for (let seed = 1; seed <= 3_000; seed++) {
    const original = makeValue(numbers(seed))
    const bytes = encodeValue(original)
    const back = decodeValue(bytes)
    expect([seed, same(back, original)]).toEqual([seed, true])
    expect([seed, encodeValue(back)]).toEqual([seed, bytes])
  }
})

test('random and damaged bytes are refused with an error of ours or decode to a value of exactly these bytes; messages of workers are refused or kept', async () => {
  const tally = await executeSeeds(await codec.open(), 1, 15_000)
  // Every way through must be taken, or the seeds say nothing about it.
  for (const outcome of [
    'decoded',
    'within narrow limits',
    'beyond narrow limits',
    'round trip',
    'message accepted',
    'message refused',
    'server ended',
  ])
    expect(tally.get(outcome), outcome).toBeGreaterThan(20)
  expect([...tally.keys()].filter((outcome) => outcome.startsWith('refused: ')).length).toBeGreaterThan(15)
}, 60_000)

test('every millisecond of a date survives, at the ends of time too', () => {
  const next = numbers(1)
  for (let round = 0; round < 3_000; round++) {
    const milliseconds = makeTime(next)
    expect((decodeValue(encodeValue(new Date(milliseconds))) as Date).getTime()).toBe(milliseconds)
  }
})
