/** The one codec of the border: plain values in, deterministic CBOR bytes out, and back. The format is docs/values.md. */
import { BORDER, DEFAULT_LIMITS } from '../limits.ts'
import { decodeBytes } from './value-decoder.ts'
import { encodeAny } from './value-encoder.ts'
import type { ValueLimits } from './value-format.ts'

export type { ValueLimits }

/** An argument or a result of one host call. */
export const CALL_VALUE_LIMITS: Readonly<ValueLimits> = {
  structuredBytes: DEFAULT_LIMITS.structuredBytes,
  flatBytes: DEFAULT_LIMITS.flatBytes,
  nodes: BORDER.valueNodes,
  depth: BORDER.valueDepth,
}

/** A run's input or result: these cross once a run. */
export const RUN_VALUE_LIMITS: Readonly<ValueLimits> = {
  structuredBytes: BORDER.resultBytes,
  flatBytes: BORDER.resultBytes,
  nodes: BORDER.resultNodes,
  depth: BORDER.valueDepth,
}

/**
 * Encodes a value: null, undefined, booleans, numbers, bigints, well-formed strings, bytes (`Uint8Array`,
 * `ArrayBuffer`, any view), arrays, plain objects, `Map`, `Set`, `Date` and `Error` (name, message, cause).
 * Only own data properties are read: no getter of a value runs.
 * @param limits sizes; absent ones are those of a host call ({@link CALL_VALUE_LIMITS})
 * @returns a fresh array that nobody else holds
 * @throws TokaError TOKA_VALUE_UNSUPPORTED with the path of what cannot cross (`$.orders[3].buyer`), TOKA_VALUE_SIZE
 * @example encodeValue({ id: 7 }) // a1 62 69 64 07
 */
export function encodeValue(value: unknown, limits?: Partial<ValueLimits>): Uint8Array {
  return encodeAny(value, limits === undefined ? CALL_VALUE_LIMITS : { ...CALL_VALUE_LIMITS, ...limits })
}

/**
 * Decodes bytes that may be hostile: every rule of the format is checked, sizes before allocation.
 * Objects are ordinary objects whose keys are own data properties, whatever their names; nothing in the answer
 * shares memory with `bytes`.
 * @param bytes one encoded value, whole; not over a `SharedArrayBuffer`
 * @throws TokaError TOKA_VALUE_UNSUPPORTED when the bytes break a rule, TOKA_VALUE_SIZE when they exceed a limit
 */
export function decodeValue(bytes: Uint8Array, limits?: Partial<ValueLimits>): unknown {
  return decodeBytes(bytes, limits === undefined ? CALL_VALUE_LIMITS : { ...CALL_VALUE_LIMITS, ...limits })
}

/** What a guest says of its failure. */
const REPORT_LIMITS = { nodes: 64, depth: 4, structuredBytes: BORDER.transferBytes }

/** The fields of a guest's report, none of them checked; nothing where there are no fields. */
export function readReport(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const report = decodeValue(payload, REPORT_LIMITS)
    return typeof report === 'object' && report !== null ? (report as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
