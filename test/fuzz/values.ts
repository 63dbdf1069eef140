/** Choices in, values of every kind that may cross a border out; and what it means that two of them are the same. */
import { type Next, pick } from './numbers.ts'

const MAX_DEPTH = 5

const CONSTANTS = [
  null,
  undefined,
  true,
  false,
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
  Number.MIN_VALUE,
  2 ** 53,
  65_504,
  65_505,
  6e-8,
]
const TEXTS = ['', '__proto__', 'constructor', 'then', 'name', '1', '7', 'x'.repeat(300), '\ufeff', 'é', '𝒳']

/** Well-formed text: any code point but a surrogate. */
function makeText(next: Next): string {
  if (next(3) === 0) return pick(next, TEXTS)
  return Array.from({ length: next(12) }, () => {
    const code = next(4) ? next(0x80) : next(0x11_0000)
    return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0x20 : code)
  }).join('')
}

function makeDouble(next: Next): number {
  const view = new DataView(new ArrayBuffer(8))
  for (let at = 0; at < 8; at++) view.setUint8(at, next(256))
  return next(2) ? view.getFloat64(0) : view.getFloat32(0)
}

function makeBigInt(next: Next): bigint {
  const digits = BigInt(Array.from({ length: next(20) }, () => next(256)).reduce((text, byte) => text + byte, '0'))
  return next(2) ? -digits : digits
}

/** A time in milliseconds, of which the most are near 1970 and some at the ends of time. */
export function makeTime(next: Next): number {
  const milliseconds = next(2) ? next(2 ** 41) : pick(next, [8.64e15, 2 ** 42 * 1000, 2 ** 52]) - next(1_000)
  return next(2) ? -milliseconds : milliseconds
}

/** What may be a key of a map: what is no container and not -0. */
function makeMember(next: Next): unknown {
  if (next(2)) return makeText(next)
  const number = next(2) ? makeDouble(next) : next(2 ** 32) - 2 ** 31
  return next(4) === 0 ? makeBigInt(next) : number === 0 ? 0 : number
}

function makeError(next: Next, depth: number): Error {
  const error = new Error(makeText(next), next(2) ? { cause: makeValue(next, depth - 1) } : undefined)
  const name = pick(next, ['Error', 'TypeError', 'Käse'])
  if (name !== 'Error') Object.defineProperty(error, 'name', { value: name })
  return error
}

function makeObject(next: Next, depth: number): object {
  const object = {}
  for (let left = next(6); left > 0; left--) {
    const descriptor = { enumerable: true, configurable: true, writable: true, value: makeValue(next, depth - 1) }
    Object.defineProperty(object, makeText(next), descriptor)
  }
  return object
}

/** @param depth containers within each other, at most */
export function makeValue(next: Next, depth = MAX_DEPTH): unknown {
  switch (next(depth > 0 ? 14 : 8)) {
    case 0:
    case 1:
      return pick(next, CONSTANTS)
    case 2:
      return next(2 ** 32) - 2 ** 31
    case 3:
      return makeDouble(next)
    case 4:
      return makeBigInt(next)
    case 5:
      return makeText(next)
    case 6:
      return new Date(makeTime(next))
    case 7:
      return Uint8Array.from({ length: next(40) }, () => next(256))
    case 8:
    case 9:
      return Array.from({ length: next(6) }, () => makeValue(next, depth - 1))
    case 10:
    case 11:
      return makeObject(next, depth)
    case 12:
      return next(3)
        ? new Map(Array.from({ length: next(5) }, () => [makeMember(next), makeValue(next, depth - 1)]))
        : makeError(next, depth)
    default:
      return new Set(Array.from({ length: next(5) }, () => makeMember(next)))
  }
}

/** Dates round to milliseconds, and JavaScript moves integer-like keys to the front: the two places where bytes may differ. */
export function holdsOtherForms(value: unknown): boolean {
  if (value instanceof Date) return true
  if (value instanceof Map) return [...value].flat().some(holdsOtherForms)
  if (value instanceof Set) return [...value].some(holdsOtherForms)
  if (value instanceof Error) return holdsOtherForms(value.cause)
  if (Array.isArray(value)) return value.some(holdsOtherForms)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.keys(value).some((key) => /^\d+$/.test(key)) || Object.values(value).some(holdsOtherForms)
}

/** Equality that no key can mislead (`constructor`, `__proto__`), in the order of keys and entries. */
export function same(left: unknown, right: unknown): boolean {
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
  if (value instanceof Error) return [value.name, value.message, 'cause' in value, value.cause]
  // Integer-like keys come first in any JavaScript object, so both sides list them alike.
  return Object.keys(value).flatMap((key) => [key, Object.getOwnPropertyDescriptor(value, key)?.value])
}
