/** The examples of RFC 8949, appendix A, as far as the format goes. */
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** RFC 8949, appendix A: the examples within our subset. */
const SHARED: [unknown, string][] = [
  [0, '00'],
  [1, '01'],
  [10, '0a'],
  [23, '17'],
  [24, '1818'],
  [25, '1819'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [18446744073709551616n, 'c249010000000000000000'],
  [-18446744073709551617n, 'c349010000000000000000'],
  [-1, '20'],
  [-10, '29'],
  [-100, '3863'],
  [-1000, '3903e7'],
  [-0, 'f98000'],
  [1.1, 'fb3ff199999999999a'],
  [1.5, 'f93e00'],
  [3.4028234663852886e38, 'fa7f7fffff'],
  [1e300, 'fb7e37e43c8800759c'],
  [2 ** -24, 'f90001'],
  [0.00006103515625, 'f90400'],
  [-4.1, 'fbc010666666666666'],
  [Number.POSITIVE_INFINITY, 'f97c00'],
  [Number.NaN, 'f97e00'],
  [Number.NEGATIVE_INFINITY, 'f9fc00'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [undefined, 'f7'],
  [new Date(1363896240_000), 'c11a514b67b0'],
  [new Date(1363896240_500), 'c1fb41d452d9ec200000'],
  [new Uint8Array(0), '40'],
  [new Uint8Array([1, 2, 3, 4]), '4401020304'],
  ['', '60'],
  ['a', '6161'],
  ['IETF', '6449455446'],
  ['"\\', '62225c'],
  ['\u00fc', '62c3bc'],
  ['\u6c34', '63e6b0b4'],
  ['\ud800\udd51', '64f0908591'],
  [[], '80'],
  [[1, 2, 3], '83010203'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [Array.from({ length: 25 }, (_, index) => index + 1), '98190102030405060708090a0b0c0d0e0f101112131415161718181819'],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  [['a', { b: 'c' }], '826161a161626163'],
  [{ a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }, 'a56161614161626142616361436164614461656145'],
]

/** Appendix A's other examples: legal CBOR that is not ours (long floats, other tags, indefinite lengths, keys). */
const REFUSED = [
  '1bffffffffffffffff',
  '3bffffffffffffffff',
  'f90000',
  'f93c00',
  'f97bff',
  'fa47c35000',
  'f9c400',
  'fa7f800000',
  'fa7fc00000',
  'faff800000',
  'fb7ff0000000000000',
  'fb7ff8000000000000',
  'fbfff0000000000000',
  'f0',
  'f8ff',
  'c074323031332d30332d32315432303a30343a30305a',
  'd74401020304',
  'd818456449455446',
  'd82076687474703a2f2f7777772e6578616d706c652e636f6d',
  'a201020304',
  '5f42010243030405ff',
  '7f657374726561646d696e67ff',
  '9fff',
  '9f018202039f0405ffff',
  '9f01820203820405ff',
  '83018202039f0405ff',
  '83019f0203ff820405',
  '9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff',
  'bf61610161629f0203ffff',
  '826161bf61626163ff',
  'bf6346756ef563416d7421ff',
]

/** The examples of docs/values.md and the corners of its rules. */
const OURS: [unknown, string][] = [
  [10n, 'c2410a'],
  [0n, 'c240'],
  [-1n, 'c340'],
  [new Date(1500), 'c1f93e00'],
  [new Date(0), 'c100'],
  [new Map<unknown, unknown>([[1, 'a']]), 'd90103a1016161'],
  [new Set([1]), 'd9010281' + '01'],
  [2 ** 53 - 1, '1b001fffffffffffff'],
  [-(2 ** 53 - 1), '3b001ffffffffffffe'],
  [2 ** 53, 'fa5a000000'],
  [2 ** 60, 'fa5d800000'],
  [5e-324, 'fb0000000000000001'],
  [2 ** -25, 'fa33000000'],
  [65_504.5, 'fa477fe080'],
  ['\ufeffx', '64efbbbf78'],
]

describe('the value format', () => {
  test.each([...SHARED, ...OURS])('%o has the bytes %s, both ways', (value, hex) => {
    expect(toHex(encodeValue(value))).toBe(hex)
    expect(decodeValue(fromHex(hex))).toEqual(value)
    expect(Object.is(decodeValue(fromHex(hex)), -0)).toBe(Object.is(value, -0))
  })

  test.each(REFUSED)('%s of RFC 8949 is outside the subset and refused', (hex) => {
    expect(() => decodeValue(fromHex(hex))).toThrow(expect.objectContaining({ code: 'TOKA_VALUE_UNSUPPORTED' }))
  })

  test('an error crosses as name, message and cause, and never with a stack', () => {
    const hex = toHex(encodeValue(new TypeError('no')))
    expect(hex).toBe('da544f4b41a2646e616d6569547970654572726f72676d657373616765626e6f')
    const error = decodeValue(encodeValue(new RangeError('far', { cause: { at: 3 } }))) as Error
    expect(error).toBeInstanceOf(Error)
    expect([error.name, error.message, error.cause]).toEqual(['RangeError', 'far', { at: 3 }])
    expect(error.stack).toBe('RangeError: far')
    expect(Object.keys(error)).toEqual([])
  })

  test('every half float comes back as itself, or is refused because it is an integer or another NaN', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const encoded = new Uint8Array([0xf9, bits >> 8, bits & 0xff])
      const exponent = (bits >> 10) & 31
      let value: unknown
      try {
        value = decodeValue(encoded)
      } catch {
        const isNaNForm = exponent === 31 && (bits & 0x3ff) !== 0
        expect(isNaNForm || exponent >= 15 || bits === 0).toBe(true)
        continue
      }
      expect(encodeValue(value)).toEqual(encoded)
    }
  })
})
