/** What a guest says of its failure: fields, or nothing. */
import { expect, test } from 'vitest'
import { encodeValue, readReport } from '../../src/kernel/values.ts'

test('a report has fields; whatever has none is no report', () => {
  expect(readReport(encodeValue({ name: 'E', kind: 5 }))).toEqual({ name: 'E', kind: 5 })
  for (const none of [null, undefined, 5, 'x', true, 7n]) expect(readReport(encodeValue(none))).toBeUndefined()
  expect(readReport(new Uint8Array([255, 1]))).toBeUndefined()
  expect(readReport(new Uint8Array(0))).toBeUndefined()
})
