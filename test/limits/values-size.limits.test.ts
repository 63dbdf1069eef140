// The threat: a value from a guest, or from a tool, that makes the host hold or do far more than its bytes say.
import { describe, expect, test } from 'vitest'
import { CALL_VALUE_LIMITS, decodeValue, encodeValue, RUN_VALUE_LIMITS } from '../../src/kernel/values.ts'

const size = expect.objectContaining({ code: 'TOKA_VALUE_SIZE' })

function nested(depth: number): unknown {
  let value: unknown = 0
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

describe('limits of a value', () => {
  test('depth: 128 levels pass, 129 do not, both ways', () => {
    expect(decodeValue(encodeValue(nested(128)))).toEqual(nested(128))
    expect(() => encodeValue(nested(129))).toThrow(size)
    expect(() => decodeValue(encodeValue(nested(129), { depth: 200 }))).toThrow(size)
    expect(() => encodeValue(nested(100_000))).toThrow(size)
    expect(() => decodeValue(new Uint8Array(100_000).fill(0x81))).toThrow(size)
  })

  test('nodes: every value and key counts, both ways', () => {
    const limits = { nodes: 5 }
    expect(() => encodeValue([1, 2, 3, 4], limits)).not.toThrow()
    expect(() => encodeValue([1, 2, 3, 4, 5], limits)).toThrow(size)
    expect(() => encodeValue({ a: 1, b: 2 }, limits)).not.toThrow()
    expect(() => encodeValue({ a: 1, b: 2, c: 3 }, limits)).toThrow(size)
    expect(() => decodeValue(encodeValue([1, 2, 3, 4, 5]), limits)).toThrow(size)
    expect(() => decodeValue(encodeValue({ a: 1, b: 2, c: 3 }), limits)).toThrow(size)
  })

  test('bytes: a structured value has 128 KiB, a string or bytes alone 4 MiB', () => {
    const flat = CALL_VALUE_LIMITS.flatBytes
    const structured = CALL_VALUE_LIMITS.structuredBytes
    expect(encodeValue('x'.repeat(flat - 5))).toHaveLength(flat)
    expect(() => encodeValue('x'.repeat(flat))).toThrow(size)
    expect(() => encodeValue(new Uint8Array(flat))).toThrow(size)
    expect(encodeValue(['x'.repeat(structured - 6)])).toHaveLength(structured)
    expect(() => encodeValue(['x'.repeat(structured)])).toThrow(size)
    expect(() => decodeValue(encodeValue(['x'.repeat(structured)], RUN_VALUE_LIMITS))).toThrow(size)
    expect(() => encodeValue(Array.from({ length: 40_000 }, () => 'abc'))).toThrow(size)
  })

  test('bytes: one byte too many at the end is seen as well', () => {
    for (const bytes of [1, 2, 3, 4, 5]) {
      expect(encodeValue([1, 2, 3, 4], { structuredBytes: 5 })).toHaveLength(5)
      expect(() => encodeValue(Array(bytes).fill(1), { structuredBytes: bytes })).toThrow(size)
    }
  })

  test('characters count as the bytes they take', () => {
    expect(() => encodeValue('€'.repeat(10), { flatBytes: 30 })).toThrow(size)
    expect(encodeValue('€'.repeat(10), { flatBytes: 32 })).toHaveLength(32)
  })

  test('a giant bigint is refused before it is written out', () => {
    const giant = 1n << 20_000_000n
    const start = performance.now()
    expect(() => encodeValue(giant)).toThrow(size)
    expect(performance.now() - start).toBeLessThan(500)
    expect(decodeValue(encodeValue(1n << 40_000n))).toBe(1n << 40_000n)
  })
})
