/** The built-ins that the prelude itself relies on, captured before any guest code runs: patching a prototype later changes nothing here. */

type Method<Self, Rest extends unknown[], Result> = (this: Self, ...rest: Rest) => Result

const bindCall = Function.prototype.bind.bind(Function.prototype.call) as (
  method: unknown,
) => (...args: unknown[]) => unknown

/** Turns a method into a function that takes `this` first, without going through the method's own `call`. */
export function uncurry<Self, Rest extends unknown[], Result>(
  method: Method<Self, Rest, Result>,
): (self: Self, ...rest: Rest) => Result {
  return bindCall(method) as (self: Self, ...rest: Rest) => Result
}

function getterOf<Self, Result>(holder: object, name: PropertyKey): (self: Self) => Result {
  const getter = Object.getOwnPropertyDescriptor(holder, name)?.get as Method<Self, [], Result>
  return uncurry(getter)
}

export const {
  create,
  defineProperty,
  entries: entriesOf,
  freeze,
  getOwnPropertyDescriptor,
  getOwnPropertyNames,
  getOwnPropertySymbols,
  getPrototypeOf,
  hasOwn,
  is,
  keys: keysOf,
  setPrototypeOf,
} = Object
export const { apply, ownKeys, set: setProperty } = Reflect
export const { isArray } = Array
export const { isSafeInteger, isInteger } = Number
export const { floor, min, max, f16round, fround, round, abs } = Math as typeof Math & {
  f16round(value: number): number
}
export const { parse: parseJson, stringify: stringifyJson } = JSON

export const PromisePrototype = Promise.prototype
export const isPrototypeOf = uncurry(Object.prototype.isPrototypeOf)
export const ObjectPrototype = Object.prototype
export const ArrayBufferPrototype = ArrayBuffer.prototype
export const ArrayPrototype = Array.prototype
export const DatePrototype = Date.prototype
export const MapPrototype = Map.prototype
export const SetPrototype = Set.prototype
export const SafeArray = Array
export const SafeArrayBuffer = ArrayBuffer
export const SafeBigInt = BigInt
export const SafeDate = Date
export const SafeError = Error
export const SafeMap = Map
export const SafeNumber = Number
export const SafePromise = Promise
export const SafeProxy = Proxy
export const SafeRangeError = RangeError
export const SafeSet = Set
export const SafeSyntaxError = SyntaxError
export const SafeTypeError = TypeError
export const SafeUint8Array = Uint8Array

export const charCodeAt = uncurry(String.prototype.charCodeAt)
export const fromCharCode = String.fromCharCode
export const isWellFormed = uncurry(String.prototype.isWellFormed)
export const toWellFormed = uncurry(String.prototype.toWellFormed)
export const sliceText = uncurry(String.prototype.slice)
export const startsWith = uncurry(String.prototype.startsWith)
export const indexOfText = uncurry(String.prototype.indexOf)
export const lastIndexOfText = uncurry(String.prototype.lastIndexOf)
export const bigintText = uncurry(BigInt.prototype.toString)
export const getTime = uncurry(Date.prototype.getTime)
export const mapForEach = uncurry(Map.prototype.forEach)
export const mapGet = uncurry(Map.prototype.get) as <K, V>(map: Map<K, V>, key: K) => V | undefined
export const mapDelete = uncurry(Map.prototype.delete) as <K, V>(map: Map<K, V>, key: K) => boolean
export const mapSet = uncurry(Map.prototype.set) as <K, V>(map: Map<K, V>, key: K, value: V) => Map<K, V>
export const setForEach = uncurry(Set.prototype.forEach)
export const setAdd = uncurry(Set.prototype.add) as <T>(set: Set<T>, value: T) => Set<T>

const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object
type Bytes = Uint8Array
export const bytesBuffer = getterOf<ArrayBufferView, ArrayBuffer>(TypedArrayPrototype, 'buffer')
export const bytesOffset = getterOf<ArrayBufferView, number>(TypedArrayPrototype, 'byteOffset')
export const bytesSize = getterOf<ArrayBufferView, number>(TypedArrayPrototype, 'byteLength')
export const bytesLength = getterOf<Bytes, number>(TypedArrayPrototype, 'length')
export const bytesTag = getterOf<unknown, string | undefined>(TypedArrayPrototype, Symbol.toStringTag)
export const setBytes = uncurry((Uint8Array.prototype as Uint8Array).set) as (
  target: Bytes,
  source: ArrayLike<number>,
  at?: number,
) => void
export const toHex = uncurry((Uint8Array.prototype as Uint8Array & { toHex(): string }).toHex)
export const { fromHex } = Uint8Array as typeof Uint8Array & { fromHex(text: string): Bytes }
export const dataBuffer = getterOf<DataView, ArrayBuffer>(DataView.prototype, 'buffer')
export const dataOffset = getterOf<DataView, number>(DataView.prototype, 'byteOffset')
export const dataSize = getterOf<DataView, number>(DataView.prototype, 'byteLength')
export const bufferSize = getterOf<ArrayBuffer, number>(ArrayBuffer.prototype, 'byteLength')
export const isView = ArrayBuffer.isView

const errorBrand = (Error as typeof Error & { isError(value: unknown): boolean }).isError
/** Whether the value is an error by its internal slot, whatever its prototype says. */
export const isError: (value: unknown) => value is Error = errorBrand as (value: unknown) => value is Error

/** A view over part of a byte array. Never `subarray`, which asks the array for its species. */
export function viewOf(bytes: Bytes, start: number, length: number): Bytes {
  return new SafeUint8Array(bytesBuffer(bytes), bytesOffset(bytes) + start, length)
}

/**
 * Puts texts together. QuickJS compiles a template literal to a call of `String.prototype.concat`, which may be the
 * guest's: what must not break has none.
 */
export function concat(...parts: (string | number | bigint | boolean | null | undefined)[]): string {
  let text = ''
  for (let index = 0; index < parts.length; index++) text += parts[index]
  return text
}

/**
 * A list that has its full length, and no prototype, from the beginning: adding to an array would ask Array.prototype
 * for setters.
 */
export function listOf<T>(length: number, value: T): T[] {
  const list = setPrototypeOf(new SafeArray<T>(length), null) as T[]
  for (let index = 0; index < length; index++) list[index] = value
  return list
}
