/** The guest's codec against the kernel's: what goes into a guest and comes back out is the same value, by one format. */
import { expect, test } from 'vitest'
import { encodeValue } from '../../src/kernel/values.ts'
import { type Next, numbers } from '../fuzz/numbers.ts'
import { makeValue } from '../fuzz/values.ts'
import { valueOf } from '../run.ts'

/** Values of one batch: a run is far dearer than a value. */
const BATCH = 40
const BATCHES = 15

const batch = (next: Next, depth?: number): unknown[] => Array.from({ length: BATCH }, () => makeValue(next, depth))

test('values come back from a guest with the same bytes', async () => {
  for (let seed = 1; seed <= BATCHES; seed++) {
    const values = batch(numbers(seed))
    const back = await valueOf('input', { input: values })
    expect([seed, encodeValue(back)]).toEqual([seed, encodeValue(values)])
  }
})

test('a guest sees the values, not their encoding: its own comparisons hold', async () => {
  for (let seed = 1; seed <= BATCHES; seed++) {
    const values = batch(numbers(seed), 0).filter((value) => typeof value !== 'object' && value !== undefined)
    const literals = values.map((each) =>
      typeof each === 'string'
        ? JSON.stringify(each)
        : typeof each === 'bigint'
          ? `${each}n`
          : Object.is(each, -0)
            ? '-0'
            : String(each),
    )
    const source = `[${literals.join(',')}].every((each, index) => Object.is(each, input[index]))`
    expect([seed, await valueOf(source, { input: values })]).toEqual([seed, true])
  }
})
