/** Deep equality as Node's `assert` has it (https://nodejs.org/api/assert.html#comparison-details), strict or loose. */
import { types } from './util-types.ts'

type Pair = readonly [unknown, unknown]

/** One comparison: what is under way on both sides is equal if it began together, so that cycles end. */
class Comparison {
  readonly #strict: boolean
  readonly #underWay: Pair[] = []

  constructor(strict: boolean) {
    this.#strict = strict
  }

  equal(a: unknown, b: unknown): boolean {
    if (Object.is(a, b)) return true
    if (!isObject(a) || !isObject(b)) {
      if (this.#strict || isObject(a) || isObject(b)) return false
      // biome-ignore lint/suspicious/noDoubleEquals: the loose form is this operator.
      return a == b || (Number.isNaN(a) && Number.isNaN(b))
    }
    const first = this.#underWay.findLastIndex(([one]) => one === a)
    const second = this.#underWay.findLastIndex(([, other]) => other === b)
    if (first >= 0 && second >= 0) return first === second
    this.#underWay.push([a, b])
    const same = this.#sameKind(a, b) && this.#sameContent(a, b) && this.#sameKeys(a, b)
    this.#underWay.pop()
    return same
  }

  #sameKind(a: object, b: object): boolean {
    if (this.#strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
    if (typeof a === 'function' || typeof b === 'function') return false
    if (Array.isArray(a) !== Array.isArray(b)) return false
    return KINDS.every((kind) => types[kind]?.(a) === types[kind]?.(b))
  }

  #sameContent(a: object, b: object): boolean {
    if (types['isDate']?.(a)) return Object.is(Number(a), Number(b))
    if (types['isRegExp']?.(a)) return String(a) === String(b) && (a as RegExp).lastIndex === (b as RegExp).lastIndex
    if (types['isBoxedPrimitive']?.(a)) return this.equal(primitiveOf(a), primitiveOf(b))
    if (types['isNativeError']?.(a)) return this.#sameErrors(a as Error, b as Error)
    if (types['isAnyArrayBuffer']?.(a))
      return sameBytes(new Uint8Array(a as ArrayBuffer), new Uint8Array(b as ArrayBuffer))
    if (types['isDataView']?.(a)) return sameBytes(bytesOf(a as DataView), bytesOf(b as DataView))
    if (types['isSet']?.(a)) return this.#sameSets(a as Set<unknown>, b as Set<unknown>)
    if (types['isMap']?.(a)) return this.#sameMaps(a as Map<unknown, unknown>, b as Map<unknown, unknown>)
    // What they hold cannot be seen.
    return !OPAQUE.some((kind) => types[kind]?.(a))
  }

  /** Their own text, name, cause and members, which are not enumerable. */
  #sameErrors(a: Error, b: Error): boolean {
    const names = ['message', 'name', 'cause', 'errors'] as const
    return names.every((name) => this.equal(Reflect.get(a, name), Reflect.get(b, name)))
  }

  #sameSets(a: Set<unknown>, b: Set<unknown>): boolean {
    if (a.size !== b.size) return false
    const rest = [...b].filter((value) => !a.has(value))
    return [...a].every((value) => b.has(value) || this.#take(rest, (other) => this.equal(value, other)))
  }

  #sameMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>): boolean {
    if (a.size !== b.size) return false
    const rest = [...b].filter(([key]) => !a.has(key))
    return [...a].every(([key, value]) =>
      b.has(key)
        ? this.equal(value, b.get(key))
        : this.#take(rest, ([other, its]) => this.equal(key, other) && this.equal(value, its)),
    )
  }

  /** Removes the first that fits. */
  #take<T>(from: T[], fits: (value: T) => boolean): boolean {
    const at = from.findIndex(fits)
    if (at >= 0) from.splice(at, 1)
    return at >= 0
  }

  #sameKeys(a: object, b: object): boolean {
    const keys = keysOf(a, this.#strict)
    if (keys.length !== keysOf(b, this.#strict).length) return false
    return keys.every(
      (key) =>
        Object.prototype.propertyIsEnumerable.call(b, key) && this.equal(Reflect.get(a, key), Reflect.get(b, key)),
    )
  }
}

const KINDS = [
  ...['isDate', 'isRegExp', 'isNativeError', 'isAnyArrayBuffer', 'isDataView', 'isSet', 'isMap'],
  ...Object.keys(types).filter((name) => /Array$|Object$/.test(name)),
]
const OPAQUE = ['isPromise', 'isWeakMap', 'isWeakSet']

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** Of a boxed primitive: whatever its own `valueOf` says. */
function primitiveOf(value: object): unknown {
  for (const { prototype } of [Number, String, Boolean, BigInt, Symbol]) {
    try {
      return Reflect.apply(prototype.valueOf, value, [])
    } catch {}
  }
  return value
}

const bytesOf = ({ buffer, byteOffset, byteLength }: DataView) => new Uint8Array(buffer, byteOffset, byteLength)

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at])

/** Enumerable ones; symbols count in the strict form alone. */
function keysOf(value: object, strict: boolean): PropertyKey[] {
  const symbols = strict ? Object.getOwnPropertySymbols(value) : []
  const shown = symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))
  return [...Object.keys(value), ...shown]
}

export function isDeepEqual(a: unknown, b: unknown): boolean {
  return new Comparison(false).equal(a, b)
}

export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  return new Comparison(true).equal(a, b)
}
