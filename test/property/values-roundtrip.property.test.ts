/** Every value that may cross comes back as it was. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'

const SETTINGS = { seed: 20_240_719, numRuns: 400 }

const string = fc.string({ unit: 'binary', maxLength: 60 })
const date = fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) })

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE),
    fc.integer(),
    fc.double(),
    fc.float(),
    fc.bigInt(),
    string,
    date,
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.oneof(string, fc.constantFrom('__proto__', 'constructor', '1', 'name')), tie('value'), {
      maxKeys: 6,
      noNullPrototype: true,
    }),
    fc
      .array(fc.tuple(fc.oneof(string, fc.integer(), fc.bigInt()), tie('value')), { maxLength: 5 })
      .map((entries) => new Map(entries)),
    fc
      .array(
        fc.oneof(
          string,
          fc.double().filter((n) => !Object.is(n, -0)),
        ),
        { maxLength: 5 },
      )
      .map((items) => new Set(items)),
  ),
}))

test('whatever is encoded comes back equal, and encodes to the same bytes again', () => {
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeValue(original)
      const back = decodeValue(bytes)
      expect(same(back, original)).toBe(true)
      expect(encodeValue(back)).toEqual(bytes)
    }),
    SETTINGS,
  )
})

test('bytes with one change decode to a value that has exactly these bytes, or are refused: there is one form for each value', () => {
  fc.assert(
    fc.property(
      value,
      fc.nat(),
      fc.nat(255),
      fc.constantFrom('set', 'cut', 'insert', 'add'),
      (original, place, byte, how) => {
        const bytes = encodeValue(original)
        const at = place % bytes.length
        const changed =
          how === 'set'
            ? Uint8Array.from(bytes, (old, index) => (index === at ? byte : old))
            : how === 'cut'
              ? bytes.slice(0, at)
              : Uint8Array.from([...bytes.slice(0, at), byte, ...bytes.slice(how === 'add' ? at : at + 1)])
        let back: unknown
        try {
          back = decodeValue(changed)
        } catch (error) {
          expect(error).toMatchObject({ name: 'TokaError' })
          expect(['TOKA_VALUE_UNSUPPORTED', 'TOKA_VALUE_SIZE']).toContain((error as { code: string }).code)
          return
        }
        if (holdsOtherForms(back)) return
        expect(encodeValue(back)).toEqual(changed)
      },
    ),
    { ...SETTINGS, numRuns: 3_000 },
  )
})

test('random bytes are refused with an error of ours or decode to a value of those bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      let back: unknown
      try {
        back = decodeValue(bytes)
      } catch (error) {
        expect(error).toMatchObject({ name: 'TokaError' })
        return
      }
      if (!holdsOtherForms(back)) expect(encodeValue(back)).toEqual(bytes)
    }),
    { ...SETTINGS, numRuns: 5_000 },
  )
})

test('every millisecond of a date survives, at the ends of time too', () => {
  fc.assert(
    fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), (milliseconds) => {
      expect((decodeValue(encodeValue(new Date(milliseconds))) as Date).getTime()).toBe(milliseconds)
    }),
    { ...SETTINGS, numRuns: 3_000 },
  )
})

/** Dates round to milliseconds, and JavaScript moves integer-like keys to the front: the two places where bytes may differ. */
function holdsOtherForms(value: unknown): boolean {
  if (value instanceof Date) return true
  if (value instanceof Map) return [...value].flat().some(holdsOtherForms)
  if (value instanceof Set) return [...value].some(holdsOtherForms)
  if (value instanceof Error) return holdsOtherForms(value.cause)
  if (Array.isArray(value)) return value.some(holdsOtherForms)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.keys(value).some((key) => /^\d+$/.test(key)) || Object.values(value).some(holdsOtherForms)
}

/** Equality that no key can mislead (`constructor`, `__proto__`), in the order of keys and entries. */
function same(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return Object.is(left, right)
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime()
  const [a, b] = [parts(left), parts(right)]
  return a.length === b.length && a.every((item, index) => same(item, b[index]))
}

function parts(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat()
  if (value instanceof Set || value instanceof Uint8Array || Array.isArray(value)) return [...value]
  // Integer-like keys come first in any JavaScript object, so both sides list them alike.
  return Object.keys(value).flatMap((key) => [key, Object.getOwnPropertyDescriptor(value, key)?.value])
}
