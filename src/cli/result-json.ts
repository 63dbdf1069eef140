/** A result in, one line of JSON out: bytes as base64, and what JSON has no form for in the nearest one. */
import type { RunResult } from '../index.ts'

/**
 * Bytes become base64 text, dates ISO text, big integers decimal text, maps arrays of pairs, sets arrays;
 * numbers that JSON lacks become text (`"NaN"`).
 */
export function resultToJson(result: RunResult): string {
  return JSON.stringify(toJson(result))
}

/** The value of a run as JSON text, indented. */
export function valueToJson(value: unknown): string {
  return JSON.stringify(toJson(value), undefined, 2)
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof Map) return [...value].map(([key, item]) => [toJson(key), toJson(item)])
  if (value instanceof Set) return [...value].map(toJson)
  if (Array.isArray(value)) return value.map(toJson)
  // A guest may name a key `__proto__`: it must stay a key.
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, item] of Object.entries(value)) copy[key] = toJson(item)
  return copy
}
