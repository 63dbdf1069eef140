/** The guest's codec against the kernel's: what goes into a guest and comes back out is the same value, by one format. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeValue } from '../../src/kernel/values.ts'
import { valueOf } from '../run.ts'

/** Values of one batch: a run is far dearer than a value. */
const BATCH = 40
const SETTINGS = { seed: 20_261_123, numRuns: 15 }

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '__proto__', 'then', 'x'.repeat(300)),
)
const date = fc.date({
  noInvalidDate: true,
  min: new Date('-009999-01-01T00:00:00Z'),
  max: new Date('+009999-01-01T00:00:00Z'),
})
const member = fc.oneof(text, fc.integer(), fc.bigInt())

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      null,
      undefined,
      true,
      false,
      -0,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
      2 ** 53,
      65_504,
      65_505,
      6e-8,
    ),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.float(),
    fc.bigInt(),
    text,
    date,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('constructor', '7', 'name')), tie('value'), {
      maxKeys: 6,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(member, tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(member, { maxLength: 5 }).map((items) => new Set(items)),
    fc.tuple(fc.constantFrom('Error', 'TypeError', 'Käse'), text, tie('value')).map(([name, message, cause]) => {
      const error = new Error(message, { cause })
      if (name !== 'Error') Object.defineProperty(error, 'name', { value: name })
      return error
    }),
  ),
}))

test('values come back from a guest with the same bytes', async () => {
  const batch = fc.array(value, { minLength: BATCH, maxLength: BATCH })
  await fc.assert(
    fc.asyncProperty(batch, async (values) => {
      const back = await valueOf('input', { input: values })
      expect(encodeValue(back)).toEqual(encodeValue(values))
    }),
    SETTINGS,
  )
})

test('a guest sees the values, not their encoding: its own comparisons hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.double(), fc.maxSafeInteger(), text, fc.bigInt()), { minLength: BATCH, maxLength: BATCH }),
      async (values) => {
        const literals = values.map((each) =>
          typeof each === 'string'
            ? JSON.stringify(each)
            : typeof each === 'bigint'
              ? `${each}n`
              : Object.is(each, -0)
                ? '-0'
                : String(each),
        )
        expect(
          await valueOf(`[${literals.join(',')}].every((each, index) => Object.is(each, input[index]))`, {
            input: values,
          }),
        ).toBe(true)
      },
    ),
    SETTINGS,
  )
})
